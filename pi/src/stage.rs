//! The stage of a scene: input to the Pi, and its pin.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    Error,
    machine::{Function, Machine, Pin},
    steps::say,
};

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
    /// What was typed and seen, for the case that the scene fails.
    pub(crate) transcript: String,
}

impl Stage<'_> {
    /// Types a line, and asserts its exit status and that its output contains all of these parts.
    pub(crate) fn run(&mut self, line: &str, status: i32, parts: &[&str]) -> Result<(), Error> {
        self.note(&format!("# {line}"));
        let (found, said) = self.machine.try_run(line)?;
        if !said.trim().is_empty() {
            self.note(said.trim_end());
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

    /// Types a line that succeeds.
    pub(crate) fn ok(&mut self, line: &str) -> Result<(), Error> {
        self.run(line, 0, &[])
    }

    /// Types a line that succeeds, with this in its output.
    pub(crate) fn says(&mut self, line: &str, part: &str) -> Result<(), Error> {
        self.run(line, 0, &[part])
    }

    /// Turns the LED on with this client.
    pub(crate) fn turns_on(&mut self, client: &str) -> Result<(), Error> {
        self.says(&format!("{client} on"), "on\n")?;
        self.pin_is(ON)
    }

    /// Turns the LED off with this client.
    pub(crate) fn turns_off(&mut self, client: &str) -> Result<(), Error> {
        self.says(&format!("{client} off"), "off\n")?;
        self.pin_is(OFF)
    }

    /// Sends commands with this client, and asserts its output and the state of the pin after each.
    pub(crate) fn commands(&mut self, client: &str) -> Result<(), Error> {
        for (verb, output, pin) in [
            ("on", "on\n", ON),
            ("status", "on (queue 1234: 0 messages, 0 bytes; ", ON),
            ("off", "off\n", OFF),
            ("toggle", "on\n", ON),
            ("toggle", "off\n", OFF),
        ] {
            self.says(&format!("{client} {verb}"), output)?;
            self.pin_is(pin)?;
        }
        Ok(())
    }

    /// Adds to the transcript.
    pub(crate) fn note(&mut self, text: &str) {
        self.transcript += &format!("    {}\n", text.replace('\n', "\n    "));
    }

    /// Shows what was measured.
    pub(crate) fn measured(&mut self, text: &str) {
        say(&format!("          {text}"));
    }

    /// Asserts that a program holds GPIO17 of this chip as an output.
    pub(crate) fn line_is_held(&mut self, chip: &str, consumer: &str) -> Result<(), Error> {
        let gpiod = self.machine.gpiod;
        self.run(&gpiod.info(chip), 0, &[&gpiod.held_by(consumer), "output"])
    }

    /// Asserts that no process holds GPIO17 of this chip.
    pub(crate) fn line_is_free(&mut self, chip: &str) -> Result<(), Error> {
        let line = self.machine.gpiod.is_free(chip);
        self.says(&line, "GPIO17")
    }

    pub(crate) fn no_queue_is_left(&mut self) -> Result<(), Error> {
        // Only the heading.
        self.says("grep -c . /proc/sysvipc/msg", "1\n")
    }

    /// Lets gpioset(1) hold GPIO17 in the background.
    pub(crate) fn gpioset_holds(&mut self, level: u32) -> Result<(), Error> {
        let gpiod = self.machine.gpiod;
        self.ok(&(gpiod.hold("gpiochip0", level) + " &"))?;
        self.wait_for(&format!("{} | grep gpioset", gpiod.info("gpiochip0")))
    }

    /// Asserts the state of the pin.
    pub(crate) fn pin_is(&mut self, expected: Pin) -> Result<(), Error> {
        let pin = self.machine.pin()?;
        self.note(&format!("pin: {pin}"));
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
        self.note(&format!("pin: {} flashes: {flashes:.0?}", flashes.len()));
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
        loop {
            let asked = Instant::now();
            if condition(self)? {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("timed out: {what}").into());
            }
            // A command in the guest slows down what it waits for, so it has half of the time.
            thread::sleep(asked.elapsed().max(Duration::from_millis(50)));
        }
    }
}
