//! What takes time: commands, clients, and the start of a controller.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use testing::{Fixture, Running, Signal};

use crate::{
    client::Client,
    controller::{Controller, Side},
};

/// Commands per second, in thousands, sent as fast as the queue permits.
pub(crate) fn flood(controller: &Controller<'_>) -> f64 {
    const COMMANDS: usize = 200_000;
    let start = Instant::now();
    let state = controller.client.send_all(COMMANDS);
    controller.client.expect_reply(state);
    COMMANDS as f64 / start.elapsed().as_secs_f64() / 1e3
}

/// The same, each after the reply to the one before.
pub(crate) fn round_trips(controller: &Controller<'_>) -> f64 {
    const COMMANDS: usize = 20_000;
    let start = Instant::now();
    for _ in 0..COMMANDS {
        controller.client.exchange();
    }
    COMMANDS as f64 / start.elapsed().as_secs_f64() / 1e3
}

/// Microseconds of a client with these arguments, from fork to wait. A single one takes too short to measure.
pub(crate) fn clients(arguments: &str) -> impl Fn(&Controller<'_>) -> f64 {
    const CLIENTS: usize = 100;
    move |controller| {
        let start = Instant::now();
        for _ in 0..CLIENTS {
            controller.run_client(&[], arguments);
        }
        microseconds(start.elapsed(), CLIENTS)
    }
}

/// Microseconds from the start of another controller to its queue.
pub(crate) fn starts(controller: &Controller<'_>) -> f64 {
    const STARTS: usize = 20;
    let starts = (0..STARTS).map(|_| {
        let started = controller.side.start();
        let elapsed = started.started_in;
        started.end();
        elapsed
    });
    microseconds(starts.sum(), STARTS)
}

/// Microseconds of a command when a stopped controller continues with this many in its queue. The last requests a reply.
pub(crate) fn waiting(controller: &Controller<'_>, depth: usize) -> f64 {
    const ROUNDS: usize = 20;
    let rounds = (0..ROUNDS).map(|_| {
        controller.process.stop();
        let state = controller.client.send_all(depth);
        let start = Instant::now();
        controller.process.signal(Signal::CONT);
        controller.client.expect_reply(state);
        start.elapsed()
    });
    microseconds(rounds.sum(), ROUNDS * depth)
}

/// Microseconds of a command when this many clients send theirs at the same time, each after the reply to the one before.
pub(crate) fn at_once(controller: &Controller<'_>, clients: usize) -> f64 {
    const COMMANDS: usize = 10_000;
    let each = COMMANDS / clients;
    let barrier = Barrier::new(clients + 1);
    let (barrier, key) = (&barrier, controller.fixture.key);
    let start = thread::scope(|scope| {
        for number in (2..).take(clients) {
            scope.spawn(move || {
                let client = Client::open(key, number);
                // All are ready, then all start.
                barrier.wait();
                barrier.wait();
                for _ in 0..each {
                    client.exchange();
                }
            });
        }
        barrier.wait();
        let start = Instant::now();
        barrier.wait();
        start
    });
    microseconds(start.elapsed(), each * clients)
}

/// Microseconds that the changes of a blinking LED are late, beside that which is the least late: the median of 100.
pub(crate) fn edges(side: &Side) -> f64 {
    const EDGES: u32 = 100;
    const PHASE: Duration = Duration::from_millis(20);
    let fixture = Fixture::new();
    let mut controller = side.program(&[], "controller", &fixture);
    let controller = Running::start(controller.arg("--simulate")).when_ready();
    fixture.send(1, format!("BLINK {0} {0}", PHASE.as_millis()).as_bytes());
    let begin = Instant::now();
    let mut late: Vec<Duration> = (1..=EDGES)
        .map(|number| {
            controller.line();
            // The first one is at once.
            (begin.elapsed() + PHASE).saturating_sub(number * PHASE)
        })
        .collect();
    late.sort();
    microseconds(late[late.len() / 2] - late[0], 1)
}

fn microseconds(elapsed: Duration, count: usize) -> f64 {
    elapsed.as_secs_f64() * 1e6 / count as f64
}
