//! What drives the LED: a GPIO line, or the simulation.

use std::io;

use shared::State;

/// Whether the LED is on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OnOff {
    /// On.
    On,
    /// Off.
    Off,
}

impl OnOff {
    /// The level at which an LED with this state begins.
    #[must_use]
    pub fn first(state: State) -> OnOff {
        match state {
            State::On | State::Blink(_) => OnOff::On,
            State::Off => OnOff::Off,
        }
    }
}

impl From<OnOff> for State {
    fn from(level: OnOff) -> State {
        match level {
            OnOff::On => State::On,
            OnOff::Off => State::Off,
        }
    }
}

/// An output that drives an LED. Dropping it releases it, and does not change the LED.
pub trait Output: Send {
    /// Turns the LED on or off.
    ///
    /// # Errors
    ///
    /// That of the hardware or of standard output. The LED can be on or off then.
    fn set(&mut self, level: OnOff) -> io::Result<()>;
}
