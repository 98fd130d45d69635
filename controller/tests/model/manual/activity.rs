//! Blinking, flashes and fades of the model.

use std::mem;

use super::Model;

/// What an LED does that is not simply on or off.
#[derive(Clone, Default)]
pub(super) enum Activity {
    #[default]
    Steady,
    Blink(Blink),
    /// The percent at its end, and its milliseconds.
    Fade(u64, u64),
}

#[derive(Clone)]
pub(super) struct Blink {
    /// Milliseconds.
    pub(super) on: u64,
    pub(super) off: u64,
    pub(super) left: Option<u64>,
    /// Whether a flash begins with on.
    pub(super) begins_lit: bool,
    /// What `FLASH` returns to: off, on, or blinking.
    pub(super) then: Option<Box<Then>>,
}

#[derive(Clone)]
pub(super) enum Then {
    Off,
    On,
    Blink(Blink),
}

impl Model {
    /// A fade to this percent, if it is another level.
    pub(super) fn fade(&self, to: u64, ms: u64) -> (u64, Activity) {
        let activity = if to == self.level {
            Activity::Steady
        } else {
            Activity::Fade(to, ms)
        };
        (to, activity)
    }

    /// What a flash that begins now returns to.
    pub(super) fn then(&self) -> Option<Box<Then>> {
        Some(Box::new(match &self.activity {
            Activity::Blink(Blink {
                then: Some(then), ..
            }) => return Some(then.clone()),
            Activity::Blink(blink) => Then::Blink(blink.clone()),
            _ if self.is_off() => Then::Off,
            _ => Then::On,
        }))
    }

    /// Lets phases and fades of 1 ms pass, up to a longer one. Returns whether there were any.
    pub(crate) fn pass_time(&mut self) -> bool {
        let before = self.changes.len();
        loop {
            match mem::take(&mut self.activity) {
                Activity::Fade(to, 1) => self.write(to),
                Activity::Blink(blink) if blink.phase(self.level) == 1 => self.end_phase(blink),
                activity => {
                    self.activity = activity;
                    return self.changes.len() > before;
                }
            }
        }
    }

    /// Ends the phase in which the LED is.
    fn end_phase(&mut self, mut blink: Blink) {
        let is_lit = self.level > 0;
        let level = if is_lit { 0 } else { self.brightness };
        if is_lit == blink.begins_lit {
            if blink.left == Some(1) {
                match blink.then.map_or(Then::Off, |then| *then) {
                    Then::Off => self.write(0),
                    Then::On => self.write(self.brightness),
                    Then::Blink(before) => {
                        self.write(level);
                        self.activity = Activity::Blink(before);
                    }
                }
                return;
            }
            blink.left = blink.left.map(|left| left - 1);
        }
        self.write(level);
        self.activity = Activity::Blink(blink);
    }
}

impl Blink {
    /// The milliseconds of the phase with this level.
    fn phase(&self, level: u64) -> u64 {
        if level > 0 { self.on } else { self.off }
    }
}
