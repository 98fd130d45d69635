//! The scenes of the programs, with the pin read from outside.

pub(crate) mod kernel_led;
mod operation;
mod problems;

use crate::{
    Error, build,
    cache::Cache,
    device_tree,
    groups::{self, Group, Verdict},
    initramfs,
    machine::{Machine, Setup},
    parts::{self, Parts},
    run::not_checked,
    shell,
    stage::{Scene, Stage},
    steps::step,
    suite::Suite,
};

#[rustfmt::skip]
const SCENES: [(&str, Scene); 16] = [
    ("the line is taken and the LED is off at start", operation::start),
    ("on, off, toggle, status", operation::commands),
    ("blink, counted", operation::blink),
    ("the end of blinking", operation::blink_ends),
    ("exit while on", operation::exit),
    ("SIGTERM while on", operation::sigterm),
    ("SIGKILL while on, then --turn-off", operation::sigkill),
    ("--initial on", operation::initial),
    ("--active-low", operation::active_low),
    ("the line is busy", problems::busy),
    ("a line that does not exist", problems::missing),
    ("no GPIO chip", problems::no_chip),
    ("a second controller", problems::second),
    ("a textbook client in C", operation::textbook),
    ("status in JSON", operation::json),
    ("doctor", problems::doctor),
];

/// As long as all others.
const FAULTS: [(&str, Scene); 1] = [(
    "each request to the chip and the line fails once",
    problems::faults,
)];

/// Some installations of Raspberry Pi OS have a 32-bit system on a 64-bit kernel.
const OF_32_BIT: (&str, Scene) = (
    "32-bit clients, ours and the textbook's",
    operation::clients_of_32_bit,
);

/// Shown if a scene fails.
const TROUBLE: &str = "cat /tmp/log";

/// After each scene.
const CLEAR: &str = "killall -9 controller gpioset; wait; rm -f /tmp/log; ./controller --turn-off";

/// What the groups need.
struct Ready {
    parts: Parts,
    setup: Setup,
    scenes: Vec<(&'static str, Scene)>,
}

pub(crate) fn play() -> Result<(), Error> {
    let ready = Ready::new()?;
    groups::play(vec![
        Group::new("faults", |verdict| ready.play(verdict, &FAULTS)),
        Group::new("programs", |verdict| ready.play(verdict, &ready.scenes)),
        Group::new("LEDs", |verdict| ready.play(verdict, &kernel_led::SCENES)),
        Group::new("make pi", shell::scenes::play),
    ])
}

/// Boots the Pi with the programs.
pub(crate) fn boot() -> Result<Machine, Error> {
    let ready = Ready::new()?;
    step("boot", || Machine::boot(&ready.parts, &ready.setup))
}

impl Ready {
    /// Builds the programs and clients, and packs them. Skips the scene of the 32-bit clients if they are missing.
    fn new() -> Result<Ready, Error> {
        let cache = Cache::of(Suite::chosen()?)?;
        let mut scenes = SCENES.to_vec();
        let mut programs = build::programs()?;
        programs.push(build::textbook(&cache)?);
        match build::clients_of_32_bit(&cache) {
            Ok(clients) => {
                programs.extend(clients);
                scenes.push(OF_32_BIT);
            }
            Err(error) => not_checked(&format!("32-bit clients on the Pi: {error}"))?,
        }
        let parts = parts::fetch(&cache)?;
        programs.extend(initramfs::led_modules(&parts));
        let initramfs = initramfs::pack(&cache, &parts, "programs.cpio", &programs)?;
        let device_tree = Some(device_tree::with_leds(&cache, &parts)?);
        Ok(Ready {
            parts,
            setup: Setup {
                device_tree,
                ..Setup::new(initramfs, "")
            },
            scenes,
        })
    }

    fn play(&self, verdict: &mut Verdict, scenes: &[(&str, Scene)]) -> Result<(), Error> {
        let mut machine = verdict.step("boot", || Machine::boot(&self.parts, &self.setup))?;
        machine.run(initramfs::LOAD)?;
        for (name, scene) in scenes {
            verdict.play(&mut machine, name, *scene, TROUBLE);
            machine.try_run(CLEAR)?;
        }
        Ok(())
    }
}

/// Starts a controller in the background, and waits until it is ready.
fn controller(stage: &mut Stage<'_>, options: &str) -> Result<(), Error> {
    stage.ok(&format!(
        "./controller {options} >/tmp/log 2>&1 & echo $! >/tmp/pid"
    ))?;
    stage.wait_for("grep -q ready /tmp/log")
}

/// Signals the controller, and asserts its exit status.
fn signal(stage: &mut Stage<'_>, signal: &str, status: i32) -> Result<(), Error> {
    stage.run(
        &format!("kill -{signal} $(cat /tmp/pid); wait $(cat /tmp/pid)"),
        status,
        &[],
    )
}

/// Asserts that the line is free, and that no queue is left.
fn released(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.line_is_free("gpiochip0")?;
    stage.no_queue_is_left()
}
