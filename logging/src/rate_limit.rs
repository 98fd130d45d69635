//! Limits how many lines others can write to the log.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

const PERIOD: Duration = Duration::from_secs(60);

/// A limit of the lines with one cause, within a minute. Several threads log.
///
/// There is no timer: the number of suppressed lines is logged when the next line, or a message, comes after that minute.
#[derive(Debug)]
pub struct RateLimit {
    lines_max: u64,
    period: Mutex<Period>,
}

/// The number of lines in the current period, including suppressed ones.
#[derive(Debug)]
struct Period {
    /// The time of its first line.
    begin: Option<Instant>,
    lines: u64,
}

impl Period {
    const NEW: Period = Period {
        begin: None,
        lines: 0,
    };

    fn is_over(&self) -> bool {
        self.begin.is_some_and(|begin| begin.elapsed() >= PERIOD)
    }
}

impl RateLimit {
    /// At most this many lines within a minute.
    #[must_use]
    pub const fn new(lines_max: u64) -> RateLimit {
        RateLimit {
            lines_max,
            period: Mutex::new(Period::NEW),
        }
    }

    /// Whether one more line may be logged.
    pub fn allows(&self) -> bool {
        self.report_if_over();
        let mut period = self.lock();
        period.begin.get_or_insert_with(Instant::now);
        period.lines += 1;
        period.lines <= self.lines_max
    }

    /// Logs the number of suppressed lines if their minute is over.
    pub fn report_if_over(&self) {
        let period = self.lock();
        if period.is_over() {
            self.report_and_end(period);
        }
    }

    /// Logs the number of suppressed lines.
    pub fn report(&self) {
        self.report_and_end(self.lock());
    }

    /// The next period begins with its first line.
    fn report_and_end(&self, mut period: MutexGuard<'_, Period>) {
        let Period { begin, lines } = mem::replace(&mut *period, Period::NEW);
        // A log that nobody reads must not delay other threads.
        drop(period);
        if let (Some(begin), suppressed @ 1..) = (begin, lines.saturating_sub(self.lines_max)) {
            log::warn!(
                "similar lines suppressed within {:.0?}: {suppressed}",
                begin.elapsed()
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, Period> {
        self.period.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_period_allows_the_same_number_of_lines() {
        let limit = RateLimit::new(100);
        for _ in 0..2 {
            assert!((0..100).all(|_| limit.allows()));
            assert!(!limit.allows() && !limit.allows());
            limit.report_if_over();
            assert_eq!(limit.lock().lines, 102, "the period is not over");
            let mut period = limit.lock();
            period.begin = period.begin.map(|begin| begin - PERIOD);
        }
    }
}
