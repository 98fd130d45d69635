//! Limits how many lines others can write to the log.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// The most lines within [`PERIOD`].
const LINES: u32 = 10;
const PERIOD: Duration = Duration::from_secs(60);

/// The lines of the current period.
#[derive(Debug)]
pub(crate) struct RateLimit {
    begin: Instant,
    lines: u32,
}

impl RateLimit {
    pub(crate) fn new() -> RateLimit {
        RateLimit { begin: Instant::now(), lines: 0 }
    }

    /// Logs a warning. After too many within a minute, counts it instead.
    pub(crate) fn warn(&mut self, line: fmt::Arguments<'_>) {
        if self.begin.elapsed() >= PERIOD {
            self.report();
            *self = RateLimit::new();
        }
        self.lines += 1;
        if self.lines <= LINES {
            log::warn!("{line}");
        }
    }

    /// Logs the number of lines that were not logged.
    pub(crate) fn report(&self) {
        if let Some(suppressed @ 1..) = self.lines.checked_sub(LINES) {
            log::warn!("suppressed {suppressed} similar lines");
        }
    }
}
