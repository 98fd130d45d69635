//! How much of the log clients can fill.

use std::time::{Duration, Instant};

/// How many lines they may cause within [`PERIOD`].
const LINES: u32 = 100;
const PERIOD: Duration = Duration::from_secs(60);

/// Lines that clients have caused lately. What is beyond the limit is counted, and told of in one line.
#[derive(Debug)]
pub(crate) struct Quota {
    begun: Instant,
    lines: u32,
    withheld: u64,
}

impl Quota {
    pub(crate) fn new() -> Quota {
        Quota { begun: Instant::now(), lines: 0, withheld: 0 }
    }

    /// Whether there may be another line.
    pub(crate) fn allows(&mut self) -> bool {
        self.tell_when_over();
        if self.lines < LINES {
            self.lines += 1;
            true
        } else {
            self.withheld += 1;
            false
        }
    }

    /// Tells of what was withheld, if its time is over. There is no timer: the next message is soon enough.
    pub(crate) fn tell_when_over(&mut self) {
        if self.lines > 0 && self.begun.elapsed() >= PERIOD {
            self.tell();
            *self = Quota::new();
        }
    }

    /// Tells of what was withheld.
    pub(crate) fn tell(&mut self) {
        if self.withheld > 0 {
            log::warn!("refused {} more messages within {:.0?}", self.withheld, self.begun.elapsed());
            self.withheld = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_lines_are_allowed_in_each_period() {
        let mut quota = Quota::new();
        for _ in 0..2 {
            assert!((0..LINES).all(|_| quota.allows()));
            assert!(!quota.allows() && !quota.allows());
            assert_eq!(quota.withheld, 2);
            quota.begun -= PERIOD;
        }
        quota.tell_when_over();
        assert_eq!((quota.lines, quota.withheld), (0, 0));
    }
}
