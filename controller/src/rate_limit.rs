//! Limits how many lines clients, and an LED that fails, can write to the log. Two threads log.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The most lines of each kind within [`PERIOD`].
const LINES: u32 = 100;
const PERIOD: Duration = Duration::from_secs(60);

/// What causes a line. Each kind has its own limit, so that bad messages do not hide that the LED fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Clients,
    Led,
}

static LIMITS: [Mutex<Limit>; 2] = [const { Mutex::new(Limit::new()) }; 2];

/// The lines of one kind in the current period.
#[derive(Debug)]
struct Limit {
    /// When its first line was logged.
    begin: Option<Instant>,
    lines: u32,
    suppressed: u64,
}

impl Limit {
    const fn new() -> Limit {
        Limit {
            begin: None,
            lines: 0,
            suppressed: 0,
        }
    }

    fn allows(&mut self) -> bool {
        self.begin.get_or_insert_with(Instant::now);
        let is_allowed = self.lines < LINES;
        if is_allowed {
            self.lines += 1;
        } else {
            self.suppressed += 1;
        }
        is_allowed
    }

    fn is_over(&self) -> bool {
        self.begin.is_some_and(|begin| begin.elapsed() >= PERIOD)
    }

    /// Ends this period. The next begins with its first line.
    fn end(&mut self) -> Limit {
        mem::replace(self, Limit::new())
    }
}

/// Whether one more line of this kind may be logged.
pub(crate) fn allows(kind: Kind) -> bool {
    report_if_over();
    lock(&LIMITS[kind as usize]).allows()
}

/// Logs the number of suppressed lines of each kind whose period is over. There is no timer: the next message triggers it.
pub(crate) fn report_if_over() {
    for limit in &LIMITS {
        let is_over = lock(limit).is_over();
        if is_over {
            report(limit);
        }
    }
}

/// Logs the number of suppressed lines.
pub(crate) fn report_all() {
    LIMITS.iter().for_each(report);
}

fn report(limit: &Mutex<Limit>) {
    let ended = lock(limit).end();
    if let Limit {
        begin: Some(begin),
        suppressed: suppressed @ 1..,
        ..
    } = ended
    {
        log::warn!(
            "suppressed {suppressed} similar lines within {:.0?}",
            begin.elapsed()
        );
    }
}

fn lock(limit: &Mutex<Limit>) -> MutexGuard<'_, Limit> {
    limit.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_period_allows_the_same_number_of_lines() {
        let mut limit = Limit::new();
        for _ in 0..2 {
            assert!((0..LINES).all(|_| limit.allows()));
            assert!(!limit.allows() && !limit.allows() && !limit.is_over());
            limit.begin = limit.begin.map(|begin| begin - PERIOD);
            assert!(limit.is_over());
            assert_eq!(limit.end().suppressed, 2);
        }
    }
}
