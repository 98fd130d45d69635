//! Blinking and flashing: the phases, and what follows the last flash.

use std::{
    io,
    time::{Duration, Instant},
};

use shared::{Blink, Light, State};

use super::{Activity, Led};

#[derive(Clone, Copy)]
pub(super) struct Blinking {
    /// Its count is the number of flashes left, including the current one.
    pub(super) blink: Blink,
    /// In the first phase of a flash, when it began; in the second one, when the next flash begins.
    pub(super) begin: Instant,
    /// Whether a flash begins with on or with off.
    pub(super) first: Phase,
    /// What the LED does after a `FLASH`.
    pub(super) then: Option<State>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Phase {
    Lit,
    Dark,
}

impl Phase {
    fn other(self) -> Phase {
        match self {
            Phase::Lit => Phase::Dark,
            Phase::Dark => Phase::Lit,
        }
    }

    fn time(self, blink: Blink) -> Duration {
        match self {
            Phase::Lit => blink.on(),
            Phase::Dark => blink.off(),
        }
    }
}

impl Blinking {
    /// From this instant on, beginning with on.
    pub(super) fn new(blink: Blink, begin: Instant) -> Blinking {
        Blinking {
            blink,
            begin,
            first: Phase::Lit,
            then: None,
        }
    }

    /// The time of the next change, in this phase.
    pub(super) fn due(&self, phase: Phase) -> Instant {
        if phase == self.first {
            self.begin + phase.time(self.blink)
        } else {
            self.begin
        }
    }
}

impl Led {
    /// Turns the LED on, and lets it blink from now on.
    ///
    /// # Errors
    ///
    /// Those of [`Led::on`].
    pub fn blink(&mut self, blink: Blink, now: Instant) -> io::Result<Light> {
        self.begin(Blinking::new(blink, now))
    }

    /// Lets the LED flash from now on, and then do what it does now. If it is lit, a flash begins with off.
    ///
    /// # Errors
    ///
    /// Those of [`Led::on`].
    pub fn flash(&mut self, blink: Blink, now: Instant) -> io::Result<Light> {
        let then = match self.activity {
            Activity::Blinking(Blinking {
                then: Some(first), ..
            }) => first,
            _ => self.light().state,
        };
        self.begin(Blinking {
            blink,
            begin: now,
            first: self.phase().other(),
            then: Some(then),
        })
    }

    fn begin(&mut self, blinking: Blinking) -> io::Result<Light> {
        self.end_trigger()?;
        self.write_phase(blinking.first)?;
        self.activity = Activity::Blinking(blinking);
        Ok(self.light())
    }

    pub(super) fn tick_blinking(&mut self, blinking: Blinking, now: Instant) -> io::Result<()> {
        let Blinking {
            blink,
            mut begin,
            first,
            then,
        } = blinking;
        if self.phase() != first {
            return self.write_phase(first);
        }
        let Some(left) = blink.after_flash() else {
            return self.resume(then.unwrap_or(State::Off), first.other(), now);
        };
        self.write_phase(first.other())?;
        let period = blink.on() + blink.off();
        begin += period;
        let missed = now.saturating_duration_since(begin).as_nanos() / period.as_nanos();
        begin += period * u32::try_from(missed).unwrap_or(u32::MAX);
        self.activity = Activity::Blinking(Blinking {
            blink: left,
            begin,
            ..blinking
        });
        Ok(())
    }

    /// Continues with the activity from before the flashes. `phase` is what the LED shows at the end of the last flash.
    fn resume(&mut self, state: State, phase: Phase, now: Instant) -> io::Result<()> {
        match state {
            State::Off => self.change(0, None),
            State::On => self.change(self.level_of(Phase::Lit), None),
            State::Blink(blink) => {
                self.write_phase(phase)?;
                let begin = match phase {
                    Phase::Lit => now,
                    Phase::Dark => now + blink.off(),
                };
                self.activity = Activity::Blinking(Blinking::new(blink, begin));
                Ok(())
            }
        }
    }
}
