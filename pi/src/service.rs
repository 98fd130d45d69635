//! The scenes of the package: a Debian that boots with it, its users, and failures of the service.

mod failures;
mod initial;
mod leds;
mod mqtt;
mod operation;
mod raspberry;
mod reboots;
mod unit;
mod users;

use std::fs;

use crate::{
    Error,
    cache::Cache,
    debian::Image,
    device_tree,
    groups::{self, Group, Verdict},
    machine::{Machine, Setup},
    parts::{self, Parts},
    simulator::{self, PWM_GPIO},
    stage::Scene,
    suite::Suite,
};

/// A program that takes the line before the service does, if the kernel's command line requests it. The header's chip is the
/// second one then.
const HOLD_LINE: &str = "\
[Unit]
Description=Hold GPIO17
ConditionKernelCommandLine=hold_line
DefaultDependencies=no
After=sysinit.target
Before=led-controller.service

[Service]
ExecStart=/usr/bin/HOLD
ExecStartPost=/bin/sh -c 'until INFO | grep -q gpioset; do sleep 0.1; done'

[Install]
WantedBy=basic.target
";

/// Shown if a scene fails. What another user still runs would slow down the next scenes.
const TROUBLE: &str = "journalctl -b -n 40 --no-pager; pkill -KILL -u eve; true";

/// Where a scene is played: only on the chosen Debian, or on bookworm too, because it depends on systemd, the broker or apt.
#[derive(Clone, Copy, Eq, PartialEq)]
enum On {
    Chosen,
    Both,
}
use On::{Both, Chosen};

type Named = (On, &'static str, Scene);

#[rustfmt::skip]
const SERVICE: [Named; 16] = [
    (Both, "after boot the service is ready and the LED off", operation::boot),
    (Both, "members of gpio send commands without sudo, other users do not", users::users),
    (Both, "stop, start, restart while on", operation::stop),
    (Chosen, "options are read at a restart, and wrong ones are reported", operation::options),
    (Chosen, "after exit the service stays inactive", operation::exit),
    (Both, "SIGKILL while on", failures::sigkill),
    (Chosen, "SIGKILL while a client waits", failures::sigkill_with_client),
    (Chosen, "another user creates the queues while the service is down, repeatedly", users::other_user),
    (Chosen, "another user waits for the lock", users::lock_waiter),
    (Chosen, "the chips are not accessible", failures::not_accessible),
    (Chosen, "a line that does not exist, until the start limit", failures::missing),
    (Chosen, "the file system is read-only", failures::read_only),
    (Chosen, "the state of the last command, over a restart and a kill", initial::last),
    (Chosen, "two LEDs", operation::two),
    (Chosen, "the last sender logs out", users::logout),
    (Chosen, "the journal has priorities, and no times of the controller", operation::journal),
];

#[rustfmt::skip]
const MQTT: [Named; 4] = [
    (Both, "led-controller-mqtt is installed, and finds the broker and the controller", mqtt::install),
    (Chosen, "commands and states on MQTT", mqtt::commands),
    (Chosen, "offline and online, over stops, a kill and a restart of the broker", mqtt::availability),
    (Both, "purge of led-controller-mqtt", mqtt::purge),
];

/// After the other scenes.
#[rustfmt::skip]
const END: [Named; 2] = [
    (Both, "upgrade while on, remove, purge, install again", operation::package),
    (Both, "poweroff while on", operation::poweroff),
];

#[rustfmt::skip]
const OTHER_CHIP: [Named; 2] = [
    (Chosen, "the line is busy at boot", failures::busy),
    (Chosen, "the header is gpiochip1", failures::renumbered),
];

const OTHER_LINE: [Named; 1] = [(
    Chosen,
    "another chip has a GPIO17 too",
    failures::doubled_name,
)];

#[rustfmt::skip]
const LEDS: [Named; 3] = [
    (Chosen, "of the files of devices, the service may write those of LEDs and no others", leds::permissions),
    (Chosen, "the service drives ACT, over a kill", leds::act),
    (Chosen, "the service dims an LED, and a kill turns it off", leds::dimmed),
];

const OVERLAY: [Named; 1] = [(
    Chosen,
    "the overlay for older Pis dims pin 17, and a kill turns it off",
    leds::overlay,
)];

/// The packages that the scenes install.
pub(crate) struct Packages<'a> {
    pub(crate) first: &'a str,
    /// An upgrade of the first.
    pub(crate) second: &'a str,
    pub(crate) mqtt: &'a str,
}

/// What the groups of a suite need: made by the first one, and then found in the cache.
struct Pi {
    cache: Cache,
    parts: Parts,
    debian: Setup,
}

impl Pi {
    /// A Debian in which the first package is installed, with the others to install.
    fn new(suite: Suite, packages: &Packages<'_>) -> Result<Pi, Error> {
        let cache = Cache::of(suite)?;
        let parts = parts::fetch(&cache)?;
        Pi::of(cache, parts, packages, "packages", Image::new())
    }

    /// One with PWM on a GPIO line, and the overlay that uses it.
    fn with_overlay(suite: Suite, packages: &Packages<'_>) -> Result<Pi, Error> {
        let cache = Cache::of(suite)?;
        let parts = parts::fetch(&cache)?;
        let module = simulator::build(&cache, &parts)?.join(PWM_GPIO);
        let mut image = Image::new();
        image.put(&format!("usr/lib/leds/{PWM_GPIO}"), fs::read(module)?);
        let tree = device_tree::with_overlay(&cache, &parts, "led-pwm-gpio")?;
        let mut pi = Pi::of(cache, parts, packages, "overlay", image)?;
        pi.debian.device_tree = Some(tree);
        Ok(pi)
    }

    fn of(
        cache: Cache,
        parts: Parts,
        packages: &Packages<'_>,
        name: &str,
        mut image: Image,
    ) -> Result<Pi, Error> {
        for (name, package) in [
            ("first", packages.first),
            ("second", packages.second),
            ("mqtt", packages.mqtt),
        ] {
            image.put(&format!("root/{name}.deb"), fs::read(package)?);
        }
        image.run("DEBIAN_FRONTEND=noninteractive apt-get install --yes /root/first.deb");
        image.run("useradd --create-home pi; usermod --append --groups gpio pi");
        image.run("useradd --create-home eve");
        let gpiod = parts.suite.gpiod();
        let hold_line = HOLD_LINE
            .replace("HOLD", &gpiod.hold("gpiochip1", 0))
            .replace("INFO", &gpiod.info("gpiochip1"));
        image.enable("hold-line", &hold_line);
        for (place, name) in Parts::led_modules().enumerate() {
            let path = format!("usr/lib/leds/{place}-{name}.ko.xz");
            image.put(&path, fs::read(parts.module(name))?);
        }
        image.enable("leds", leds::LOAD);
        let initramfs = image.pack(&cache, name)?;
        let debian = Setup::of_debian(initramfs);
        Ok(Pi {
            cache,
            parts,
            debian,
        })
    }

    /// Boots it, and plays scenes.
    fn play(
        &self,
        verdict: &mut Verdict,
        setup: &Setup,
        scenes: impl IntoIterator<Item = Named>,
    ) -> Result<(), Error> {
        let mut machine = verdict.step("boot", || Machine::boot(&self.parts, setup))?;
        for (_, name, scene) in scenes {
            verdict.play(&mut machine, name, scene, TROUBLE);
        }
        Ok(())
    }

    /// With another chip before the header's, whose lines have these names.
    fn with_other_chip(&self, name: &str, lines: &[&str]) -> Result<Setup, Error> {
        let tree = device_tree::with_other_chip(&self.cache, &self.parts, name, lines)?;
        Ok(Setup {
            device_tree: Some(tree),
            ..self.debian.clone()
        })
    }
}

/// Plays all scenes on the chosen Debian, and some on bookworm if that is another one; or only the scenes of one group.
pub(crate) fn play(packages: &Packages<'_>, only: Option<&str>) -> Result<(), Error> {
    let suite = Suite::chosen()?;
    let pi = || Pi::new(suite, packages);
    let mut groups = vec![
        Group::new("service", |verdict| {
            let pi = pi()?;
            pi.play(verdict, &pi.debian, SERVICE.into_iter().chain(END))
        }),
        Group::new("bookworm", |verdict| {
            let pi = Pi::new(Suite::Bookworm, packages)?;
            let both = |(on, ..): &Named| *on == Both;
            let scenes = SERVICE.into_iter().chain(MQTT).chain(END).filter(both);
            pi.play(verdict, &pi.debian, scenes)
        }),
        Group::new("reboots", |verdict| reboots::play(verdict, &pi()?)),
        Group::new("raspberry", |verdict| {
            raspberry::play(verdict, suite, packages)
        }),
        Group::new("mqtt", |verdict| {
            let pi = pi()?;
            pi.play(verdict, &pi.debian, MQTT)
        }),
        Group::new("LEDs", |verdict| {
            let pi = pi()?;
            let setup = Setup {
                device_tree: Some(device_tree::with_leds(&pi.cache, &pi.parts)?),
                ..pi.debian.clone()
            };
            pi.play(verdict, &setup, LEDS)
        }),
        Group::new("overlay", |verdict| {
            let pi = Pi::with_overlay(suite, packages)?;
            pi.play(verdict, &pi.debian, OVERLAY)
        }),
        Group::new("chips", |verdict| {
            let pi = pi()?;
            let mut setup = pi.with_other_chip("renumbered", &["A", "B"])?;
            setup.arguments += " hold_line";
            pi.play(verdict, &setup, OTHER_CHIP)?;
            let setup = pi.with_other_chip("doubled", &["A", "GPIO17"])?;
            pi.play(verdict, &setup, OTHER_LINE)
        }),
    ];
    if suite == Suite::Bookworm {
        groups.retain(|group| group.name != "bookworm");
    }
    if let Some(only) = only {
        groups.retain(|group| group.name == only);
        if groups.is_empty() {
            return Err(format!("there is no group {only}").into());
        }
    }
    groups::play(groups)
}
