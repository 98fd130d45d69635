//! The time of whole processes: clients from fork to wait, controllers from fork to their queue.

use std::time::{Duration, Instant};

use crate::{
    side::{Controller, Side},
    table::{Goal, MICROSECONDS, Table, alternately},
};

/// Clients in a sample: a single one takes too short to measure.
const RUNS: u32 = 100;
/// Controllers in a sample.
const STARTS: u32 = 20;

pub(crate) fn measure(sides: &[Side; 2], table: &mut Table) {
    let mut both = sides.each_ref().map(Side::start);
    for verb in [&["on"][..], &["--no-wait", "on"]] {
        let elapsed = alternately(&mut both, |controller| run(controller, verb));
        table.row(
            &format!("command {}", verb.join(" ")),
            &MICROSECONDS,
            &elapsed,
            &Goal::AtMost(0.8),
        );
    }
    both.into_iter().for_each(Controller::end);
    let elapsed = alternately(&mut sides.each_ref(), |side| start(side));
    table.row(
        "controller, start to queue",
        &MICROSECONDS,
        &elapsed,
        &Goal::AtMost(1.2),
    );
}

/// The client beside the one in C that is linked statically too.
pub(crate) fn measure_static(sides: &[Side; 2], table: &mut Table) {
    let mut both = sides.each_ref().map(Side::start);
    let elapsed = alternately(&mut both, |controller| run(controller, &["on"]));
    table.row(
        "command on, C static",
        &MICROSECONDS,
        &elapsed,
        &Goal::AtMost(1.9),
    );
    both.into_iter().for_each(Controller::end);
}

fn run(controller: &Controller<'_>, verb: &[&str]) -> f64 {
    let mut command = controller.command(None, verb);
    let start = Instant::now();
    for _ in 0..RUNS {
        let status = command.status().expect("the client starts");
        assert!(
            status.success(),
            "the client of {}: {status}",
            controller.side.name
        );
    }
    (start.elapsed() / RUNS).as_secs_f64()
}

fn start(side: &Side) -> f64 {
    let starts = (0..STARTS).map(|_| {
        let (controller, elapsed) = side.start_with_wrapper(None);
        controller.end();
        elapsed
    });
    (starts.sum::<Duration>() / STARTS).as_secs_f64()
}
