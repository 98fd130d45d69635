//! The scenes of the programs, with the pin read from outside.

mod operation;
mod problems;

use super::{
    machine::Machine,
    stage::{Scene, Stage},
};
use crate::Error;

const SCENES: [(&str, Scene); 17] = [
    (
        "the line is taken and the LED is off at start",
        operation::start,
    ),
    ("on, off, toggle, status", operation::commands),
    ("blink, counted", operation::blink),
    ("the end of blinking", operation::blink_ends),
    ("exit while on", operation::exit),
    ("SIGTERM while on", operation::sigterm),
    ("SIGKILL while on, then --turn-off", operation::sigkill),
    ("--initial on", operation::initial),
    ("--active-low", operation::active_low),
    ("the line is busy", problems::busy),
    ("a line that does not exist", problems::missing),
    (
        "each request to the chip and the line fails once",
        problems::faults,
    ),
    ("no GPIO chip", problems::no_chip),
    ("a second controller", problems::second),
    ("a textbook client in C", operation::textbook),
    ("status in JSON", operation::json),
    ("doctor", problems::doctor),
];

/// Some installations of Raspberry Pi OS have a 32-bit system on a 64-bit kernel.
const OF_32_BIT: (&str, Scene) = (
    "32-bit clients, ours and the textbook's",
    operation::clients_of_32_bit,
);

/// Plays all scenes, and stops at the first that fails. Skips that of the 32-bit clients if they are missing.
pub(crate) fn play(machine: &mut Machine) -> Result<(), Error> {
    let mut scenes = SCENES.to_vec();
    if machine.try_run("test -e command32")?.0 == 0 {
        scenes.push(OF_32_BIT);
    }
    for (name, scene) in &scenes {
        println!("scene: {name}");
        let mut stage = Stage { machine };
        scene(&mut stage).map_err(|error| {
            let log = stage.machine.run("cat /tmp/log").unwrap_or_default();
            format!("scene \"{name}\": {error}\nthe controller's log:\n{log}")
        })?;
        let clear = "killall -9 controller gpioset; wait; rm -f /tmp/log; ./controller --turn-off";
        stage.machine.try_run(clear)?;
    }
    println!("{} passed, 0 failed", scenes.len());
    Ok(())
}

/// Starts a controller in the background, and waits until it is ready.
fn controller(stage: &mut Stage<'_>, options: &str) -> Result<(), Error> {
    println!("    # ./controller {options}");
    stage.machine.run(&format!(
        "./controller {options} >/tmp/log 2>&1 & echo $! >/tmp/pid"
    ))?;
    stage.wait_for("grep -q ready /tmp/log")
}

/// Signals the controller, and asserts its exit status.
fn signal(stage: &mut Stage<'_>, signal: &str, status: i32) -> Result<(), Error> {
    stage.run(
        &format!("kill -{signal} $(cat /tmp/pid); wait $(cat /tmp/pid)"),
        status,
        &[],
    )
}

/// Asserts that the line is free, and that no queue is left.
fn released(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.line_is_free("gpiochip0")?;
    stage.run("grep -c . /proc/sysvipc/msg", 0, &["1\n"])
}
