//! The stage of a scene: input to the Pi, and its pin.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::machine::{Function, Machine, Pin};
use crate::Error;

/// The LED is on, and its controller holds the line.
pub(crate) const ON: Pin = Pin {
    high: true,
    function: Function::Output,
};
/// The LED is off. This kernel keeps the level of a released output, so this is also the state when no process holds the
/// line.
pub(crate) const OFF: Pin = Pin {
    high: false,
    function: Function::Output,
};

/// How long to wait for a condition. The machine may be shared.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) type Scene = fn(&mut Stage<'_>) -> Result<(), Error>;

pub(crate) struct Stage<'a> {
    pub(crate) machine: &'a mut Machine,
}

impl Stage<'_> {
    /// Types a line, and asserts its exit status and that its output contains all of these parts.
    pub(crate) fn run(&mut self, line: &str, status: i32, parts: &[&str]) -> Result<(), Error> {
        let (found, said) = self.machine.try_run(line)?;
        println!("    # {line}");
        if !said.trim().is_empty() {
            println!("    {}", said.trim_end().replace('\n', "\n    "));
        }
        let missing = parts.iter().find(|part| !said.contains(**part));
        match missing {
            _ if found != status => {
                Err(format!("{line}: exit status {found} instead of {status}").into())
            }
            Some(part) => Err(format!("{line}: {part:?} is not in {said:?}").into()),
            None => Ok(()),
        }
    }

    /// Asserts that a program holds GPIO17 of this chip as an output.
    pub(crate) fn line_is_held(&mut self, chip: &str, consumer: &str) -> Result<(), Error> {
        let gpiod = self.machine.gpiod;
        self.run(&gpiod.info(chip), 0, &[&gpiod.held_by(consumer), "output"])
    }

    /// Asserts that no process holds GPIO17 of this chip.
    pub(crate) fn line_is_free(&mut self, chip: &str) -> Result<(), Error> {
        let line = self.machine.gpiod.is_free(chip);
        self.run(&line, 0, &["GPIO17"])
    }

    /// Lets gpioset(1) hold GPIO17 in the background.
    pub(crate) fn gpioset_holds(&mut self, level: u32) -> Result<(), Error> {
        let line = self.machine.gpiod.hold(level) + " & sleep 1";
        self.run(&line, 0, &[])
    }

    /// Asserts the state of the pin.
    pub(crate) fn pin_is(&mut self, expected: Pin) -> Result<(), Error> {
        let pin = self.machine.pin()?;
        println!("    pin: {pin}");
        if pin == expected {
            Ok(())
        } else {
            Err(format!("the pin shows {pin} instead of {expected}").into())
        }
    }

    /// Waits until the pin has this state.
    pub(crate) fn pin_becomes(&mut self, expected: Pin) -> Result<(), Error> {
        self.wait(&format!("the pin shows {expected}"), |stage| {
            Ok(stage.machine.pin()? == expected)
        })?;
        self.pin_is(expected)
    }

    /// Reads the pin until it has been low for `quiet`, and returns how long it was high each time.
    pub(crate) fn flashes(&mut self, quiet: Duration) -> Result<Vec<Duration>, Error> {
        let (mut flashes, mut is_high, mut since) = (Vec::new(), false, Instant::now());
        while is_high || since.elapsed() < quiet {
            if since.elapsed() > PATIENCE {
                return Err("the pin stays high".into());
            }
            let high = self.machine.pin()?.high;
            if high != is_high {
                if is_high {
                    flashes.push(since.elapsed());
                }
                (is_high, since) = (high, Instant::now());
            }
        }
        println!("    pin: {} flashes: {flashes:.0?}", flashes.len());
        Ok(flashes)
    }

    /// Asserts that the pin has this state all the time.
    pub(crate) fn pin_stays(&mut self, expected: Pin, time: Duration) -> Result<(), Error> {
        let start = Instant::now();
        while start.elapsed() < time {
            let pin = self.machine.pin()?;
            if pin != expected {
                return Err(format!("the pin shows {pin} instead of {expected}").into());
            }
        }
        self.pin_is(expected)
    }

    /// Waits until a line of shell succeeds.
    pub(crate) fn wait_for(&mut self, line: &str) -> Result<(), Error> {
        self.wait(line, |stage| Ok(stage.machine.try_run(line)?.0 == 0))
    }

    /// Waits until a condition is true.
    pub(crate) fn wait(
        &mut self,
        what: &str,
        mut condition: impl FnMut(&mut Self) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let start = Instant::now();
        while !condition(self)? {
            if start.elapsed() > PATIENCE {
                return Err(format!("timed out: {what}").into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}
