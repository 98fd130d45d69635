//! Idle controllers: peak memory, and context switches.

use std::{thread, time::Duration};

use testing::Running;

use crate::{
    controller::{Controller, Side},
    process_status,
};

/// Until the start is over.
pub(crate) const SETTLE: Duration = Duration::from_secs(1);

/// KiB of another controller that has just started.
pub(crate) fn peak_memory(controller: &Controller<'_>) -> f64 {
    let controller = controller.side.start();
    thread::sleep(SETTLE);
    process_status::peak_memory(controller.process.pid()) / 1024.
}

/// Context switches of 10 controllers in 10 s, by themselves.
pub(crate) fn context_switches(side: &Side) -> f64 {
    let controllers: Vec<_> = (0..10).map(|_| side.start()).collect();
    let processes: Vec<_> = controllers
        .iter()
        .map(|controller| &controller.process)
        .collect();
    switches_in_10_s(&processes)
}

/// Context switches of 10 controllers and their followers in 10 s, by themselves.
pub(crate) fn followed_context_switches(side: &Side) -> f64 {
    let controllers: Vec<_> = (0..10).map(|_| side.start()).collect();
    let follow = |controller: &Controller<'_>| {
        let mut client = side.program(&[], "command", &controller.fixture);
        let client = Running::start(client.args(["status", "--watch"]));
        client.line();
        client
    };
    let followers: Vec<_> = controllers.iter().map(follow).collect();
    let controllers = controllers.iter().map(|controller| &controller.process);
    let processes: Vec<_> = controllers.chain(&followers).collect();
    switches_in_10_s(&processes)
}

fn switches_in_10_s(processes: &[&Running]) -> f64 {
    let switches = || -> u64 {
        processes
            .iter()
            .flat_map(|process| process.context_switches())
            .sum()
    };
    thread::sleep(SETTLE);
    let before = switches();
    thread::sleep(Duration::from_secs(10));
    (switches() - before) as f64
}
