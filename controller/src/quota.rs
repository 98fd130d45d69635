//! How much of the log clients can fill, and an LED that fails. Two threads log.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How many lines of each kind there may be within [`PERIOD`].
const LINES: u32 = 100;
const PERIOD: Duration = Duration::from_secs(60);

/// What causes a line. Each has a limit of its own, so that junk does not hide that the LED fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Quota {
    Clients,
    Led,
}

static LIMITS: [Mutex<Limit>; 2] = [const { Mutex::new(Limit::new()) }; 2];

/// Lines of one kind since the first of them. Those beyond the limit are counted, and reported in one line.
#[derive(Debug)]
struct Limit {
    begun: Option<Instant>,
    lines: u32,
    withheld: u64,
}

impl Limit {
    const fn new() -> Limit {
        Limit { begun: None, lines: 0, withheld: 0 }
    }

    fn allows(&mut self) -> bool {
        self.begun.get_or_insert_with(Instant::now);
        let is_allowed = self.lines < LINES;
        if is_allowed {
            self.lines += 1;
        } else {
            self.withheld += 1;
        }
        is_allowed
    }

    fn is_over(&self) -> bool {
        self.begun.is_some_and(|begun| begun.elapsed() >= PERIOD)
    }

    /// Ends this period, and begins the next with its first line.
    fn end(&mut self) -> Limit {
        mem::replace(self, Limit::new())
    }
}

/// Whether there may be another line of this kind.
pub(crate) fn allows(quota: Quota) -> bool {
    tell_when_over();
    lock(&LIMITS[quota as usize]).allows()
}

/// Logs how many lines were withheld, of each kind whose period is over. There is no timer: the next message is soon enough.
pub(crate) fn tell_when_over() {
    for limit in &LIMITS {
        let is_over = lock(limit).is_over();
        if is_over {
            tell_of(limit);
        }
    }
}

/// Logs how many lines were withheld.
pub(crate) fn tell() {
    LIMITS.iter().for_each(tell_of);
}

fn tell_of(limit: &Mutex<Limit>) {
    let ended = lock(limit).end();
    if let Limit { begun: Some(begun), withheld: withheld @ 1.., .. } = ended {
        log::warn!("withheld {withheld} more lines like these within {:.0?}", begun.elapsed());
    }
}

fn lock(limit: &Mutex<Limit>) -> MutexGuard<'_, Limit> {
    limit.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_lines_are_allowed_in_each_period() {
        let mut quota = Limit::new();
        for _ in 0..2 {
            assert!((0..LINES).all(|_| quota.allows()));
            assert!(!quota.allows() && !quota.allows() && !quota.is_over());
            quota.begun = quota.begun.map(|begun| begun - PERIOD);
            assert!(quota.is_over());
            assert_eq!(quota.end().withheld, 2);
        }
    }
}
