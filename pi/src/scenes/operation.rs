//! The LED follows the commands.

use std::time::Duration;

use super::{controller, released, signal};
use crate::{
    Error,
    stage::{OFF, ON, Stage},
};

pub(super) fn start(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.line_is_held("gpiochip0", "led-controller")?;
    stage.pin_is(OFF)
}

pub(super) fn commands(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.run("./command on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.run(
        "./command status",
        0,
        &["on (queue 1234: 0 messages, 0 bytes; "],
    )?;
    stage.run("./command off", 0, &["off\n"])?;
    stage.pin_is(OFF)?;
    stage.run("./command toggle", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.run("./command toggle", 0, &["off\n"])?;
    stage.pin_is(OFF)?;
    stage.run("./command --no-wait on", 0, &["queued\n"])?;
    stage.pin_becomes(ON)
}

pub(super) fn blink(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    let phase = Duration::from_millis(500);
    stage.run(
        "./command blink 500ms 500ms --count 4",
        0,
        &["blink 500ms 500ms, 4 left\n"],
    )?;
    let flashes = stage.flashes(4 * phase)?;
    // The first flash began before the pin was read. A shared machine may stretch the others.
    if flashes.len() != 4 || flashes[1..].iter().any(|flash| *flash < phase / 2) {
        return Err(format!("4 flashes of {phase:?} were {flashes:?}").into());
    }
    stage.pin_is(OFF)?;
    stage.run("./command status", 0, &["off (queue"])
}

pub(super) fn blink_ends(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.run("./command blink 100ms 100ms", 0, &["blink 100ms 100ms\n"])?;
    for state in [OFF, ON, OFF] {
        stage.pin_becomes(state)?;
    }
    stage.run("./command on", 0, &["on\n"])?;
    stage.pin_stays(ON, Duration::from_secs(1))?;
    stage.run("./command blink 1h 1ms", 0, &[])?;
    stage.pin_is(ON)?;
    signal(stage, "TERM", 0)?;
    stage.pin_is(OFF)?;
    controller(stage, "")?;
    stage.run("./command blink 1h 1ms", 0, &[])?;
    stage.run("./command exit", 0, &["ended\n"])?;
    stage.pin_is(OFF)?;
    released(stage)
}

pub(super) fn exit(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.run("./command on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.run("./command exit", 0, &["ended\n"])?;
    stage.pin_is(OFF)?;
    stage.run("wait $(cat /tmp/pid)", 0, &[])?;
    released(stage)?;
    stage.run("./command on", 3, &["no controller is running"])
}

pub(super) fn sigterm(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.run("./command on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    signal(stage, "TERM", 0)?;
    stage.pin_is(OFF)?;
    released(stage)
}

pub(super) fn sigkill(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.run("./command on", 0, &["on\n"])?;
    signal(stage, "KILL", 128 + 9)?;
    // As on a Pi 5: the line is free, and the LED is on.
    stage.pin_is(ON)?;
    stage.run(
        "./controller --turn-off",
        0,
        &[
            "is off",
            "removing stale queue 1234",
            "removing stale queue 1235",
        ],
    )?;
    stage.pin_is(OFF)?;
    released(stage)?;
    // Killed again. Only the next controller cleans up.
    controller(stage, "")?;
    stage.run("./command on", 0, &["on\n"])?;
    signal(stage, "KILL", 128 + 9)?;
    stage.pin_is(ON)?;
    controller(stage, "")?;
    stage.run("cat /tmp/log", 0, &["removing stale queue 1234"])?;
    stage.run(
        "./command status",
        0,
        &["off (queue 1234: 0 messages, 0 bytes; "],
    )?;
    stage.pin_is(OFF)
}

pub(super) fn initial(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "--initial on")?;
    stage.pin_is(ON)?;
    stage.run(
        "./command status",
        0,
        &["on (queue 1234: 0 messages, 0 bytes; "],
    )?;
    signal(stage, "TERM", 0)?;
    stage.pin_is(OFF)
}

pub(super) fn active_low(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "--active-low")?;
    stage.pin_is(ON)?;
    stage.run("./command on", 0, &["on\n"])?;
    stage.pin_is(OFF)?;
    let info = stage.machine.gpiod.info("gpiochip0");
    stage.run(&info, 0, &["active-low"])?;
    stage.run("./command exit", 0, &["ended\n"])?;
    stage.pin_is(ON)
}

pub(super) fn textbook(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    for nul in [0, 1] {
        stage.run(&format!("./textbook ON {nul}"), 0, &[])?;
        stage.pin_becomes(ON)?;
        stage.run(&format!("./textbook OFF {nul}"), 0, &[])?;
        stage.pin_becomes(OFF)?;
    }
    Ok(())
}

pub(super) fn clients_of_32_bit(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    for (verb, output, pin) in [
        ("on", "on\n", ON),
        ("toggle", "off\n", OFF),
        ("toggle", "on\n", ON),
        ("status", "on (queue 1234: 0 messages, 0 bytes; ", ON),
        ("off", "off\n", OFF),
    ] {
        stage.run(&format!("./command32 {verb}"), 0, &[output])?;
        stage.pin_is(pin)?;
    }
    // The client reads a queue state of another layout, times included.
    let read = "status --json | grep -o '\"last_changed\":\"[^\"]*\"\\|\"bytes\":[^,]*\\|\"limit\":[^,}]*'";
    stage.run(
        &format!(
            "./command {read} >/tmp/64; ./command32 {read} | tee /tmp/32; cmp /tmp/64 /tmp/32"
        ),
        0,
        &["last_changed"],
    )?;
    stage.run("./command32 doctor", 0, &["ok   controller", "ok   line"])?;
    stage.run("./textbook32 ON 0", 0, &[])?;
    stage.pin_becomes(ON)?;
    stage.run("./textbook32 OFF 1", 0, &[])?;
    stage.pin_becomes(OFF)?;
    stage.run("./command32 exit", 0, &["ended\n"])
}

pub(super) fn json(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.run(
        "./command status --json",
        0,
        &[
            r#""state":"off""#,
            r#""line":"GPIO17","offset":17,"chip":"gpiochip0","label":"pinctrl-bcm2835","consumer":"led-controller""#,
        ],
    )
}
