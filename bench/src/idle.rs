//! Idle controllers: peak memory, and context switches.

use std::{thread, time::Duration};

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
    let switches = || -> u64 {
        let each = controllers
            .iter()
            .flat_map(|controller| controller.process.context_switches());
        each.sum()
    };
    thread::sleep(SETTLE);
    let before = switches();
    thread::sleep(Duration::from_secs(10));
    (switches() - before) as f64
}
