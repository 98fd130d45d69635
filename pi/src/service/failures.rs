//! Kills of the service, and lines that are not available.

use super::unit::{ACTIVE, options, property, replies_after, restart, wait_for_start_limit};
use crate::{
    Error,
    stage::{OFF, ON, Stage},
};

/// The seconds of the guest from the last death of the service until it was ready again.
fn recovery(stage: &mut Stage<'_>) -> Result<f64, Error> {
    let time = |line: &str| {
        line.split(['[', ']'])
            .nth(1)
            .and_then(|time| time.trim().parse::<f64>().ok())
    };
    let log = stage
        .machine
        .run("journalctl -b -u led-controller -o short-monotonic --no-hostname")?;
    let last = |part: &str| log.lines().rfind(|line| line.contains(part)).and_then(time);
    let (died, ready) = (last("Main process exited"), last("ready: key"));
    Ok(ready.ok_or("the service was never ready")? - died.ok_or("the service never died")?)
}

pub(super) fn sigkill(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.says("led on", "on\n")?;
    let pid = property(stage, "MainPID")?;
    stage.ok(&format!("kill -KILL {pid}"))?;
    stage.pin_becomes(OFF)?;
    replies_after(stage, &pid)?;
    stage.says("led status", "off (queue")?;
    let seconds = recovery(stage)?;
    stage.measured(&format!(
        "from its death to ready again: {seconds:.2} s of the guest"
    ));
    Ok(())
}

pub(super) fn sigkill_with_client(stage: &mut Stage<'_>) -> Result<(), Error> {
    let pid = property(stage, "MainPID")?;
    stage.ok(&format!("kill -STOP {pid}"))?;
    stage.wait_for(&format!("grep -q '^State:.T' /proc/{pid}/status"))?;
    stage.ok("(led on --timeout 60s >/tmp/said 2>&1; echo $? >>/tmp/said) &")?;
    stage.wait_for("awk '$1 == 1234 { exit $5 != 1 }' /proc/sysvipc/msg")?;
    stage.says(&format!("kill -KILL {pid}; wait; cat /tmp/said"), "on\n0\n")?;
    // The client printed that the LED is on, and it is.
    stage.pin_is(ON)?;
    stage.says("led off", "off\n")
}

pub(super) fn not_accessible(stage: &mut Stage<'_>) -> Result<(), Error> {
    // It waits for udev, longer than the job does.
    stage.run("chown root:root /dev/gpiochip*; chmod 600 /dev/gpiochip*; systemctl restart led-controller", 1, &[])?;
    stage.wait_for(
        "journalctl -b -u led-controller | grep 'Permission denied' | grep -q 'whose udev rule'",
    )?;
    stage.says(
        "udevadm trigger --subsystem-match=gpio --action=change --settle; ls -l /dev/gpiochip0",
        "gpio",
    )?;
    stage.wait_for(ACTIVE)?;
    restart(stage)
}

pub(super) fn missing(stage: &mut Stage<'_>) -> Result<(), Error> {
    options(stage, "--line GPIO99")?;
    stage.run("systemctl restart led-controller", 1, &[])?;
    wait_for_start_limit(stage)?;
    stage.run(
        "systemctl status led-controller",
        3,
        &["no line is named GPIO99; looked at gpiochip0 (pinctrl-bcm2835"],
    )?;
    options(stage, "")?;
    restart(stage)
}

pub(super) fn read_only(stage: &mut Stage<'_>) -> Result<(), Error> {
    // The unit makes the file system read-only, except its own directory in /run.
    let inside = "nsenter --mount --target $(systemctl show -P MainPID led-controller)";
    stage.run(
        &format!("{inside} touch /x /var/x /etc/x"),
        1,
        &[
            "'/x': Read-only",
            "'/var/x': Read-only",
            "'/etc/x': Read-only",
        ],
    )?;
    stage.turns_on("led")?;
    stage.says("led off", "off\n")
}

pub(super) fn busy(stage: &mut Stage<'_>) -> Result<(), Error> {
    wait_for_start_limit(stage)?;
    stage.run(
        "systemctl status led-controller",
        3,
        &["GPIO17", "is in use by \"gpioset\""],
    )?;
    stage.run("led on", 3, &["no controller is running"])?;
    let again = "systemctl reset-failed led-controller && sudo systemctl restart led-controller";
    stage.run("led doctor", 1, &[again])?;
    stage.ok("systemctl stop hold-line; systemctl reset-failed led-controller; systemctl start led-controller")?;
    stage.turns_on("led")
}

pub(super) fn renumbered(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run(
        "gpiodetect",
        0,
        &[
            "gpiochip0 [3b000000.gpio] (32 lines)",
            "gpiochip1 [pinctrl-bcm2835]",
        ],
    )?;
    stage.wait_for(ACTIVE)?;
    stage.turns_on("runuser -u pi -- led")?;
    stage.turns_off("led")
}

pub(super) fn doubled_name(stage: &mut Stage<'_>) -> Result<(), Error> {
    let gpiod = stage.machine.gpiod;
    stage.says(&gpiod.info("gpiochip0"), &gpiod.offset("gpiochip0", 1))?;
    stage.wait_for(ACTIVE)?;
    stage.turns_on("led")?;
    // The other line can be chosen by the label of its chip.
    options(stage, "--chip 3b000000.gpio")?;
    stage.says("systemctl restart led-controller; led on", "on\n")?;
    stage.line_is_held("gpiochip0", "led-controller")?;
    stage.pin_is(OFF)
}
