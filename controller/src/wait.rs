//! Waiting for others, up to a time.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Waits until a condition holds, up to this time. Returns whether it does.
pub(crate) fn within(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() >= patience {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
}
