//! The scenes of the package: a Debian that boots with it, its users, and failures of the service.

mod failures;
mod initial;
mod mqtt;
mod operation;
mod reboots;
mod users;

use std::path::Path;

use super::{
    device_tree,
    machine::{MINI_UART_CONSOLE, Machine},
    parts::Parts,
    stage::{OFF, Scene, Stage},
};
use crate::Error;

const SCENES: [(&str, Scene); 17] = [
    (
        "after boot the service is ready and the LED off",
        operation::boot,
    ),
    (
        "members of gpio send commands without sudo, other users do not",
        users::users,
    ),
    ("stop, start, restart while on", operation::stop),
    (
        "options are read at a restart, and wrong ones are reported",
        operation::options,
    ),
    ("after exit the service stays inactive", operation::exit),
    ("SIGKILL while on", failures::sigkill),
    (
        "SIGKILL while a client waits",
        failures::sigkill_with_client,
    ),
    (
        "another user creates the queues while the service is down, repeatedly",
        users::other_user,
    ),
    ("another user waits for the lock", users::lock_waiter),
    ("the chips are not accessible", failures::not_accessible),
    (
        "a line that does not exist, until the start limit",
        failures::missing,
    ),
    ("the file system is read-only", failures::read_only),
    (
        "the state of the last command, over a restart and a kill",
        initial::last,
    ),
    ("two LEDs", operation::two),
    ("the last sender logs out", users::logout),
    (
        "the journal has priorities, and no times of the controller",
        operation::journal,
    ),
    (
        "upgrade while on, remove, purge, install again",
        operation::package,
    ),
];

const MQTT: [(&str, Scene); 4] = [
    (
        "led-controller-mqtt is installed, and finds the broker and the controller",
        mqtt::install,
    ),
    ("commands and states on MQTT", mqtt::commands),
    (
        "offline and online, over stops, a kill and a restart of the broker",
        mqtt::availability,
    ),
    ("purge of led-controller-mqtt", mqtt::purge),
];

/// Boots seven times, and plays all scenes.
pub(crate) fn play(cache: &Path, parts: &Parts, initramfs: &Path) -> Result<(), Error> {
    let mut verdict = Verdict::default();
    let quiet = format!("{MINI_UART_CONSOLE} systemd.show_status=0");
    let mut machine = Machine::boot(parts, &parts.device_tree, initramfs, &quiet)?;
    for (name, scene) in SCENES.into_iter().chain(MQTT) {
        verdict.play(&mut machine, name, scene);
    }
    verdict.play(&mut machine, "poweroff while on", operation::poweroff);
    drop(machine);

    let mut machine = Machine::boot(
        parts,
        &parts.device_tree,
        initramfs,
        &format!("{quiet} hold_line"),
    )?;
    verdict.play(&mut machine, "the line is busy at boot", failures::busy);
    drop(machine);

    let numbered = device_tree::with_other_chip(cache, parts, "renumbered", &["A", "B"])?;
    let mut machine = Machine::boot(parts, &numbered, initramfs, &quiet)?;
    verdict.play(
        &mut machine,
        "the header is gpiochip1",
        failures::renumbered,
    );
    drop(machine);

    let doubled = device_tree::with_other_chip(cache, parts, "doubled", &["A", "GPIO17"])?;
    let mut machine = Machine::boot(parts, &doubled, initramfs, &quiet)?;
    verdict.play(
        &mut machine,
        "another chip has a GPIO17 too",
        failures::doubled_name,
    );
    drop(machine);

    reboots::play(&mut verdict, cache, parts, initramfs)?;
    verdict.end()
}

/// Plays only the scenes of reboots.
pub(crate) fn play_reboots(cache: &Path, parts: &Parts, initramfs: &Path) -> Result<(), Error> {
    let mut verdict = Verdict::default();
    reboots::play(&mut verdict, cache, parts, initramfs)?;
    verdict.end()
}

/// Plays only the scenes of MQTT.
pub(crate) fn play_mqtt(parts: &Parts, initramfs: &Path) -> Result<(), Error> {
    let mut verdict = Verdict::default();
    let quiet = format!("{MINI_UART_CONSOLE} systemd.show_status=0");
    let mut machine = Machine::boot(parts, &parts.device_tree, initramfs, &quiet)?;
    for (name, scene) in MQTT {
        verdict.play(&mut machine, name, scene);
    }
    verdict.end()
}

/// The scenes for another Debian: boots once, and plays those that depend on its systemd, its broker and apt.
pub(crate) fn play_briefly(parts: &Parts, initramfs: &Path) -> Result<(), Error> {
    let mut verdict = Verdict::default();
    let quiet = format!("{MINI_UART_CONSOLE} systemd.show_status=0");
    let mut machine = Machine::boot(parts, &parts.device_tree, initramfs, &quiet)?;
    let scenes: [(&str, Scene); 8] = [
        ("the service starts at boot", operation::boot),
        (
            "members of gpio turn the LED on, other users do not",
            users::users,
        ),
        ("stop and start", operation::stop),
        ("SIGKILL while on", failures::sigkill),
        MQTT[0],
        MQTT[3],
        (
            "upgrade while on, remove, purge, install again",
            operation::package,
        ),
        ("poweroff while on", operation::poweroff),
    ];
    for (name, scene) in scenes {
        verdict.play(&mut machine, name, scene);
    }
    verdict.end()
}

#[derive(Default)]
struct Verdict {
    passed: usize,
    failed: Vec<String>,
}

impl Verdict {
    /// Plays a scene. If it fails, shows the journal, and the next scenes follow.
    fn play(&mut self, machine: &mut Machine, name: &str, scene: Scene) {
        println!("scene: {name}");
        let mut stage = Stage { machine };
        match scene(&mut stage) {
            Ok(()) => self.passed += 1,
            Err(error) => {
                println!("FAILED: {error}\nthe journal:");
                println!(
                    "{}",
                    stage
                        .machine
                        .run("journalctl -b -n 40 --no-pager")
                        .unwrap_or_default()
                );
                self.failed.push(format!("{name}: {error}"));
            }
        }
    }

    fn end(self) -> Result<(), Error> {
        println!("{} passed, {} failed", self.passed, self.failed.len());
        if self.failed.is_empty() {
            Ok(())
        } else {
            Err(self.failed.join("\n").into())
        }
    }
}

const ACTIVE: &str = "systemctl is-active led-controller";

/// A property of the unit.
fn property(stage: &mut Stage<'_>, name: &str) -> Result<String, Error> {
    let value = stage.machine.run(&format!(
        "systemctl show --value --property={name} led-controller"
    ))?;
    Ok(value.trim().to_owned())
}

/// Restarts the service, whatever its state is.
fn restart(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage
        .machine
        .run("systemctl reset-failed led-controller; systemctl restart led-controller")?;
    stage.pin_is(OFF)
}

fn failed(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.wait_for("systemctl is-failed --quiet led-controller")
}

/// Waits until systemd stops restarting the service.
fn wait_for_start_limit(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.wait_for(
        "journalctl -b -u led-controller | grep -q 'Start request repeated too quickly'",
    )?;
    failed(stage)
}
