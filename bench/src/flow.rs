//! Commands per second of one sender, without and with replies.

use std::time::Instant;

use shared::{Command, Message, Request};

use crate::{
    client::{nth_command, request},
    side::{Controller, Side},
    table::{Goal, THOUSANDS_PER_SECOND, Table, alternately},
};

const FLOOD: usize = 200_000;
const ROUND_TRIPS: usize = 20_000;

pub(crate) fn measure(sides: &[Side; 2], table: &mut Table) {
    let mut both = sides.each_ref().map(Side::start);
    let without_replies = alternately(&mut both, |controller| flood(controller));
    table.row("commands per second, without replies", &THOUSANDS_PER_SECOND, &without_replies, &Goal::AtLeast(0.95));
    let with_replies = alternately(&mut both, |controller| round_trips(controller));
    table.row("commands per second, with replies", &THOUSANDS_PER_SECOND, &with_replies, &Goal::AtLeast(0.95));
    both.into_iter().for_each(Controller::end);
}

/// Sends as fast as the queue permits, and waits for the reply to a request after all commands.
fn flood(controller: &Controller<'_>) -> f64 {
    let messages: [(Message, _); 2] = [0, 1].map(nth_command).map(|(command, state)| {
        let request = Request { command, reply_to: None };
        (request.encode(), state)
    });
    let last = request(Command::Status);
    let start = Instant::now();
    for number in 0..FLOOD {
        controller.client.send(&messages[number % 2].0);
    }
    controller.client.send(&last);
    controller.client.expect_reply(messages[(FLOOD - 1) % 2].1);
    FLOOD as f64 / start.elapsed().as_secs_f64()
}

fn round_trips(controller: &Controller<'_>) -> f64 {
    let messages = [0, 1].map(nth_command).map(|(command, state)| (request(command), state));
    let start = Instant::now();
    for number in 0..ROUND_TRIPS {
        let (message, state) = &messages[number % 2];
        controller.client.send(message);
        controller.client.expect_reply(*state);
    }
    ROUND_TRIPS as f64 / start.elapsed().as_secs_f64()
}
