//! The LED: on, off, blinking or fading.

mod blinking;
mod fading;

use std::{io, time::Instant};

use shared::{Brightness, Fade, Light, State};

use crate::{
    Locks, Output,
    output::{closest, first_level, level},
};
use blinking::{Blinking, Phase};
use fading::Fading;

/// An LED: its output and what it does. It does not change by itself: call [`Led::tick`] at the time that [`Led::due`] returns.
pub struct Led {
    output: Box<dyn Output>,
    /// Its highest level.
    brightest: u32,
    /// Its level.
    level: u32,
    /// The brightness while the LED is on.
    brightness: Brightness,
    activity: Activity,
}

#[derive(Clone, Copy)]
enum Activity {
    Steady,
    Blinking(Blinking),
    Fading(Fading),
}

impl Led {
    /// An LED whose output already has the first level of `light`. If that is blinking, it begins now.
    #[must_use]
    pub fn new(output: Box<dyn Output>, light: impl Into<Light>) -> Self {
        let light = light.into();
        let brightest = output.brightest();
        Led {
            output,
            brightest,
            level: first_level(light, brightest),
            brightness: if brightest == 1 {
                Brightness::FULL
            } else {
                light.brightness
            },
            activity: match light.state {
                State::Off | State::On => Activity::Steady,
                State::Blink(blink) => Activity::Blinking(Blinking::new(blink, Instant::now())),
            },
        }
    }

    /// The number of its levels, including off.
    #[must_use]
    pub fn levels(&self) -> u32 {
        self.brightest.saturating_add(1)
    }

    /// The state and brightness now; during a fade, those at its end.
    #[must_use]
    pub fn light(&self) -> Light {
        let state = match self.activity {
            Activity::Blinking(Blinking { blink, .. }) => State::Blink(blink),
            Activity::Fading(Fading { to: 0, .. }) => State::Off,
            Activity::Fading(_) => State::On,
            Activity::Steady if self.level == 0 => State::Off,
            Activity::Steady => State::On,
        };
        self.with(state)
    }

    /// What `--initial last` saves: the present state, or the one after the last flash. Blinking with a count is saved as off.
    #[must_use]
    pub fn lasting(&self) -> Light {
        let state = match self.activity {
            Activity::Blinking(Blinking {
                then: Some(then), ..
            }) => then,
            _ => self.light().state,
        };
        self.with(match state {
            State::Blink(blink) if blink.count().is_some() => State::Off,
            state => state,
        })
    }

    fn with(&self, state: State) -> Light {
        Light {
            state,
            brightness: self.brightness,
        }
    }

    /// Turns it on, at this brightness or at the last one. A fade begins at this instant; an LED with two levels does not fade.
    ///
    /// # Errors
    ///
    /// Those of [`Output::end_trigger`] and [`Output::set`]. The LED stays at its level then, and does not blink or fade.
    pub fn on(
        &mut self,
        brightness: Option<Brightness>,
        fade: Option<(Fade, Instant)>,
    ) -> io::Result<Light> {
        let brightness = brightness.unwrap_or(self.brightness);
        self.end_trigger()?;
        self.change(level(brightness, self.brightest), fade)?;
        self.brightness = brightness;
        Ok(self.light())
    }

    /// Turns it off.
    ///
    /// # Errors
    ///
    /// Those of [`Led::on`].
    pub fn off(&mut self, fade: Option<(Fade, Instant)>) -> io::Result<Light> {
        self.change(0, fade)?;
        Ok(self.light())
    }

    /// Turns it off for good. Tries twice, because no later command will correct an error.
    ///
    /// # Errors
    ///
    /// Those of [`Led::off`].
    pub fn turn_off(&mut self) -> io::Result<Light> {
        match self.off(None) {
            // A terminal that was not read in time will not be read now.
            Err(error) if error.kind() != io::ErrorKind::TimedOut => self.off(None),
            result => result,
        }
    }

    /// Restores the trigger that drove it before, after it was turned off for good. Logs an error, and leaves that to the next
    /// controller: the LED is off all the same.
    pub(crate) fn restore_trigger(&mut self, locks: &mut Locks) {
        match self.output.restore_trigger() {
            Ok(()) => locks.forget_led(),
            Err(error) => log::warn!(
                "the LED is off, and its trigger is not set again: {error}; --turn-off or the next controller tries again"
            ),
        }
    }

    /// Turns it on if it is off. Turns it off if it is on or blinking.
    ///
    /// # Errors
    ///
    /// Those of [`Led::on`].
    pub fn toggle(&mut self) -> io::Result<Light> {
        match self.light().state {
            State::Off => self.on(None, None),
            State::On | State::Blink(_) => self.off(None),
        }
    }

    /// The time of the next change; none if it does not blink or fade.
    #[must_use]
    #[inline]
    pub fn due(&self) -> Option<Instant> {
        match &self.activity {
            Activity::Steady => None,
            Activity::Fading(fading) => Some(fading.due()),
            Activity::Blinking(blinking) => Some(blinking.due(self.phase())),
        }
    }

    /// Makes the change that is due.
    ///
    /// The times of all changes are relative to the first one, so that delays do not accumulate. Flashes that were missed, because
    /// the process was stopped, are left out.
    ///
    /// # Errors
    ///
    /// Those of [`Led::on`].
    pub fn tick(&mut self, now: Instant) -> io::Result<Light> {
        match self.activity {
            Activity::Steady => {}
            Activity::Fading(fading) => {
                self.write(fading.level(now))?;
                let left = fading.after_step(now);
                self.activity = left.map_or(Activity::Steady, Activity::Fading);
            }
            Activity::Blinking(blinking) => self.tick_blinking(blinking, now)?,
        }
        Ok(self.light())
    }

    fn phase(&self) -> Phase {
        if self.level == 0 {
            Phase::Dark
        } else {
            Phase::Lit
        }
    }

    fn level_of(&self, phase: Phase) -> u32 {
        match phase {
            Phase::Lit => level(self.brightness, self.brightest),
            Phase::Dark => 0,
        }
    }

    #[inline]
    fn change(&mut self, to: u32, fade: Option<(Fade, Instant)>) -> io::Result<()> {
        if let Some((fade, now)) = fade
            && self.brightest > 1
            && to != self.level
        {
            self.activity = Activity::Fading(Fading::new(self.level, to, now, fade.time()));
            return Ok(());
        }
        self.write(to)?;
        self.activity = Activity::Steady;
        Ok(())
    }

    fn end_trigger(&mut self) -> io::Result<()> {
        let ended = self.output.end_trigger();
        self.steady_after_error(ended)
    }

    fn write_phase(&mut self, phase: Phase) -> io::Result<()> {
        self.write(self.level_of(phase))
    }

    /// Sets the output even if it already has this level: another program may have changed it.
    fn write(&mut self, level: u32) -> io::Result<()> {
        let written = self.output.set(level);
        if written.is_ok() {
            self.level = level;
        }
        self.steady_after_error(written)
    }

    /// After an error the LED stays at the level that it has.
    fn steady_after_error(&mut self, result: io::Result<()>) -> io::Result<()> {
        if result.is_err() {
            if matches!(self.activity, Activity::Fading(_)) && self.level > 0 {
                self.brightness = closest(self.level, self.brightest);
            }
            self.activity = Activity::Steady;
        }
        result
    }
}

#[cfg(test)]
mod tests;
