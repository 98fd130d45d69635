//! The LED, real or simulated.

use std::{
    env,
    io::{self, IsTerminal, Write},
};

use clap::ValueEnum;
use shared::State;

/// Whether the LED is lit.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Light {
    /// Lit.
    On,
    /// Dark.
    Off,
}

impl Light {
    /// The other one.
    #[must_use]
    pub fn toggled(self) -> Light {
        match self {
            Light::On => Light::Off,
            Light::Off => Light::On,
        }
    }
}

impl From<Light> for State {
    fn from(light: Light) -> State {
        match light {
            Light::On => State::On,
            Light::Off => State::Off,
        }
    }
}

/// Something that can be lit. Dropping it gives it back to the system, as lit as it is.
pub trait Led: Send {
    /// Lights it, or puts it out.
    ///
    /// # Errors
    ///
    /// What the hardware or the output says; the LED may then be either.
    fn set(&mut self, light: Light) -> io::Result<()>;
}

/// A LED for machines without one: a line `LED on` or `LED off` on standard output at each change, with a lamp where
/// that is a terminal.
#[derive(Debug)]
pub(crate) struct Simulated {
    light: Light,
    on: &'static str,
    off: &'static str,
}

impl Simulated {
    /// A dark LED, lit at once if that is asked for.
    pub(crate) fn new(initial: Light) -> io::Result<Self> {
        let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_none_or(|term| term == "dumb");
        let (on, off) = match (io::stdout().is_terminal(), plain) {
            (false, _) => ("LED on\n", "LED off\n"),
            (true, true) => ("● LED on\n", "○ LED off\n"),
            (true, false) => ("\x1b[1;33m●\x1b[0m LED on\n", "\x1b[2m○\x1b[0m LED off\n"),
        };
        let mut led = Simulated { light: Light::Off, on, off };
        led.set(initial)?;
        Ok(led)
    }
}

impl Led for Simulated {
    fn set(&mut self, light: Light) -> io::Result<()> {
        if light == self.light {
            return Ok(());
        }
        let line = match light {
            Light::On => self.on,
            Light::Off => self.off,
        };
        // Standard output is flushed at each newline: one write, and its error is ours to see.
        io::stdout().write_all(line.as_bytes())?;
        self.light = light;
        Ok(())
    }
}
