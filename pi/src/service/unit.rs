//! What the scenes ask systemd and apt for.

use crate::{
    Error,
    stage::{OFF, Stage},
};

pub(super) const ACTIVE: &str = "systemctl is-active led-controller";

/// A property of the unit.
pub(super) fn property(stage: &mut Stage<'_>, name: &str) -> Result<String, Error> {
    let value = stage.machine.run(&format!(
        "systemctl show --value --property={name} led-controller"
    ))?;
    Ok(value.trim().to_owned())
}

/// Restarts the service, whatever its state is.
pub(super) fn restart(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage
        .machine
        .run("systemctl reset-failed led-controller; systemctl restart led-controller")?;
    stage.pin_is(OFF)
}

/// Asserts that systemd has started everything, without a failure.
pub(super) fn booted(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage
        .machine
        .try_run("systemctl is-system-running --wait")?;
    stage.ok("systemctl --failed --no-legend --plain")?;
    stage.says("systemctl is-system-running", "running")
}

/// Writes the options of the service.
pub(super) fn options(stage: &mut Stage<'_>, options: &str) -> Result<(), Error> {
    stage.ok(&format!(
        "echo 'OPTIONS=\"{options}\"' >/etc/default/led-controller"
    ))
}

/// Waits until a new process of the service, after the one with this PID, replies.
pub(super) fn replies_after(stage: &mut Stage<'_>, pid: &str) -> Result<(), Error> {
    stage.wait_for(&format!(
        "test $(systemctl show -P MainPID led-controller) -gt {pid} && led status"
    ))
}

/// Runs apt-get, with its output if it fails.
pub(super) fn apt(stage: &mut Stage<'_>, action: &str) -> Result<(), Error> {
    stage.ok(&format!(
        "DEBIAN_FRONTEND=noninteractive apt-get {action} --yes >/tmp/apt 2>&1 || {{ cat /tmp/apt; false; }}"
    ))
}

pub(super) fn failed(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.wait_for("systemctl is-failed --quiet led-controller")
}

/// Waits until systemd stops restarting the service.
pub(super) fn wait_for_start_limit(stage: &mut Stage<'_>) -> Result<(), Error> {
    failed(stage)?;
    stage.wait_for("journalctl -b -u led-controller | grep -q 'Start request repeated too quickly'")
}
