//! `--initial last` of the service.

use super::unit::{options, property, replies_after, restart};
use crate::{
    Error,
    stage::{OFF, ON, Stage},
};

const FILE: &str = "/var/lib/led-controller/1234.state";

pub(super) fn last(stage: &mut Stage<'_>) -> Result<(), Error> {
    options(stage, "--initial last")?;
    restart(stage)?;
    stage.says(
        "journalctl -b -u led-controller | grep 1234.state",
        "starting with the LED off",
    )?;
    stage.says("led on", "on\n")?;
    stage.wait_for(&format!("grep -q ON {FILE}"))?;
    // A stop turns it off, and is not the last command.
    stage.ok("systemctl stop led-controller")?;
    stage.pin_is(OFF)?;
    stage.ok("systemctl start led-controller")?;
    stage.pin_is(ON)?;
    stage.says("led status", "on (queue")?;

    let pid = property(stage, "MainPID")?;
    stage.ok(&format!("kill -KILL {pid}"))?;
    replies_after(stage, &pid)?;
    stage.pin_is(ON)?;
    options(stage, "")?;
    restart(stage)
}
