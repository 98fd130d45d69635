//! Commands a second through one sender, without answers and with them.

use std::time::Instant;

use shared::{Command, Message, Request};

use crate::{
    client::{question, turn},
    side::{Controller, Side},
    table::{Goal, THOUSANDS_A_SECOND, Table, alternately},
};

const FLOOD: usize = 200_000;
const ROUND_TRIPS: usize = 20_000;

pub(crate) fn measure(sides: &[Side; 2], table: &mut Table) {
    let mut both = sides.each_ref().map(Side::start);
    let flooded = alternately(&mut both, |controller| flood(controller));
    table.row("commands a second, flooded", &THOUSANDS_A_SECOND, &flooded, &Goal::AtLeast(0.95));
    let answered = alternately(&mut both, |controller| round_trips(controller));
    table.row("commands a second, each answered", &THOUSANDS_A_SECOND, &answered, &Goal::AtLeast(0.95));
    both.into_iter().for_each(Controller::end);
}

/// As fast as the queue takes them, until the answer to a question behind them all.
fn flood(controller: &Controller<'_>) -> f64 {
    let messages: [(Message, _); 2] = [0, 1].map(turn).map(|(command, state)| {
        let request = Request { command, reply_to: None };
        (request.encode(), state)
    });
    let fence = question(Command::Status);
    let start = Instant::now();
    for number in 0..FLOOD {
        controller.client.send(&messages[number % 2].0);
    }
    controller.client.send(&fence);
    controller.client.hear(messages[(FLOOD - 1) % 2].1);
    FLOOD as f64 / start.elapsed().as_secs_f64()
}

fn round_trips(controller: &Controller<'_>) -> f64 {
    let messages = [0, 1].map(turn).map(|(command, state)| (question(command), state));
    let start = Instant::now();
    for number in 0..ROUND_TRIPS {
        let (message, state) = &messages[number % 2];
        controller.client.send(message);
        controller.client.hear(*state);
    }
    ROUND_TRIPS as f64 / start.elapsed().as_secs_f64()
}
