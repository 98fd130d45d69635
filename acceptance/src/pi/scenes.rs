//! The scenes, each with the pin read from outside.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::machine::{Function, Machine, Pin};
use crate::Error;

const OFF: Pin = Pin { high: false, function: Function::Output };
const ON: Pin = Pin { high: true, function: Function::Output };

/// How long the pin may take to show what it should.
const PATIENCE: Duration = Duration::from_secs(60);

type Scene = fn(&mut Stage<'_>) -> Result<(), Error>;

const SCENES: [(&str, Scene); 11] = [
    ("the line is taken and the LED is off at start", start),
    ("on, off, toggle, status", commands),
    ("exit while on", exit),
    ("SIGTERM while on", sigterm),
    ("SIGKILL while on, then --turn-off", sigkill),
    ("--initial on", initial),
    ("--active-low", active_low),
    ("the line is busy", busy),
    ("a line that is not there", missing),
    ("a second controller", second),
    ("a textbook client in C", textbook),
];

/// Plays all scenes; stops at the first that fails.
pub(crate) fn play(machine: &mut Machine) -> Result<(), Error> {
    for (name, scene) in SCENES {
        println!("scene: {name}");
        let mut stage = Stage { machine };
        scene(&mut stage).map_err(|error| {
            let log = stage.machine.run("cat /tmp/log").unwrap_or_default();
            format!("scene \"{name}\": {error}\nthe controller's log:\n{log}")
        })?;
        stage.clear()?;
    }
    println!("{} passed, 0 failed", SCENES.len());
    Ok(())
}

struct Stage<'a> {
    machine: &'a mut Machine,
}

impl Stage<'_> {
    /// Starts a controller in the background, and waits until it is ready.
    fn controller(&mut self, options: &str) -> Result<(), Error> {
        println!("    # ./controller {options}");
        self.machine.run(&format!("./controller {options} >/tmp/log 2>&1 & echo $! >/tmp/pid"))?;
        self.wait("the controller is ready", |stage| Ok(stage.machine.try_run("grep -q ready /tmp/log")?.0 == 0))
    }

    /// Types a line, and asserts its exit status and what it says.
    fn types(&mut self, line: &str, status: i32, says: &[&str]) -> Result<(), Error> {
        let (found, said) = self.machine.try_run(line)?;
        println!("    # {line}\n    {}", said.trim_end().replace('\n', "\n    "));
        let missing = says.iter().find(|part| !said.contains(**part));
        match missing {
            _ if found != status => Err(format!("{line}: exit status {found} instead of {status}").into()),
            Some(part) => Err(format!("{line}: {part:?} is not in {said:?}").into()),
            None => Ok(()),
        }
    }

    /// Asserts what the pin shows now.
    fn pin_is(&mut self, expected: Pin) -> Result<(), Error> {
        let pin = self.machine.pin()?;
        println!("    pin: {pin}");
        if pin == expected { Ok(()) } else { Err(format!("the pin shows {pin} instead of {expected}").into()) }
    }

    /// Waits until the pin shows this.
    fn pin_becomes(&mut self, expected: Pin) -> Result<(), Error> {
        self.wait(&format!("the pin shows {expected}"), |stage| Ok(stage.machine.pin()? == expected))?;
        self.pin_is(expected)
    }

    fn wait(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> Result<bool, Error>) -> Result<(), Error> {
        let start = Instant::now();
        while !is_so(self)? {
            if start.elapsed() > PATIENCE {
                return Err(format!("never: {what}").into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Signals the controller and waits for its end.
    fn signal(&mut self, signal: &str, status: i32) -> Result<(), Error> {
        self.types(&format!("kill -{signal} $(cat /tmp/pid); wait $(cat /tmp/pid)"), status, &[])
    }

    /// The line belongs to nobody, and no queue is left.
    fn released(&mut self) -> Result<(), Error> {
        self.types("gpioinfo gpiochip0 | grep GPIO17", 0, &["unused"])?;
        self.types("grep -c . /proc/sysvipc/msg", 0, &["1\n"])
    }

    fn clear(&mut self) -> Result<(), Error> {
        self.machine
            .try_run("killall -9 controller gpioset; wait; rm -f /tmp/log; ipcrm -Q 1234; ipcrm -Q 1235; ./controller --turn-off")?;
        Ok(())
    }
}

fn start(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.controller("")?;
    stage.types("gpioinfo gpiochip0 | grep GPIO17", 0, &["\"led-controller\" ", "output", "active-high", "used"])?;
    stage.pin_is(OFF)
}

fn commands(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.controller("")?;
    stage.types("./command on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.types("./command status", 0, &["on\n"])?;
    stage.types("./command off", 0, &["off\n"])?;
    stage.pin_is(OFF)?;
    stage.types("./command toggle", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.types("./command toggle", 0, &["off\n"])?;
    stage.pin_is(OFF)?;
    stage.types("./command --no-wait on", 0, &["queued\n"])?;
    stage.pin_becomes(ON)
}

fn exit(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.controller("")?;
    stage.types("./command on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.types("./command exit", 0, &["ended\n"])?;
    stage.pin_is(OFF)?;
    stage.types("wait $(cat /tmp/pid)", 0, &[])?;
    stage.released()?;
    stage.types("./command on", 3, &["no controller is running"])
}

fn sigterm(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.controller("")?;
    stage.types("./command on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.signal("TERM", 0)?;
    stage.pin_is(OFF)?;
    stage.released()
}

fn sigkill(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.controller("")?;
    stage.types("./command on", 0, &["on\n"])?;
    stage.signal("KILL", 128 + 9)?;
    // As on a Pi 5: nobody holds the line, and it is lit.
    stage.pin_is(ON)?;
    stage.types("./controller --turn-off", 0, &["is off"])?;
    stage.pin_is(OFF)?;
    stage.controller("")?;
    stage.types("cat /tmp/log", 0, &["left the queue with key 1234"])?;
    stage.types("./command status", 0, &["off\n"])?;
    stage.pin_is(OFF)
}

fn initial(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.controller("--initial on")?;
    stage.pin_is(ON)?;
    stage.types("./command status", 0, &["on\n"])?;
    stage.signal("INT", 0)?;
    stage.pin_is(OFF)
}

fn active_low(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.controller("--active-low")?;
    stage.pin_is(ON)?;
    stage.types("./command on", 0, &["on\n"])?;
    stage.pin_is(OFF)?;
    stage.types("gpioinfo gpiochip0 | grep GPIO17", 0, &["active-low"])?;
    stage.types("./command exit", 0, &["ended\n"])?;
    stage.pin_is(ON)
}

fn busy(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.types("gpioset --mode=signal gpiochip0 17=1 & sleep 1", 0, &[])?;
    stage.pin_becomes(ON)?;
    stage.types(
        "./controller",
        1,
        &["line GPIO17 (offset 17 of gpiochip0, pinctrl-bcm2835) is held by \"gpioset\""],
    )?;
    stage.types("grep -c . /proc/sysvipc/msg", 0, &["1\n"])?;
    stage.pin_is(ON)?;
    stage.types("killall gpioset; wait", 0, &[])?;
    stage.controller("")?;
    stage.pin_is(OFF)
}

fn missing(stage: &mut Stage<'_>) -> Result<(), Error> {
    let looked_at = "gpiochip0 (pinctrl-bcm2835, 54 lines), gpiochip1 (raspberrypi-exp-gpio, 8 lines)";
    stage.types("./controller --line GPIO99", 1, &["no line is named GPIO99", looked_at])?;
    stage.types("./controller --chip gpiochip7", 1, &["on a chip gpiochip7", looked_at])?;
    stage.types("ln -s gpiochip0 /dev/gpiochip4", 0, &[])?;
    stage.controller("--chip /dev/gpiochip4")?;
    stage.types("./command on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.types("rm /dev/gpiochip4", 0, &[])
}

fn second(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.controller("")?;
    stage.types("./command on", 0, &["on\n"])?;
    stage.types("./controller", 1, &["a controller with PID", "serves key 1234 already"])?;
    stage.types("./controller --key 99", 1, &["is held by \"led-controller\""])?;
    stage.types("./controller --turn-off", 1, &["is held by \"led-controller\""])?;
    stage.pin_is(ON)?;
    stage.types("./command status", 0, &["on\n"])
}

fn textbook(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.controller("")?;
    for nul in [0, 1] {
        stage.types(&format!("./textbook ON {nul}"), 0, &[])?;
        stage.pin_becomes(ON)?;
        stage.types(&format!("./textbook OFF {nul}"), 0, &[])?;
        stage.pin_becomes(OFF)?;
    }
    Ok(())
}
