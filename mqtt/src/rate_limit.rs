//! Limits how many lines others can write to the log.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use log::Level;

/// The most lines within [`PERIOD`].
const LINES: u64 = 10;
const PERIOD: Duration = Duration::from_secs(60);

/// The lines of the current period. Several threads log.
#[derive(Debug)]
pub(crate) struct RateLimit(Mutex<Period>);

#[derive(Debug)]
struct Period {
    begin: Instant,
    lines: u64,
}

impl RateLimit {
    pub(crate) fn new() -> RateLimit {
        RateLimit(Mutex::new(Period {
            begin: Instant::now(),
            lines: 0,
        }))
    }

    /// Logs a line. After too many within a minute, counts it instead. There is no timer: the next line reports the number.
    pub(crate) fn log(&self, level: Level, line: fmt::Arguments<'_>) {
        let mut period = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if period.begin.elapsed() >= PERIOD {
            period.end();
        }
        period.lines += 1;
        if period.lines <= LINES {
            log::log!(level, "{line}");
        }
    }

    /// Logs the number of lines that were not logged.
    pub(crate) fn report(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).end();
    }
}

impl Period {
    fn end(&mut self) {
        if let Some(suppressed @ 1..) = self.lines.checked_sub(LINES) {
            log::warn!(
                "suppressed {suppressed} similar lines within {:.0?}",
                self.begin.elapsed()
            );
        }
        *self = Period {
            begin: Instant::now(),
            lines: 0,
        };
    }
}
