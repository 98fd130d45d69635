//! Lines and chips that are not available, and `doctor`.

use std::collections::BTreeMap;

use super::{controller, released};
use crate::{
    Error,
    stage::{OFF, ON, Stage},
};

pub(super) fn busy(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.gpioset_holds(1)?;
    stage.pin_becomes(ON)?;
    stage.run(
        "./controller",
        1,
        &["line GPIO17 (offset 17 of gpiochip0, pinctrl-bcm2835) is in use by \"gpioset\""],
    )?;
    stage.run("grep -c . /proc/sysvipc/msg", 0, &["1\n"])?;
    stage.pin_is(ON)?;
    stage.run("killall gpioset; wait", 0, &[])?;
    controller(stage, "")?;
    stage.pin_is(OFF)
}

pub(super) fn missing(stage: &mut Stage<'_>) -> Result<(), Error> {
    let looked_at =
        "gpiochip0 (pinctrl-bcm2835, 54 lines), gpiochip1 (raspberrypi-exp-gpio, 8 lines)";
    stage.run(
        "./controller --line GPIO99",
        1,
        &["no line is named GPIO99", looked_at],
    )?;
    stage.run(
        "./controller --chip gpiochip7",
        1,
        &["no line GPIO17 on chip gpiochip7", looked_at],
    )?;
    stage.run("ln -s gpiochip0 /dev/gpiochip4", 0, &[])?;
    controller(stage, "--chip /dev/gpiochip4")?;
    stage.run("./command on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.run("rm /dev/gpiochip4", 0, &[])
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
            println!(
                "    {request}, {errno} at request {number}: exit status {status}, {}",
                why.unwrap_or("no error")
            );
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
    stage.run(
        "mkdir /chips && cp -a /dev/gpiochip* /chips && rm /dev/gpiochip*",
        0,
        &[],
    )?;
    stage.run(
        "./controller",
        1,
        &[
            "this machine has no GPIO chip",
            "--simulate runs without one",
        ],
    )?;
    stage.run("cp -a /chips/* /dev && rm -r /chips", 0, &[])?;
    controller(stage, "")
}

pub(super) fn second(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.run("./command on", 0, &["on\n"])?;
    stage.run(
        "./controller",
        1,
        &["another controller (PID ", "uses key 1234"],
    )?;
    stage.run(
        "./controller --key 99",
        1,
        &["is in use by \"led-controller\""],
    )?;
    stage.run(
        "./controller --turn-off",
        1,
        &["is in use by \"led-controller\""],
    )?;
    stage.pin_is(ON)?;
    stage.run(
        "./command status",
        0,
        &["on (queue 1234: 0 messages, 0 bytes; "],
    )
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
    stage.run("./command exit", 0, &["ended\n"])?;
    // Another program holds the line, and a simulated controller serves.
    stage.gpioset_holds(1)?;
    stage.run(
        "./command doctor",
        1,
        &[&format!("FAIL {line} held by \"gpioset\": end that")],
    )?;
    controller(stage, "--simulate")?;
    stage.run(
        "./command doctor",
        0,
        &["-    line        the LED is simulated"],
    )?;
    stage.run("./command exit; killall gpioset; wait", 0, &[])?;
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
    stage.run(
        "./command exit; cd /proc/sys/kernel; echo 16384 >msgmnb; cd - >/dev/null",
        0,
        &[],
    )?;
    stage.run(
        "mkdir /chips && cp -a /dev/gpiochip* /chips && rm /dev/gpiochip*",
        0,
        &[],
    )?;
    stage.run(
        "./command doctor",
        1,
        &["FAIL line        there is no GPIO chip"],
    )?;
    stage.run("cp -a /chips/* /dev && rm -r /chips", 0, &[])
}
