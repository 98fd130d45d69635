//! How much of the log clients can fill: what they send is logged by two threads.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How many lines they may cause within [`PERIOD`].
const LINES: u32 = 100;
const PERIOD: Duration = Duration::from_secs(60);

static QUOTA: Mutex<Quota> = Mutex::new(Quota::new());

/// Lines that clients have caused since the first of them. What is beyond the limit is counted, and told of in one line.
#[derive(Debug)]
struct Quota {
    begun: Option<Instant>,
    lines: u32,
    withheld: u64,
}

impl Quota {
    const fn new() -> Quota {
        Quota { begun: None, lines: 0, withheld: 0 }
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

    /// Begins anew.
    fn end(&mut self) -> Quota {
        mem::replace(self, Quota::new())
    }
}

/// Whether there may be another line.
pub(crate) fn allows() -> bool {
    tell_when_over();
    quota().allows()
}

/// Tells of what was withheld, if its time is over. There is no timer: the next message is soon enough.
pub(crate) fn tell_when_over() {
    let is_over = quota().is_over();
    if is_over {
        tell();
    }
}

/// Tells of what was withheld.
pub(crate) fn tell() {
    if let Quota { begun: Some(begun), withheld: withheld @ 1.., .. } = quota().end() {
        log::warn!("withheld {withheld} more lines like these within {:.0?}", begun.elapsed());
    }
}

fn quota() -> MutexGuard<'static, Quota> {
    QUOTA.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_lines_are_allowed_in_each_period() {
        let mut quota = Quota::new();
        for _ in 0..2 {
            assert!((0..LINES).all(|_| quota.allows()));
            assert!(!quota.allows() && !quota.allows() && !quota.is_over());
            quota.begun = quota.begun.map(|begun| begun - PERIOD);
            assert!(quota.is_over());
            assert_eq!(quota.end().withheld, 2);
        }
    }
}
