//! Commands per second of one sender, without and with replies.

use std::time::Instant;

use shared::{Command, Message, MessageType, Request, State};

use crate::{
    client::{nth_command, request},
    side::{Controller, Side},
    table::{Goal, SAMPLES, Samples, THOUSANDS_PER_SECOND, Table, alternately},
};

const FLOOD: usize = 200_000;
const ROUND_TRIPS: usize = 20_000;
/// As many as a controller serves.
const WATCHERS: i64 = 64;
const CHANGES: usize = 1000;

pub(crate) fn measure(sides: &[Side; 2], table: &mut Table) {
    let mut both = sides.each_ref().map(Side::start);
    let without_replies = alternately(&mut both, |controller| flood(controller));
    table.row(
        "commands per second, without replies",
        &THOUSANDS_PER_SECOND,
        &without_replies,
        &Goal::AtLeast(0.95),
    );
    let with_replies = alternately(&mut both, |controller| round_trips(controller));
    table.row(
        "commands per second, with replies",
        &THOUSANDS_PER_SECOND,
        &with_replies,
        &Goal::AtLeast(0.95),
    );
    measure_watchers(&both[0], table);
    both.into_iter().for_each(Controller::end);
}

/// The reference has no watchers. The first row compares ours with and without them.
fn measure_watchers(controller: &Controller<'_>, table: &mut Table) {
    let on = request(Command::On);
    let samples = |measure: &dyn Fn() -> f64| (0..SAMPLES).map(|_| measure()).collect::<Vec<_>>();
    controller.client.send(&on);
    controller.client.expect_reply(State::On);
    let round_trips = || {
        let start = Instant::now();
        for _ in 0..ROUND_TRIPS {
            controller.client.send(&on);
            controller.client.expect_reply(State::On);
        }
        ROUND_TRIPS as f64 / start.elapsed().as_secs_f64()
    };
    let unwatched = samples(&round_trips);
    watch(controller, State::On);
    let watched = Samples([samples(&round_trips), unwatched]);
    table.row(
        "the same, 64 watchers / none",
        &THOUSANDS_PER_SECOND,
        &watched,
        &Goal::None,
    );
    let changes = samples(&|| {
        let start = Instant::now();
        for number in (0..CHANGES).map(|number| number + 1) {
            let (command, state) = nth_command(number);
            controller.client.send(&request(command));
            controller.client.expect_reply(state);
            controller.client.expect_replies(watcher_types(), state);
            watch(controller, state);
        }
        CHANGES as f64 / start.elapsed().as_secs_f64()
    });
    table.row(
        "changes per second with 64 watchers",
        &THOUSANDS_PER_SECOND,
        &Samples([changes, vec![]]),
        &Goal::None,
    );
}

fn watcher_types() -> impl Iterator<Item = MessageType> {
    (1..=WATCHERS).filter_map(|number| MessageType::new((1 << 20) + number))
}

/// Lets all watchers wait for another state.
fn watch(controller: &Controller<'_>, known: State) {
    for reply_type in watcher_types() {
        controller.client.send(
            &Request {
                command: Command::Watch(Some(known)),
                reply_to: Some(reply_type),
            }
            .encode(),
        );
    }
}

/// Sends as fast as the queue permits, and waits for the reply to a request after all commands.
fn flood(controller: &Controller<'_>) -> f64 {
    let messages: [(Message, _); 2] = [0, 1].map(nth_command).map(|(command, state)| {
        let request = Request {
            command,
            reply_to: None,
        };
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
    let messages = [0, 1]
        .map(nth_command)
        .map(|(command, state)| (request(command), state));
    let start = Instant::now();
    for number in 0..ROUND_TRIPS {
        let (message, state) = &messages[number % 2];
        controller.client.send(message);
        controller.client.expect_reply(*state);
    }
    ROUND_TRIPS as f64 / start.elapsed().as_secs_f64()
}
