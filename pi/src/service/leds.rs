//! The service with LEDs that the kernel drives.

use super::unit::{booted, options, property, replies_after};
use crate::{
    Error,
    programs::kernel_led::{TRIGGER, act_is, level_is},
    stage::Stage,
};

/// Loads the modules if the machine has such LEDs.
pub(super) const LOAD: &str = "\
[Unit]
Description=Load the modules of the LEDs
ConditionPathExists=|/proc/device-tree/pwm-leds
ConditionPathExists=|/proc/device-tree/led-leds
DefaultDependencies=no
Before=sysinit.target

[Service]
Type=oneshot
ExecStart=/bin/sh -ec 'for module in /usr/lib/leds/*; do insmod $module; done'

[Install]
WantedBy=sysinit.target
";

/// What the service may write to, of the files of devices.
const WRITABLE: &str = "runuser -u led-controller -- find /sys/devices/platform -type f -writable";

pub(super) fn permissions(stage: &mut Stage<'_>) -> Result<(), Error> {
    booted(stage)?;
    stage.ok("udevadm settle")?;
    let listed = format!("{WRITABLE} | grep -c -e '/brightness$' -e '/trigger$'");
    stage.says(&listed, "4\n")?;
    stage.says(&format!("{WRITABLE} | wc -l"), "4\n")?;
    stage.run(
        "runuser -u eve -- sh -c 'echo 1 >/sys/class/leds/ACT/brightness' 2>&1",
        2,
        &["ermission denied"],
    )
}

/// Restarts the service with these options.
fn restart(stage: &mut Stage<'_>, with: &str) -> Result<(), Error> {
    options(stage, with)?;
    stage.ok("systemctl reset-failed led-controller; systemctl restart led-controller")
}

pub(super) fn act(stage: &mut Stage<'_>) -> Result<(), Error> {
    restart(stage, "--led ACT")?;
    stage.says(TRIGGER, "[none]")?;
    act_is(stage, false)?;
    stage.says("runuser -u pi -- led on", "on\n")?;
    act_is(stage, true)?;
    stage.run("led on 40% 2>&1", 1, &["can only be on or off"])?;
    stage.says(
        "runuser -u pi -- led doctor",
        "LED ACT can only be on or off",
    )?;
    // The unit turns it off, with its trigger; the next controller ends that again.
    let pid = property(stage, "MainPID")?;
    stage.ok(&format!("kill -KILL {pid}"))?;
    replies_after(stage, &pid)?;
    act_is(stage, false)?;
    stage.says(
        "journalctl -b -u led-controller -o cat",
        "LED ACT has its trigger heartbeat again",
    )?;
    stage.ok("systemctl stop led-controller")?;
    stage.says(TRIGGER, "[heartbeat]")
}

pub(super) fn dimmed(stage: &mut Stage<'_>) -> Result<(), Error> {
    restart(stage, "--led dim18")?;
    stage.says("runuser -u pi -- led on 40%", "on 40%\n")?;
    level_is(stage, 102)?;
    let pid = property(stage, "MainPID")?;
    stage.ok(&format!("kill -KILL {pid}"))?;
    replies_after(stage, &pid)?;
    level_is(stage, 0)?;
    stage.says("led on 40%", "on 40%\n")?;
    level_is(stage, 102)?;
    stage.ok("systemctl stop led-controller")?;
    level_is(stage, 0)
}

/// How often to measure.
const ATTEMPTS: usize = 10;

/// The share of the time in which pin 17 is high, in percent, of this many looks.
fn share(stage: &mut Stage<'_>, looks: u32) -> Result<f64, Error> {
    let mut high = 0;
    for _ in 0..looks {
        high += u32::from(stage.machine.pin()?.high);
    }
    Ok(100.0 * f64::from(high) / f64::from(looks))
}

pub(super) fn overlay(stage: &mut Stage<'_>) -> Result<(), Error> {
    booted(stage)?;
    restart(stage, "--led led17")?;
    for percent in [20, 40, 60, 80] {
        let said = format!("on {percent}%\n");
        stage.says(&format!("runuser -u pi -- led on {percent}%"), &said)?;
        let mut seen = Vec::new();
        // A shared machine stretches some pulses.
        while seen
            .last()
            .is_none_or(|last: &f64| (last - f64::from(percent)).abs() > 5.0)
        {
            if seen.len() == ATTEMPTS {
                return Err(format!("of {percent} %, pin 17 is high for {seen:.1?} %").into());
            }
            seen.push(share(stage, 2000)?);
        }
        stage.measured(&format!("asked {percent} %, seen {seen:.1?} %"));
    }
    let pid = property(stage, "MainPID")?;
    stage.ok(&format!("kill -KILL {pid}"))?;
    replies_after(stage, &pid)?;
    match share(stage, 500)? {
        0.0 => Ok(()),
        share => Err(format!("pin 17 is high for {share:.1} % of the time").into()),
    }
}
