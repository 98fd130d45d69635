//! The LED, real or simulated.

use std::io;

use clap::ValueEnum;
use shared::State;

use crate::screen::Screen;

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

/// A LED for machines without one: a line `LED on` or `LED off` on standard output at each change, or a lamp where that is
/// a terminal.
#[derive(Debug)]
pub(crate) struct Simulated {
    light: Light,
    screen: Screen,
}

impl Simulated {
    /// A dark LED, lit at once if that is asked for.
    pub(crate) fn new(initial: Light) -> io::Result<Self> {
        let mut led = Simulated { light: Light::Off, screen: Screen::open()? };
        led.set(initial)?;
        Ok(led)
    }
}

impl Led for Simulated {
    fn set(&mut self, light: Light) -> io::Result<()> {
        if light != self.light {
            self.screen.show(light)?;
            self.light = light;
        }
        Ok(())
    }
}
