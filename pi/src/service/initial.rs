//! `--initial last` of the service.

use super::{property, restart};
use crate::{
    Error,
    stage::{OFF, ON, Stage},
};

const FILE: &str = "/var/lib/led-controller/1234.state";

fn start_with(stage: &mut Stage<'_>, options: &str) -> Result<(), Error> {
    stage.run(
        &format!("echo 'OPTIONS=\"{options}\"' >/etc/default/led-controller"),
        0,
        &[],
    )?;
    stage.run(
        "systemctl reset-failed led-controller; systemctl restart led-controller",
        0,
        &[],
    )
}

pub(super) fn last(stage: &mut Stage<'_>) -> Result<(), Error> {
    start_with(stage, "--initial last")?;
    stage.pin_is(OFF)?;
    stage.run(
        "journalctl -b -u led-controller | grep 1234.state",
        0,
        &["starting with the LED off"],
    )?;
    stage.run("led on", 0, &["on\n"])?;
    stage.wait_for(&format!("grep -q ON {FILE}"))?;
    // A stop turns it off, and is not the last command.
    stage.run("systemctl stop led-controller", 0, &[])?;
    stage.pin_is(OFF)?;
    stage.run("systemctl start led-controller", 0, &[])?;
    stage.pin_is(ON)?;
    stage.run("led status", 0, &["on (queue"])?;

    let pid = property(stage, "MainPID")?;
    stage.run(&format!("kill -KILL {pid}"), 0, &[])?;
    stage.wait_for(&format!(
        "test $(systemctl show -P MainPID led-controller) -gt {pid} && led status"
    ))?;
    stage.pin_is(ON)?;
    stage.run("echo 'OPTIONS=\"\"' >/etc/default/led-controller", 0, &[])?;
    restart(stage)
}
