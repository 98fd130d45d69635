//! The LED: on, off or blinking.

use std::{io, time::Instant};

use shared::{Blink, State};

use crate::{OnOff, Output};

/// An LED, and what it does. It does not change by itself: call [`Led::tick`] when it is [`Led::due`].
pub struct Led {
    output: Box<dyn Output>,
    level: OnOff,
    blinking: Option<Blinking>,
}

#[derive(Clone, Copy)]
struct Blinking {
    /// The count is the number of flashes left, with the current one.
    blink: Blink,
    /// When the current flash began; between two flashes, when the next one begins.
    begin: Instant,
}

impl Led {
    /// An LED whose output has this level already.
    #[must_use]
    pub fn new(output: Box<dyn Output>, level: OnOff) -> Self {
        Led {
            output,
            level,
            blinking: None,
        }
    }

    /// What it does now.
    #[must_use]
    pub fn state(&self) -> State {
        match self.blinking {
            Some(Blinking { blink, .. }) => State::Blink(blink),
            None => self.level.into(),
        }
    }

    /// Turns it on or off.
    ///
    /// # Errors
    ///
    /// Those of [`Output::set`]. The LED does not blink then.
    pub fn set(&mut self, level: OnOff) -> io::Result<State> {
        self.blinking = None;
        self.write(level)?;
        Ok(level.into())
    }

    /// Turns it off for good. Tries twice, because no later command will correct an error.
    ///
    /// # Errors
    ///
    /// Those of [`Led::set`].
    pub fn turn_off(&mut self) -> io::Result<State> {
        match self.set(OnOff::Off) {
            // A terminal that was not read in time will not be read now.
            Err(error) if error.kind() != io::ErrorKind::TimedOut => self.set(OnOff::Off),
            result => result,
        }
    }

    /// Turns it on if it is off, else off. Turns a blinking LED off.
    ///
    /// # Errors
    ///
    /// Those of [`Led::set`].
    pub fn toggle(&mut self) -> io::Result<State> {
        match self.state() {
            State::Off => self.set(OnOff::On),
            State::On | State::Blink(_) => self.set(OnOff::Off),
        }
    }

    /// Turns it on, and lets it blink from now on until the next change.
    ///
    /// # Errors
    ///
    /// Those of [`Led::set`].
    pub fn blink(&mut self, blink: Blink, now: Instant) -> io::Result<State> {
        self.set(OnOff::On)?;
        self.blinking = Some(Blinking { blink, begin: now });
        Ok(self.state())
    }

    /// When it is to change next; none if it does not blink.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.blinking
            .map(|Blinking { blink, begin }| match self.level {
                OnOff::On => begin + blink.on(),
                OnOff::Off => begin,
            })
    }

    /// Changes it, because it is due.
    ///
    /// The times of all changes are relative to the first one, so that delays do not accumulate. Flashes that were missed, because
    /// the process was stopped, are left out.
    ///
    /// # Errors
    ///
    /// Those of [`Led::set`].
    pub fn tick(&mut self, now: Instant) -> io::Result<State> {
        let Some(Blinking { blink, mut begin }) = self.blinking else {
            return Ok(self.state());
        };
        match self.level {
            OnOff::Off => self.write(OnOff::On)?,
            OnOff::On => {
                self.write(OnOff::Off)?;
                let period = blink.on() + blink.off();
                begin += period;
                let missed = now.saturating_duration_since(begin).as_nanos() / period.as_nanos();
                begin += period * u32::try_from(missed).unwrap_or(u32::MAX);
                self.blinking = blink.after_flash().map(|blink| Blinking { blink, begin });
            }
        }
        Ok(self.state())
    }

    /// Sets the output, even if it has this level: another program may have changed the line. After an error the LED does not
    /// blink.
    fn write(&mut self, level: OnOff) -> io::Result<()> {
        let result = self.output.set(level);
        match &result {
            Ok(()) => self.level = level,
            Err(_) => self.blinking = None,
        }
        result
    }
}

#[cfg(test)]
mod tests;
