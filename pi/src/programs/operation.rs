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
    stage.commands("./command")?;
    stage.says("./command --no-wait on", "queued\n")?;
    stage.pin_becomes(ON)
}

pub(super) fn blink(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    let phase = Duration::from_millis(500);
    stage.says(
        "./command blink 500ms 500ms --count 4",
        "blink 500ms 500ms, 4 left\n",
    )?;
    let flashes = stage.flashes(4 * phase)?;
    // The first flash began before the pin was read. A shared machine may stretch the others.
    if flashes.len() != 4 || flashes[1..].iter().any(|flash| *flash < phase / 2) {
        return Err(format!("4 flashes of {phase:?} were {flashes:?}").into());
    }
    stage.pin_is(OFF)?;
    stage.says("./command status", "off (queue")
}

pub(super) fn blink_ends(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.says("./command blink 100ms 100ms", "blink 100ms 100ms\n")?;
    for state in [OFF, ON, OFF] {
        stage.pin_becomes(state)?;
    }
    stage.says("./command on", "on\n")?;
    stage.pin_stays(ON, Duration::from_secs(1))?;
    stage.ok("./command blink 1h 1ms")?;
    stage.pin_is(ON)?;
    signal(stage, "TERM", 0)?;
    stage.pin_is(OFF)?;
    controller(stage, "")?;
    stage.ok("./command blink 1h 1ms")?;
    stage.says("./command exit", "ended\n")?;
    stage.pin_is(OFF)?;
    released(stage)
}

pub(super) fn exit(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.turns_on("./command")?;
    stage.says("./command exit", "ended\n")?;
    stage.pin_is(OFF)?;
    stage.ok("wait $(cat /tmp/pid)")?;
    released(stage)?;
    stage.run("./command on", 3, &["no controller is running"])
}

pub(super) fn sigterm(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.turns_on("./command")?;
    signal(stage, "TERM", 0)?;
    stage.pin_is(OFF)?;
    released(stage)
}

pub(super) fn sigkill(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.says("./command on", "on\n")?;
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
    stage.says("./command on", "on\n")?;
    signal(stage, "KILL", 128 + 9)?;
    stage.pin_is(ON)?;
    controller(stage, "")?;
    stage.says("cat /tmp/log", "removing stale queue 1234")?;
    stage.says("./command status", "off (queue 1234: 0 messages, 0 bytes; ")?;
    stage.pin_is(OFF)
}

pub(super) fn initial(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "--initial on")?;
    stage.pin_is(ON)?;
    stage.says("./command status", "on (queue 1234: 0 messages, 0 bytes; ")?;
    signal(stage, "TERM", 0)?;
    stage.pin_is(OFF)
}

pub(super) fn active_low(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "--active-low")?;
    stage.pin_is(ON)?;
    stage.says("./command on", "on\n")?;
    stage.pin_is(OFF)?;
    let info = stage.machine.gpiod.info("gpiochip0");
    stage.says(&info, "active-low")?;
    stage.says("./command exit", "ended\n")?;
    stage.pin_is(ON)
}

pub(super) fn textbook(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    for nul in [0, 1] {
        stage.ok(&format!("./textbook ON {nul}"))?;
        stage.pin_becomes(ON)?;
        stage.ok(&format!("./textbook OFF {nul}"))?;
        stage.pin_becomes(OFF)?;
    }
    Ok(())
}

pub(super) fn clients_of_32_bit(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.commands("./command32")?;
    // The client reads a queue state of another layout, times included.
    let read = "status --json | grep -o '\"last_changed\":\"[^\"]*\"\\|\"bytes\":[^,]*\\|\"limit\":[^,}]*'";
    stage.says(
        &format!(
            "./command {read} >/tmp/64; ./command32 {read} | tee /tmp/32; cmp /tmp/64 /tmp/32"
        ),
        "last_changed",
    )?;
    stage.run("./command32 doctor", 0, &["ok   controller", "ok   line"])?;
    stage.ok("./textbook32 ON 0")?;
    stage.pin_becomes(ON)?;
    stage.ok("./textbook32 OFF 1")?;
    stage.pin_becomes(OFF)?;
    stage.says("./command32 exit", "ended\n")
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
