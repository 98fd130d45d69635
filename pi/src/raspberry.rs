//! The package on Raspberry Pi OS on a Pi 5, as far as it differs from a Debian on an older Pi.
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
    (
        "the chips of a Pi 5, in group gpio before the installation",
        chips,
    ),
    ("the package is installed, and finds the line", install),
    ("the first user sends commands", commands),
    (
        "the chip is named by its label, its old number and its path",
        names,
    ),
    ("SIGKILL while on, and purge while on", ends),
];

/// Loads the simulator before udev looks for chips, because a Pi 5's kernel has its chips by then.
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

/// The GPIO rules of Raspberry Pi OS, with the names of their files.
const RULES: [(&str, &str); 2] = [
    (
        "99-com.rules",
        "SUBSYSTEM==\"gpio\", GROUP=\"gpio\", MODE=\"0660\"\n",
    ),
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

/// Boots it without the package, and plays all scenes. Stops at the first that fails.
pub(crate) fn play(cache: &Path, parts: &Parts, package: &Path) -> Result<(), Error> {
    let root = Root::copy(parts.suite, cache, "raspberry-pi-os")?;
    let modules = simulator::build(cache, parts)?;
    let mut load = String::new();
    for module in MODULES {
        root.put(
            &format!("usr/lib/gpio-sim/{module}"),
            &fs::read(modules.join(module))?,
        )?;
        load += &format!("insmod /usr/lib/gpio-sim/{module}; ");
    }
    root.enable(
        "simulate",
        &SIMULATE
            .replace("LOAD", load.trim_end())
            .replace("SPARE", SPARE_CHIPS),
    )?;
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
        let mut stage = Stage {
            machine: &mut machine,
        };
        scene(&mut stage).map_err(|error| {
            let journal = stage
                .machine
                .run("journalctl -b -n 40 --no-pager")
                .unwrap_or_default();
            format!("scene \"{name}\": {error}\nthe journal:\n{journal}")
        })?;
    }
    println!("{} passed, 0 failed", SCENES.len());
    Ok(())
}

/// Asserts the level of GPIO17 in the simulator.
fn level_is(stage: &mut Stage<'_>, level: u32) -> Result<(), Error> {
    stage.run(
        "cat /sys/devices/platform/rp1/gpiochip0/sim_gpio17/value",
        0,
        &[&format!("{level}\n")],
    )
}

/// Waits for a level. It may have changed again since: the LED may blink.
fn level_becomes(stage: &mut Stage<'_>, level: u32) -> Result<(), Error> {
    stage.wait_for(&format!(
        "grep -q {level} /sys/devices/platform/rp1/gpiochip0/sim_gpio17/value"
    ))?;
    println!("    the level was {level}");
    Ok(())
}

fn chips(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.wait_for(
        "systemctl is-system-running --quiet || systemctl is-system-running | grep degraded",
    )?;
    stage.run("systemctl --failed --no-legend --plain", 0, &[])?;
    stage.run("systemctl is-system-running", 0, &["running"])?;
    stage.run(
        "tr -d '\\0' </proc/device-tree/model",
        0,
        &["Raspberry Pi 5"],
    )?;
    stage.run("gpiodetect", 0, &CHIPS)?;
    stage.run(
        "ls /dev/gpiochip* | wc -l; readlink /dev/gpiochip4",
        0,
        &["6\ngpiochip0\n"],
    )?;
    stage.run(
        "stat -Lc '%G %a' /dev/gpiochip* | sort | uniq -c",
        0,
        &["6 gpio 660\n"],
    )?;
    stage.run("id -nG pi", 0, &["gpio"])?;
    stage.line_is_free("gpiochip0")
}

fn install(stage: &mut Stage<'_>) -> Result<(), Error> {
    let apt = "DEBIAN_FRONTEND=noninteractive apt-get install --yes /root/led-controller.deb";
    stage.run(
        &format!("{apt} >/tmp/apt 2>&1 || {{ cat /tmp/apt; false; }}"),
        0,
        &[],
    )?;
    stage.run("systemctl is-active led-controller", 0, &["active"])?;
    let took = "took line GPIO17 (offset 17 of gpiochip0, pinctrl-rp1)";
    stage.run(
        "journalctl -b -u led-controller -o cat | grep took",
        0,
        &[took],
    )?;
    stage.line_is_held("gpiochip0", "led-controller")?;
    level_is(stage, 0)?;
    // The system's rule removes the link at the next event of the chip, so no scene may cause one.
    stage.run("readlink /dev/gpiochip4", 0, &["gpiochip0\n"])?;
    stage.run(
        "stat -Lc '%G %a' /dev/gpiochip* | sort | uniq -c",
        0,
        &["6 gpio 660\n"],
    )
}

fn commands(stage: &mut Stage<'_>) -> Result<(), Error> {
    for (verb, output, level) in [
        ("on", "on\n", 1),
        ("off", "off\n", 0),
        ("toggle", "on\n", 1),
        ("status", "on (queue", 1),
        ("off", "off\n", 0),
    ] {
        stage.run(&format!("runuser -u pi -- led {verb}"), 0, &[output])?;
        level_is(stage, level)?;
    }
    stage.run(
        "runuser -u pi -- led blink 200ms 200ms",
        0,
        &["blink 200ms 200ms\n"],
    )?;
    for level in [0, 1, 0] {
        level_becomes(stage, level)?;
    }
    stage.run("runuser -u pi -- led off", 0, &["off\n"])?;
    stage.run(
        "runuser -u pi -- led status --json",
        0,
        &[r#""line":"GPIO17","offset":17,"chip":"gpiochip0","label":"pinctrl-rp1""#],
    )?;
    stage.run(
        "runuser -u pi -- led doctor",
        0,
        &["ok   line", "ok   group"],
    )?;
    stage.run("runuser -u eve -- led on", 4, &["permission denied"])?;
    level_is(stage, 0)
}

fn names(stage: &mut Stage<'_>) -> Result<(), Error> {
    for chip in ["pinctrl-rp1", "gpiochip0", "/dev/gpiochip4"] {
        let set = format!("echo 'OPTIONS=\"--chip {chip}\"' >/etc/default/led-controller");
        stage.run(
            &(set + "; systemctl restart led-controller; led on"),
            0,
            &["on\n"],
        )?;
        level_is(stage, 1)?;
        stage.run("led off", 0, &["off\n"])?;
        level_is(stage, 0)?;
    }
    // These were more starts than the unit's limit.
    stage.run(
        "echo 'OPTIONS=\"\"' >/etc/default/led-controller; systemctl reset-failed led-controller",
        0,
        &[],
    )?;
    stage.run("systemctl restart led-controller", 0, &[])
}

fn ends(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run("led on", 0, &["on\n"])?;
    level_is(stage, 1)?;
    stage.run("systemctl kill --signal=KILL led-controller", 0, &[])?;
    level_becomes(stage, 0)?;
    stage.wait_for("led status")?;
    level_is(stage, 0)?;
    stage.run("led on", 0, &["on\n"])?;
    level_is(stage, 1)?;
    stage.run(
        "DEBIAN_FRONTEND=noninteractive apt-get purge --yes led-controller >/tmp/apt 2>&1",
        0,
        &[],
    )?;
    level_is(stage, 0)?;
    stage.line_is_free("gpiochip0")?;
    // The system's own rule gives the chips to the group.
    stage.run(
        "stat -Lc '%G %a' /dev/gpiochip* | sort | uniq -c",
        0,
        &["6 gpio 660\n"],
    )
}
