//! A fade: from one level to another, in steps.

use std::time::{Duration, Instant};

/// The shortest time between two steps. The eye does not see shorter ones.
const STEP: Duration = Duration::from_millis(20);

/// A fade of an LED. It is linear in time, and ends exactly at its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fading {
    from: u32,
    pub(super) to: u32,
    begin: Instant,
    time: Duration,
    /// The last step.
    last: Instant,
}

impl Fading {
    pub(super) fn new(from: u32, to: u32, begin: Instant, time: Duration) -> Fading {
        Fading {
            from,
            to,
            begin,
            time,
            last: begin,
        }
    }

    fn end(&self) -> Instant {
        self.begin + self.time
    }

    /// The number of levels between the first and the last.
    fn levels(&self) -> u32 {
        self.from.abs_diff(self.to)
    }

    /// The number of these levels that are passed at this instant.
    fn passed(&self, now: Instant) -> u32 {
        let elapsed = now.saturating_duration_since(self.begin).min(self.time);
        let passed = u128::from(self.levels()) * elapsed.as_nanos() / self.time.as_nanos().max(1);
        u32::try_from(passed).unwrap_or(self.levels())
    }

    /// The level at this instant.
    pub(super) fn level(&self, now: Instant) -> u32 {
        let passed = self.passed(now);
        if self.from < self.to {
            self.from + passed
        } else {
            self.from - passed
        }
    }

    /// The time of the next step: when the level changes, at least [`STEP`] after the last step. A step that would come less than
    /// [`STEP`] before the end is left out.
    pub(super) fn due(&self) -> Instant {
        let next = u128::from(self.passed(self.last)) + 1;
        let elapsed = (next * self.time.as_nanos()).div_ceil(u128::from(self.levels().max(1)));
        let elapsed = u64::try_from(elapsed).map_or(self.time, Duration::from_nanos);
        let due = (self.begin + elapsed).max(self.last + STEP);
        if due + STEP > self.end() {
            self.end()
        } else {
            due
        }
    }

    /// The rest of the fade after a step; none at the end.
    pub(super) fn after_step(self, now: Instant) -> Option<Fading> {
        (now < self.end()).then_some(Fading { last: now, ..self })
    }
}
