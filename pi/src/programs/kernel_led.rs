//! LEDs that the kernel drives: one that it dims by PWM on pin 18, and ACT on pin 16, which has a trigger.

use std::time::{Duration, Instant};

use super::{controller, signal};
use crate::{
    Error,
    machine::{Function, Pin},
    stage::{Scene, Stage},
};

#[rustfmt::skip]
pub(super) const SCENES: [(&str, Scene); 7] = [
    ("--led, dimmed", dimmed),
    ("--led, SIGKILL while dimmed, then --turn-off", killed),
    ("--led, a fade", faded),
    ("--led, nothing wakes up while it is dimmed", idle),
    ("--led ACT, with a trigger", act),
    ("--led ACT, SIGKILL, then --turn-off", act_killed),
    ("--led with a name that does not exist", unknown),
];

/// Registers of the PWM of the BCM2837: its control, and the range and the data of its first channel. QEMU keeps what the driver
/// writes.
const CTL: u32 = 0x3f20_c000;
const RNG1: u32 = 0x3f20_c010;
const DAT1: u32 = 0x3f20_c014;

/// The share of the time in which the PWM is high.
fn duty(stage: &mut Stage<'_>) -> Result<f64, Error> {
    let mut word = |address| stage.machine.word(address);
    let (control, range, data) = (word(CTL)?, word(RNG1)?, word(DAT1)?);
    if control & 1 == 0 {
        return Err("the PWM does not run".into());
    }
    Ok(f64::from(data) / f64::from(range))
}

/// Asserts that the LED has this one of its 255 levels.
pub(crate) fn level_is(stage: &mut Stage<'_>, level: u8) -> Result<(), Error> {
    let duty = duty(stage)?;
    stage.note(&format!("PWM: {duty:.4}"));
    if (duty - f64::from(level) / 255.0).abs() < 0.0002 {
        Ok(())
    } else {
        Err(format!("the PWM has a duty of {duty:.4} instead of {level}/255").into())
    }
}

fn dimmed(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "--led dim18")?;
    for (verb, said, level) in [
        ("on 1%", "on 1%\n", 3),
        ("on 40%", "on 40%\n", 102),
        ("off", "off\n", 0),
        ("toggle", "on 40%\n", 102),
        ("on 99%", "on 99%\n", 252),
        ("on 100%", "on\n", 255),
        ("blink 1h", "blink 3600s 500ms\n", 255),
    ] {
        stage.says(&format!("./command {verb}"), said)?;
        level_is(stage, level)?;
    }
    let pin = stage.machine.pin_of(18)?;
    if pin.function != Function::Other(2) {
        return Err(format!("pin 18 shows {pin}").into());
    }
    stage.says("./command status --json", r#""levels":256,"led":"dim18""#)?;
    stage.says("./command doctor", "LED dim18 has 255 levels")?;
    signal(stage, "TERM", 0)?;
    level_is(stage, 0)?;
    stage.no_queue_is_left()
}

fn killed(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "--led dim18")?;
    stage.says("./command on 40%", "on 40%\n")?;
    signal(stage, "KILL", 128 + 9)?;
    level_is(stage, 102)?;
    stage.says(
        "./controller --led dim18 --turn-off 2>&1",
        "LED dim18 is off",
    )?;
    level_is(stage, 0)?;
    stage.no_queue_is_left()
}

/// Its wake-ups until now: the voluntary context switches of both threads.
const WAKEUPS: &str = "cat /proc/$(cat /tmp/pid)/task/*/status | grep ^voluntary | tr -dc '0-9\\n' | \
    (total=0; while read count; do total=$((total + count)); done; echo $total)";

fn wakeups(stage: &mut Stage<'_>) -> Result<u32, Error> {
    Ok(stage.machine.run(WAKEUPS)?.trim().parse()?)
}

fn faded(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "--led dim18")?;
    // Reading the registers stops the machine, so that more signals of the timer come: not while wake-ups are counted.
    // If a shared machine holds the controller up, the timer signals more than once for a step: a quiet one has at most 110
    // wake-ups, and steps of half their time would have 200.
    let mut woken = u32::MAX;
    for _ in 0..5 {
        stage.says("./command off", "off\n")?;
        let before = wakeups(stage)?;
        stage.says("./command on --fade 2s; sleep 3", "on\n")?;
        woken = woken.min(wakeups(stage)? - before);
        if woken <= 110 {
            break;
        }
    }
    level_is(stage, 255)?;
    let (mut last, start) = (1.0, Instant::now());
    stage.says("./command off --fade 2s", "off\n")?;
    while last > 0.0 {
        let now = duty(stage)?;
        if now > last {
            return Err(format!("it becomes brighter: {now:.4} after {last:.4}").into());
        }
        if start.elapsed() > Duration::from_secs(60) {
            return Err(format!("the fade ends at {last:.4}").into());
        }
        last = now;
    }
    let time = start.elapsed();
    stage.measured(&format!("a fade of 2 s: {time:.2?}, {woken} wake-ups"));
    // The client takes its time to start, and the machine may be shared.
    if time < Duration::from_millis(1960) || woken > 150 {
        return Err(format!("a fade of 2 s took {time:?} and {woken} wake-ups").into());
    }
    stage.says("./command status", "off (queue")
}

fn idle(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "--led dim18")?;
    stage.says("./command on 40%", "on 40%\n")?;
    let before = wakeups(stage)?;
    stage.ok("sleep 10")?;
    let woken = wakeups(stage)? - before;
    level_is(stage, 102)?;
    if woken == 0 {
        Ok(())
    } else {
        Err(format!("{woken} wake-ups in 10 s").into())
    }
}

pub(crate) const TRIGGER: &str = "cat /sys/class/leds/ACT/trigger";

/// Whether ACT is lit: its line is low.
pub(crate) fn act_is(stage: &mut Stage<'_>, is_lit: bool) -> Result<(), Error> {
    let pin = stage.machine.pin_of(16)?;
    stage.note(&format!("pin 16: {pin}"));
    let expected = Pin {
        high: !is_lit,
        function: Function::Output,
    };
    if pin == expected {
        Ok(())
    } else {
        Err(format!("pin 16 shows {pin} instead of {expected}").into())
    }
}

fn start_act(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.ok("echo heartbeat >/sys/class/leds/ACT/trigger")?;
    controller(stage, "--led ACT")?;
    stage.says("cat /tmp/log", "ended trigger heartbeat of LED ACT")?;
    stage.says(TRIGGER, "[none]")?;
    act_is(stage, false)
}

fn act(stage: &mut Stage<'_>) -> Result<(), Error> {
    start_act(stage)?;
    stage.says("./command on", "on\n")?;
    act_is(stage, true)?;
    stage.run("./command on 40% 2>&1", 1, &["can only be on or off"])?;
    let busy = "LED ACT is in use by process";
    stage.run("./controller --led ACT --key 1300 2>&1", 1, &[busy])?;
    act_is(stage, true)?;
    stage.says("./command off", "off\n")?;
    act_is(stage, false)?;
    // Somebody sets a trigger meanwhile.
    stage.ok("echo heartbeat >/sys/class/leds/ACT/trigger")?;
    stage.run("./command doctor", 1, &["its trigger heartbeat"])?;
    stage.says("./command on", "on\n")?;
    stage.says(TRIGGER, "[none]")?;
    act_is(stage, true)?;
    stage.says("./command doctor", "LED ACT can only be on or off")?;
    stage.says("./command exit", "ended\n")?;
    stage.says(TRIGGER, "[heartbeat]")?;
    stage.no_queue_is_left()
}

fn act_killed(stage: &mut Stage<'_>) -> Result<(), Error> {
    start_act(stage)?;
    stage.says("./command on", "on\n")?;
    signal(stage, "KILL", 128 + 9)?;
    act_is(stage, true)?;
    stage.says(
        "./controller --led ACT --turn-off 2>&1",
        "LED ACT has its trigger heartbeat again",
    )?;
    stage.says(TRIGGER, "[heartbeat]")?;
    stage.no_queue_is_left()
}

fn unknown(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run(
        "./controller --led PWR 2>&1",
        1,
        &["the kernel has no LED PWR; it has", "ACT", "dim18"],
    )
}
