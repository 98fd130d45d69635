//! The package on Raspberry Pi OS on a Pi 5, as far as it differs from a Debian on an older Pi.
//!
//! The chips are the kernel's simulated ones, and the level of the line is read from the simulator.

use std::fs;

use super::{
    Packages, TROUBLE,
    unit::{ACTIVE, apt, booted, options},
};
use crate::{
    Error,
    cache::Cache,
    debian::Image,
    device_tree::{self, SPARE_CHIPS},
    groups::Verdict,
    machine::{Machine, Setup},
    parts,
    simulator::{self, MODULES},
    stage::{Scene, Stage},
    suite::Suite,
};

#[rustfmt::skip]
const SCENES: [(&str, Scene); 5] = [
    ("the chips of a Pi 5, in group gpio before the installation", chips),
    ("the package is installed, and finds the line", install),
    ("the first user sends commands", commands),
    ("the chip is named by its label, its old number and its path", names),
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

/// Boots it without the package, and plays all scenes.
pub(crate) fn play(
    verdict: &mut Verdict,
    suite: Suite,
    packages: &Packages<'_>,
) -> Result<(), Error> {
    let cache = Cache::of(suite)?;
    let parts = parts::fetch(&cache)?;
    let modules = simulator::build(&cache, &parts)?;
    let mut image = Image::new();
    let mut load = String::new();
    for module in MODULES {
        let path = format!("usr/lib/gpio-sim/{module}");
        image.put(&path, fs::read(modules.join(module))?);
        load += &format!("insmod /{path}; ");
    }
    let unit = SIMULATE.replace("LOAD", load.trim_end());
    image.enable("simulate", &unit.replace("SPARE", SPARE_CHIPS));
    for (name, rule) in RULES {
        image.put(&format!("etc/udev/rules.d/{name}"), rule);
    }
    image.run("groupadd --system gpio; useradd --create-home --groups gpio pi");
    image.run("useradd --create-home eve");
    image.put("root/led-controller.deb", fs::read(packages.first)?);
    let setup = Setup {
        device_tree: Some(device_tree::of_a_pi_5(&cache, &parts)?),
        ..Setup::of_debian(image.pack(&cache, "raspberry")?)
    };
    let mut machine = verdict.step("boot", || Machine::boot(&parts, &setup))?;
    for (name, scene) in SCENES {
        verdict.play(&mut machine, name, scene, TROUBLE);
    }
    Ok(())
}

/// Asserts that all chips are in group gpio.
fn in_group(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.says(
        "stat -Lc '%G %a' /dev/gpiochip* | sort | uniq -c",
        "6 gpio 660\n",
    )
}

/// The level of GPIO17 in the simulator.
const LEVEL: &str = "/sys/devices/platform/rp1/gpiochip0/sim_gpio17/value";

/// Asserts the level of GPIO17 in the simulator.
fn level_is(stage: &mut Stage<'_>, level: u32) -> Result<(), Error> {
    stage.says(&format!("cat {LEVEL}"), &format!("{level}\n"))
}

/// Waits for a level. It may have changed again since: the LED may blink.
fn level_becomes(stage: &mut Stage<'_>, level: u32) -> Result<(), Error> {
    stage.wait_for(&format!("grep -q {level} {LEVEL}"))
}

fn chips(stage: &mut Stage<'_>) -> Result<(), Error> {
    booted(stage)?;
    stage.ok("udevadm settle")?;
    stage.says("tr -d '\\0' </proc/device-tree/model", "Raspberry Pi 5")?;
    stage.run("gpiodetect", 0, &CHIPS)?;
    stage.says(
        "ls /dev/gpiochip* | wc -l; readlink /dev/gpiochip4",
        "6\ngpiochip0\n",
    )?;
    in_group(stage)?;
    stage.says("id -nG pi", "gpio")?;
    stage.line_is_free("gpiochip0")
}

fn install(stage: &mut Stage<'_>) -> Result<(), Error> {
    apt(stage, "install /root/led-controller.deb")?;
    stage.says(ACTIVE, "active")?;
    let took = "took line GPIO17 (offset 17 of gpiochip0, pinctrl-rp1)";
    stage.says("journalctl -b -u led-controller -o cat | grep took", took)?;
    stage.line_is_held("gpiochip0", "led-controller")?;
    level_is(stage, 0)?;
    // The system's rule removes the link at the next event of the chip, so no scene may cause one.
    stage.says("readlink /dev/gpiochip4", "gpiochip0\n")?;
    in_group(stage)
}

fn commands(stage: &mut Stage<'_>) -> Result<(), Error> {
    for (verb, output, level) in [
        ("on", "on\n", 1),
        ("off", "off\n", 0),
        ("toggle", "on\n", 1),
        ("status", "on (queue", 1),
        ("off", "off\n", 0),
    ] {
        stage.says(&format!("runuser -u pi -- led {verb}"), output)?;
        level_is(stage, level)?;
    }
    stage.says(
        "runuser -u pi -- led blink 200ms 200ms",
        "blink 200ms 200ms\n",
    )?;
    for level in [0, 1, 0] {
        level_becomes(stage, level)?;
    }
    stage.says("runuser -u pi -- led off", "off\n")?;
    stage.says(
        "runuser -u pi -- led status --json",
        r#""line":"GPIO17","offset":17,"chip":"gpiochip0","label":"pinctrl-rp1""#,
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
        options(stage, &format!("--chip {chip}"))?;
        stage.says("systemctl restart led-controller; led on", "on\n")?;
        level_is(stage, 1)?;
        stage.says("led off", "off\n")?;
        level_is(stage, 0)?;
    }
    // These were more starts than the unit's limit.
    options(stage, "")?;
    stage.ok("systemctl reset-failed led-controller; systemctl restart led-controller")
}

fn ends(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.says("led on", "on\n")?;
    level_is(stage, 1)?;
    stage.ok("systemctl kill --signal=KILL led-controller")?;
    level_becomes(stage, 0)?;
    stage.wait_for("led status")?;
    level_is(stage, 0)?;
    stage.says("led on", "on\n")?;
    level_is(stage, 1)?;
    apt(stage, "purge led-controller")?;
    level_is(stage, 0)?;
    stage.line_is_free("gpiochip0")?;
    // The system's own rule gives the chips to the group.
    in_group(stage)
}
