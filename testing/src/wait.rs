//! Waiting for a condition.

use std::{
    mem,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::Running;

/// How long to wait for anything before the test fails. Long, because the machine may be shared.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a condition is true.
pub fn wait_until(description: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "timed out: {description}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Sets a flag when it is dropped. If a test panics, threads of its scope that run until the flag is set end too: otherwise the
/// scope would wait for them forever.
#[derive(Debug)]
pub struct SetOnDrop<'a>(pub &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits until nothing wakes these programs up for this long: what has just happened may still keep them busy.
///
/// # Panics
///
/// They are woken up again and again.
#[track_caller]
pub fn wait_until_idle(programs: &[&Running], span: Duration) {
    let switches = || -> Vec<_> { programs.iter().map(|it| it.context_switches()).collect() };
    let mut before = switches();
    wait_until("they sleep", || {
        thread::sleep(span);
        let last = mem::replace(&mut before, switches());
        last == before
    });
}
