//! The LED and what it does: it is steady, or blinks in a thread that owns it meanwhile.

use std::{io, mem};

use shared::{Blink, State};

use crate::{Led, Light, blinker::Blinker};

/// A LED that knows what it does.
pub struct Lamp {
    holder: Holder,
    light: Light,
}

enum Holder {
    Steady(Box<dyn Led>),
    Blinking(Blinker),
    /// The blinking thread panicked with it, and it has gone back to the system.
    Nobody,
}

impl Lamp {
    /// A steady LED, as lit as `light` says.
    #[must_use]
    pub fn new(led: Box<dyn Led>, light: Light) -> Self {
        Lamp { holder: Holder::Steady(led), light }
    }

    /// What it does now.
    pub fn state(&mut self) -> State {
        if let Holder::Blinking(blinker) = &self.holder {
            match blinker.left() {
                Some(blink) => return State::Blink(blink),
                None => self.take_back(),
            }
        }
        self.light.into()
    }

    /// Lights it, or puts it out.
    ///
    /// # Errors
    ///
    /// What [`Led::set`] says. It does not blink any more in any case.
    pub fn set(&mut self, light: Light) -> io::Result<()> {
        self.take_back();
        let Holder::Steady(led) = &mut self.holder else {
            return Err(io::Error::other("it was lost while it blinked"));
        };
        // Written even if it should be so already: the line's level can be changed behind our back.
        led.set(light)?;
        self.light = light;
        Ok(())
    }

    /// Puts it out for good: maybe nobody comes after this process who would, so that it is tried twice.
    ///
    /// # Errors
    ///
    /// Those of [`Lamp::set`].
    pub fn turn_off(&mut self) -> io::Result<()> {
        match self.set(Light::Off) {
            // Who did not read the first time, as long as that may take, will not read now.
            Err(error) if error.kind() != io::ErrorKind::TimedOut => self.set(Light::Off),
            result => result,
        }
    }

    /// Lights it if it is dark, else puts it out: one that blinks counts as lit, whatever its phase.
    ///
    /// # Errors
    ///
    /// Those of [`Lamp::set`].
    pub fn toggle(&mut self) -> io::Result<()> {
        match self.state() {
            State::Off => self.set(Light::On),
            State::On | State::Blink(_) => self.set(Light::Off),
        }
    }

    /// Lights it, and goes on by turns until the next change.
    ///
    /// # Errors
    ///
    /// Those of [`Lamp::set`]; or no thread can be had, and it does what it did before.
    pub fn blink(&mut self, blink: Blink) -> io::Result<()> {
        let blinker = Blinker::start(blink)?;
        self.set(Light::On)?;
        match mem::replace(&mut self.holder, Holder::Nobody) {
            Holder::Steady(led) => {
                blinker.give(led);
                self.holder = Holder::Blinking(blinker);
            }
            holder => self.holder = holder,
        }
        Ok(())
    }

    fn take_back(&mut self) {
        if let Holder::Steady(_) = self.holder {
            return;
        }
        if let Holder::Blinking(blinker) = mem::replace(&mut self.holder, Holder::Nobody)
            && let Some((led, light)) = blinker.stop()
        {
            (self.holder, self.light) = (Holder::Steady(led), light);
        }
    }
}
