//! What drives the LED: a GPIO line, an LED of the kernel, or the simulation.

use std::io;

use shared::{Brightness, Light, State};

/// An output that drives an LED. Dropping it releases it, and does not change the LED.
pub trait Output: Send {
    /// Sets the level of the LED: 0 is off.
    ///
    /// # Errors
    ///
    /// That of the hardware or of standard output. The LED can have another level then.
    fn set(&mut self, level: u32) -> io::Result<()>;

    /// The highest level: 1 if the LED can only be on or off.
    fn brightest(&self) -> u32 {
        1
    }

    /// Ends the trigger that drives the LED, if there is one. Each command that turns the LED on calls this first.
    ///
    /// # Errors
    ///
    /// That of the hardware. The LED is unchanged then.
    fn end_trigger(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Restores the trigger from before the start, after the LED was turned off for good.
    ///
    /// # Errors
    ///
    /// That of the hardware. The LED stays off then.
    fn restore_trigger(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The level of an LED that is on at this brightness: linear, and never off.
pub(crate) fn level(brightness: Brightness, brightest: u32) -> u32 {
    let hundredths = u64::from(brightness.percent()) * u64::from(brightest);
    u32::try_from((hundredths + 50) / 100).map_or(brightest, |level| level.max(1))
}

/// The level of an LED at the start of this state.
pub(crate) fn first_level(light: Light, brightest: u32) -> u32 {
    match light.state {
        State::Off => 0,
        State::On | State::Blink(_) => level(light.brightness, brightest),
    }
}

/// The brightness that comes closest to a level.
pub(crate) fn closest(level: u32, brightest: u32) -> Brightness {
    let percent = (u64::from(level) * 100 + u64::from(brightest) / 2) / u64::from(brightest.max(1));
    let percent = u32::try_from(percent.clamp(1, 100)).ok();
    percent
        .and_then(Brightness::new)
        .unwrap_or(Brightness::FULL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_brightness_has_a_level_and_full_brightness_the_highest() {
        for (brightest, percent, expected) in [
            (1, 100, 1),
            (255, 1, 3),
            (255, 40, 102),
            (255, 99, 252),
            (255, 100, 255),
            (1000, 40, 400),
            (10, 1, 1),
            (u32::MAX, 100, u32::MAX),
        ] {
            let brightness = Brightness::new(percent).unwrap();
            assert_eq!(level(brightness, brightest), expected);
        }
        for percent in 1..=100 {
            let brightness = Brightness::new(percent).unwrap();
            for brightest in [100, 255, 65535, u32::MAX] {
                let level = level(brightness, brightest);
                assert_eq!(closest(level, brightest), brightness);
            }
        }
    }
}
