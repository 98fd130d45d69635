//! Waiting for a condition.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long to wait for anything before the test fails. Long, because the machine may be shared.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a condition is true.
///
/// # Panics
///
/// The condition is still false after [`PATIENCE`].
pub fn wait_until(description: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "timed out: {description}");
        thread::sleep(Duration::from_millis(1));
    }
}
