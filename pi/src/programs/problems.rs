//! Lines and chips that are not available, and `doctor`.

use std::collections::BTreeMap;

use super::{controller, released};
use crate::{
    Error,
    stage::{OFF, ON, Stage},
};

const HIDE_CHIPS: &str = "mkdir /chips && cp -a /dev/gpiochip* /chips && rm /dev/gpiochip*";
const SHOW_CHIPS: &str = "cp -a /chips/* /dev && rm -r /chips";

pub(super) fn busy(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.gpioset_holds(1)?;
    stage.pin_becomes(ON)?;
    stage.run(
        "./controller",
        1,
        &["line GPIO17 (offset 17 of gpiochip0, pinctrl-bcm2835) is in use by \"gpioset\""],
    )?;
    stage.no_queue_is_left()?;
    stage.pin_is(ON)?;
    stage.ok("killall gpioset; wait")?;
    controller(stage, "")?;
    stage.pin_is(OFF)
}

pub(super) fn missing(stage: &mut Stage<'_>) -> Result<(), Error> {
    let looked_at =
        "gpiochip0 (pinctrl-bcm2835, 54 lines), gpiochip1 (raspberrypi-exp-gpio, 8 lines)";
    for (options, missing) in [
        ("--line GPIO99", "no line is named GPIO99"),
        ("--chip gpiochip7", "no line GPIO17 on chip gpiochip7"),
    ] {
        let line = format!("./controller {options}");
        stage.run(&line, 1, &[missing, looked_at])?;
    }
    stage.ok("ln -s gpiochip0 /dev/gpiochip4")?;
    controller(stage, "--chip /dev/gpiochip4")?;
    stage.turns_on("./command")?;
    stage.ok("rm /dev/gpiochip4")
}

/// The first and the last request of each kind fail, once each, with all verbs in between.
pub(super) fn faults(stage: &mut Stage<'_>) -> Result<(), Error> {
    let life = |options: &str| {
        format!(
            "strace --quiet=all --trace=ioctl --output=/tmp/trace {options} ./controller >/tmp/log 2>&1 & pid=$!
            until grep -q ready /tmp/log || ! kill -0 $pid 2>/dev/null; do usleep 10000; done
            for verb in on off toggle exit; do
                kill -0 $pid 2>/dev/null || break
                ./command $verb || test $? = 1 || echo $verb: unexpected exit status
            done >/tmp/said 2>&1
            wait $pid"
        )
    };
    stage.machine.run(&life(""))?;
    let requests = stage.machine.run("grep -o '[A-Z0-9_]*_IOCTL' /tmp/trace")?;
    let mut faults = BTreeMap::new();
    for (request, number) in requests.lines().zip(1..) {
        faults.entry(request).or_insert([number, number])[1] = number;
    }
    for (request, numbers) in faults {
        for (number, errno) in numbers.into_iter().zip(["EIO", "ENODEV"]) {
            let (status, _) = stage.machine.try_run(&life(&format!(
                "--inject=ioctl:error={errno}:when={number}"
            )))?;
            let said = stage.machine.run("cat /tmp/log /tmp/said")?;
            let why = said
                .lines()
                .find(|line| line.contains(" ERROR] ") || line.starts_with("controller: "));
            stage.note(&format!(
                "{request}, {errno} at request {number}: exit status {status}, {}",
                why.unwrap_or("no error")
            ));
            let is_reported = matches!((status, why), (0, _) | (1, Some(_)))
                && !said.contains("unexpected exit status");
            if !is_reported {
                return Err(format!("exit status {status}: {said}").into());
            }
            stage.pin_is(OFF)?;
            released(stage)?;
        }
    }
    Ok(())
}

pub(super) fn no_chip(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.ok(HIDE_CHIPS)?;
    stage.run(
        "./controller",
        1,
        &[
            "this machine has no GPIO chip",
            "--simulate runs without one",
        ],
    )?;
    stage.ok(SHOW_CHIPS)?;
    controller(stage, "")
}

pub(super) fn second(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.says("./command on", "on\n")?;
    stage.run(
        "./controller",
        1,
        &["another controller (PID ", "uses key 1234"],
    )?;
    for options in ["--key 99", "--turn-off"] {
        let in_use = "is in use by \"led-controller\"";
        stage.run(&format!("./controller {options}"), 1, &[in_use])?;
    }
    stage.pin_is(ON)?;
    stage.says("./command status", "on (queue 1234: 0 messages, 0 bytes; ")
}

pub(super) fn doctor(stage: &mut Stage<'_>) -> Result<(), Error> {
    let line = "line        GPIO17 (offset 17 of gpiochip0, pinctrl-bcm2835) is";
    let free = format!("ok   {line} free");
    stage.run(
        "./command doctor",
        1,
        &[
            "FAIL queue",
            "/controller\", with --simulate if there is no LED",
            &free,
        ],
    )?;
    controller(stage, "")?;
    stage.run(
        "./command doctor",
        0,
        &[
            "ok   controller",
            &format!("ok   {line} held by \"led-controller\""),
        ],
    )?;
    stage.says("./command exit", "ended\n")?;
    // Another program holds the line, and a simulated controller serves.
    stage.gpioset_holds(1)?;
    stage.run(
        "./command doctor",
        1,
        &[&format!("FAIL {line} held by \"gpioset\": end that")],
    )?;
    controller(stage, "--simulate")?;
    stage.says("./command doctor", "-    line        the LED is simulated")?;
    stage.ok("./command exit; killall gpioset; wait")?;
    // The kernel's limit is too small for a command.
    stage.run(
        "cd /proc/sys/kernel; echo 1000 >msgmnb; cd - >/dev/null; ./command doctor",
        1,
        &["FAIL limits      a new queue holds only 1000 bytes: run \"sudo sysctl kernel.msgmnb=16384\""],
    )?;
    controller(stage, "")?;
    stage.run(
        "./command doctor",
        1,
        &["FAIL queue", "it holds only 1000 bytes", "FAIL limits"],
    )?;
    stage.ok("./command exit; cd /proc/sys/kernel; echo 16384 >msgmnb; cd - >/dev/null")?;
    stage.ok(HIDE_CHIPS)?;
    stage.run(
        "./command doctor",
        1,
        &["FAIL line        there is no GPIO chip"],
    )?;
    stage.ok(SHOW_CHIPS)
}
