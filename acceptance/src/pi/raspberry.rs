//! The package on a Raspberry Pi OS on a Pi 5: what those have and a Debian on an older Pi has not.
//!
//! The chips are the kernel's simulated ones, and the level of the line is read from the simulator.

use std::{fs, path::Path};

use super::{
    debian::Root,
    device_tree::{self, SPARE_CHIPS},
    machine::{MINI_UART_CONSOLE, Machine},
    parts::Parts,
    simulator::{self, MODULES},
    stage::{Scene, Stage},
};
use crate::Error;

const SCENES: [(&str, Scene); 5] = [
    ("the chips of a Pi 5, for group gpio before the package comes", chips),
    ("the package is installed, and finds its line", install),
    ("the first user commands", commands),
    ("the chip is named by its label, its old number and its path", names),
    ("SIGKILL while on, and purge while on", ends),
];

/// Loads the simulator before udev looks for chips, as a Pi 5's kernel has its chips by then.
const SIMULATE: &str = "\
[Unit]
Description=Simulate the GPIO chips of a Pi 5
DefaultDependencies=no
Before=systemd-udevd.service systemd-udev-trigger.service

[Service]
Type=oneshot
ExecStart=/bin/sh -ec 'LOAD echo SPARE >/sys/bus/platform/drivers/gpio-sim/unbind'

[Install]
WantedBy=sysinit.target
";

/// What Raspberry Pi OS has for GPIO, by the names that its files have there.
const RULES: [(&str, &str); 2] = [
    ("99-com.rules", "SUBSYSTEM==\"gpio\", GROUP=\"gpio\", MODE=\"0660\"\n"),
    (
        "60-gpiochip4.rules",
        "SUBSYSTEM==\"gpio\", KERNEL==\"gpiochip0\", PROGRAM=\"/usr/bin/test ! -c /dev/gpiochip4\", SYMLINK+=\"gpiochip4\"\n",
    ),
];

const CHIPS: [&str; 5] = [
    "gpiochip0 [pinctrl-rp1] (54 lines)",
    "gpiochip10 [gpio-brcmstb@107d508500] (32 lines)",
    "gpiochip11 [gpio-brcmstb@107d508520] (4 lines)",
    "gpiochip12 [gpio-brcmstb@107d517c00] (17 lines)",
    "gpiochip13 [gpio-brcmstb@107d517c20] (6 lines)",
];

/// Boots it without the package, and plays all scenes; stops at the first that fails.
pub(crate) fn play(cache: &Path, parts: &Parts, package: &Path) -> Result<(), Error> {
    let root = Root::copy(parts.suite, cache, "raspberry-pi-os")?;
    let modules = simulator::build(cache, parts)?;
    let mut load = String::new();
    for module in MODULES {
        root.put(&format!("usr/lib/gpio-sim/{module}"), &fs::read(modules.join(module))?)?;
        load += &format!("insmod /usr/lib/gpio-sim/{module}; ");
    }
    root.enable("simulate", &SIMULATE.replace("LOAD", load.trim_end()).replace("SPARE", SPARE_CHIPS))?;
    for (name, rule) in RULES {
        root.put(&format!("etc/udev/rules.d/{name}"), rule.as_bytes())?;
    }
    root.chroot("groupadd --system gpio && useradd --create-home --groups gpio pi && useradd --create-home eve")?;
    root.put("root/led-controller.deb", &fs::read(package)?)?;
    let initramfs = root.archive(cache)?;

    let device_tree = device_tree::of_a_pi_5(cache, parts)?;
    let quiet = format!("{MINI_UART_CONSOLE} systemd.show_status=0");
    let mut machine = Machine::boot(parts, &device_tree, &initramfs, &quiet)?;
    for (name, scene) in SCENES {
        println!("scene: {name}");
        let mut stage = Stage { machine: &mut machine };
        scene(&mut stage).map_err(|error| {
            let journal = stage.machine.run("journalctl -b -n 40 --no-pager").unwrap_or_default();
            format!("scene \"{name}\": {error}\nthe journal:\n{journal}")
        })?;
    }
    println!("{} passed, 0 failed", SCENES.len());
    Ok(())
}

/// Asserts the level of GPIO17, as the simulator has it.
fn level_is(stage: &mut Stage<'_>, level: u32) -> Result<(), Error> {
    stage.types("cat /sys/devices/platform/rp1/gpiochip0/sim_gpio17/value", 0, &[&format!("{level}\n")])
}

/// Waits for a level, which may be another one by then: the LED may blink.
fn level_becomes(stage: &mut Stage<'_>, level: u32) -> Result<(), Error> {
    stage.wait_for(&format!("grep -q {level} /sys/devices/platform/rp1/gpiochip0/sim_gpio17/value"))?;
    println!("    the level was {level}");
    Ok(())
}

fn chips(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.wait_for("systemctl is-system-running --quiet || systemctl is-system-running | grep degraded")?;
    stage.types("systemctl --failed --no-legend --plain", 0, &[])?;
    stage.types("systemctl is-system-running", 0, &["running"])?;
    stage.types("tr -d '\\0' </proc/device-tree/model", 0, &["Raspberry Pi 5"])?;
    stage.types("gpiodetect", 0, &CHIPS)?;
    stage.types("ls /dev/gpiochip* | wc -l; readlink /dev/gpiochip4", 0, &["6\ngpiochip0\n"])?;
    stage.types("stat -Lc '%G %a' /dev/gpiochip* | sort | uniq -c", 0, &["6 gpio 660\n"])?;
    stage.types("id -nG pi", 0, &["gpio"])?;
    stage.line_is_free("gpiochip0")
}

fn install(stage: &mut Stage<'_>) -> Result<(), Error> {
    let apt = "DEBIAN_FRONTEND=noninteractive apt-get install --yes /root/led-controller.deb";
    stage.types(&format!("{apt} >/tmp/apt 2>&1 || {{ cat /tmp/apt; false; }}"), 0, &[])?;
    stage.types("systemctl is-active led-controller", 0, &["active"])?;
    let took = "took line GPIO17 (offset 17 of gpiochip0, pinctrl-rp1)";
    stage.types("journalctl -b -u led-controller -o cat | grep took", 0, &[took])?;
    stage.line_is_held("gpiochip0", "led-controller")?;
    level_is(stage, 0)?;
    // Its rule for the link removes that at the next event of the chip, so nothing here may cause one.
    stage.types("readlink /dev/gpiochip4", 0, &["gpiochip0\n"])?;
    stage.types("stat -Lc '%G %a' /dev/gpiochip* | sort | uniq -c", 0, &["6 gpio 660\n"])
}

fn commands(stage: &mut Stage<'_>) -> Result<(), Error> {
    for (verb, says, level) in
        [("on", "on\n", 1), ("off", "off\n", 0), ("toggle", "on\n", 1), ("status", "on (queue", 1), ("off", "off\n", 0)]
    {
        stage.types(&format!("runuser -u pi -- led {verb}"), 0, &[says])?;
        level_is(stage, level)?;
    }
    stage.types("runuser -u pi -- led blink 200ms 200ms", 0, &["blink 200ms 200ms\n"])?;
    for level in [0, 1, 0] {
        level_becomes(stage, level)?;
    }
    stage.types("runuser -u pi -- led off", 0, &["off\n"])?;
    stage.types(
        "runuser -u pi -- led status --json",
        0,
        &[r#""line":"GPIO17","offset":17,"chip":"gpiochip0","label":"pinctrl-rp1""#],
    )?;
    stage.types("runuser -u pi -- led doctor", 0, &["ok   line", "ok   group"])?;
    stage.types("runuser -u eve -- led on", 4, &["permission denied"])?;
    level_is(stage, 0)
}

fn names(stage: &mut Stage<'_>) -> Result<(), Error> {
    for chip in ["pinctrl-rp1", "gpiochip0", "/dev/gpiochip4"] {
        let set = format!("echo 'OPTIONS=\"--chip {chip}\"' >/etc/default/led-controller");
        stage.types(&(set + "; systemctl restart led-controller; led on"), 0, &["on\n"])?;
        level_is(stage, 1)?;
        stage.types("led off", 0, &["off\n"])?;
        level_is(stage, 0)?;
    }
    // These were more starts in a row than the unit allows to fail.
    stage.types("echo 'OPTIONS=\"\"' >/etc/default/led-controller; systemctl reset-failed led-controller", 0, &[])?;
    stage.types("systemctl restart led-controller", 0, &[])
}

fn ends(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.types("led on", 0, &["on\n"])?;
    level_is(stage, 1)?;
    stage.types("systemctl kill --signal=KILL led-controller", 0, &[])?;
    level_becomes(stage, 0)?;
    stage.wait_for("led status")?;
    level_is(stage, 0)?;
    stage.types("led on", 0, &["on\n"])?;
    level_is(stage, 1)?;
    stage.types("DEBIAN_FRONTEND=noninteractive apt-get purge --yes led-controller >/tmp/apt 2>&1", 0, &[])?;
    level_is(stage, 0)?;
    stage.line_is_free("gpiochip0")?;
    // Its own rule gave the chips to the group before.
    stage.types("stat -Lc '%G %a' /dev/gpiochip* | sort | uniq -c", 0, &["6 gpio 660\n"])
}
