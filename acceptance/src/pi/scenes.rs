//! The scenes of the programs, with the pin read from outside.

use std::{collections::BTreeMap, time::Duration};

use super::{
    machine::Machine,
    stage::{OFF, ON, Scene, Stage},
};
use crate::Error;

const SCENES: [(&str, Scene); 17] = [
    ("the line is taken and the LED is off at start", start),
    ("on, off, toggle, status", commands),
    ("blink, counted", blink),
    ("the end of blinking", blink_ends),
    ("exit while on", exit),
    ("SIGTERM while on", sigterm),
    ("SIGKILL while on, then --turn-off", sigkill),
    ("--initial on", initial),
    ("--active-low", active_low),
    ("the line is busy", busy),
    ("a line that does not exist", missing),
    ("each request to the chip and the line fails once", faults),
    ("no GPIO chip", no_chip),
    ("a second controller", second),
    ("a textbook client in C", textbook),
    ("status in JSON", json),
    ("doctor", doctor),
];

/// Some installations of Raspberry Pi OS have a 32-bit system on a 64-bit kernel.
const OF_32_BIT: (&str, Scene) = ("32-bit clients, ours and the textbook's", clients_of_32_bit);

/// Plays all scenes, and stops at the first that fails. Skips that of the 32-bit clients if they are missing.
pub(crate) fn play(machine: &mut Machine) -> Result<(), Error> {
    let mut scenes = SCENES.to_vec();
    if machine.try_run("test -e command32")?.0 == 0 {
        scenes.push(OF_32_BIT);
    }
    for (name, scene) in &scenes {
        println!("scene: {name}");
        let mut stage = Stage { machine };
        scene(&mut stage).map_err(|error| {
            let log = stage.machine.run("cat /tmp/log").unwrap_or_default();
            format!("scene \"{name}\": {error}\nthe controller's log:\n{log}")
        })?;
        let clear = "killall -9 controller gpioset; wait; rm -f /tmp/log; ./controller --turn-off";
        stage.machine.try_run(clear)?;
    }
    println!("{} passed, 0 failed", scenes.len());
    Ok(())
}

/// Starts a controller in the background, and waits until it is ready.
fn controller(stage: &mut Stage<'_>, options: &str) -> Result<(), Error> {
    println!("    # ./controller {options}");
    stage.machine.run(&format!("./controller {options} >/tmp/log 2>&1 & echo $! >/tmp/pid"))?;
    stage.wait_for("grep -q ready /tmp/log")
}

/// Signals the controller, and asserts its exit status.
fn signal(stage: &mut Stage<'_>, signal: &str, status: i32) -> Result<(), Error> {
    stage.run(&format!("kill -{signal} $(cat /tmp/pid); wait $(cat /tmp/pid)"), status, &[])
}

/// Asserts that the line is free, and that no queue is left.
fn released(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.line_is_free("gpiochip0")?;
    stage.run("grep -c . /proc/sysvipc/msg", 0, &["1\n"])
}

fn start(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.line_is_held("gpiochip0", "led-controller")?;
    stage.pin_is(OFF)
}

fn commands(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.run("./command on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.run("./command status", 0, &["on (queue 1234: 0 messages, 0 bytes; "])?;
    stage.run("./command off", 0, &["off\n"])?;
    stage.pin_is(OFF)?;
    stage.run("./command toggle", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.run("./command toggle", 0, &["off\n"])?;
    stage.pin_is(OFF)?;
    stage.run("./command --no-wait on", 0, &["queued\n"])?;
    stage.pin_becomes(ON)
}

fn blink(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    let phase = Duration::from_millis(500);
    stage.run("./command blink 500ms 500ms --count 4", 0, &["blink 500ms 500ms, 4 left\n"])?;
    let flashes = stage.flashes(4 * phase)?;
    // The first flash began before the pin was read. A shared machine may stretch the others.
    if flashes.len() != 4 || flashes[1..].iter().any(|flash| *flash < phase / 2) {
        return Err(format!("4 flashes of {phase:?} were {flashes:?}").into());
    }
    stage.pin_is(OFF)?;
    stage.run("./command status", 0, &["off (queue"])
}

fn blink_ends(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.run("./command blink 100ms 100ms", 0, &["blink 100ms 100ms\n"])?;
    for state in [OFF, ON, OFF] {
        stage.pin_becomes(state)?;
    }
    stage.run("./command on", 0, &["on\n"])?;
    stage.pin_stays(ON, Duration::from_secs(1))?;
    stage.run("./command blink 1h 1ms", 0, &[])?;
    stage.pin_is(ON)?;
    signal(stage, "TERM", 0)?;
    stage.pin_is(OFF)?;
    controller(stage, "")?;
    stage.run("./command blink 1h 1ms", 0, &[])?;
    stage.run("./command exit", 0, &["ended\n"])?;
    stage.pin_is(OFF)?;
    released(stage)
}

fn exit(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.run("./command on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.run("./command exit", 0, &["ended\n"])?;
    stage.pin_is(OFF)?;
    stage.run("wait $(cat /tmp/pid)", 0, &[])?;
    released(stage)?;
    stage.run("./command on", 3, &["no controller is running"])
}

fn sigterm(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.run("./command on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    signal(stage, "TERM", 0)?;
    stage.pin_is(OFF)?;
    released(stage)
}

fn sigkill(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.run("./command on", 0, &["on\n"])?;
    signal(stage, "KILL", 128 + 9)?;
    // As on a Pi 5: the line is free, and the LED is on.
    stage.pin_is(ON)?;
    stage.run("./controller --turn-off", 0, &["is off", "removing the stale queue with key 1234", "key 1235"])?;
    stage.pin_is(OFF)?;
    released(stage)?;
    // Killed again. Only the next controller cleans up.
    controller(stage, "")?;
    stage.run("./command on", 0, &["on\n"])?;
    signal(stage, "KILL", 128 + 9)?;
    stage.pin_is(ON)?;
    controller(stage, "")?;
    stage.run("cat /tmp/log", 0, &["removing the stale queue with key 1234"])?;
    stage.run("./command status", 0, &["off (queue 1234: 0 messages, 0 bytes; "])?;
    stage.pin_is(OFF)
}

fn initial(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "--initial on")?;
    stage.pin_is(ON)?;
    stage.run("./command status", 0, &["on (queue 1234: 0 messages, 0 bytes; "])?;
    signal(stage, "TERM", 0)?;
    stage.pin_is(OFF)
}

fn active_low(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "--active-low")?;
    stage.pin_is(ON)?;
    stage.run("./command on", 0, &["on\n"])?;
    stage.pin_is(OFF)?;
    let info = stage.machine.gpiod.info("gpiochip0");
    stage.run(&info, 0, &["active-low"])?;
    stage.run("./command exit", 0, &["ended\n"])?;
    stage.pin_is(ON)
}

fn busy(stage: &mut Stage<'_>) -> Result<(), Error> {
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

fn missing(stage: &mut Stage<'_>) -> Result<(), Error> {
    let looked_at = "gpiochip0 (pinctrl-bcm2835, 54 lines), gpiochip1 (raspberrypi-exp-gpio, 8 lines)";
    stage.run("./controller --line GPIO99", 1, &["no line is named GPIO99", looked_at])?;
    stage.run("./controller --chip gpiochip7", 1, &["no line GPIO17 on chip gpiochip7", looked_at])?;
    stage.run("ln -s gpiochip0 /dev/gpiochip4", 0, &[])?;
    controller(stage, "--chip /dev/gpiochip4")?;
    stage.run("./command on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.run("rm /dev/gpiochip4", 0, &[])
}

/// The first and the last request of each kind fail, once each, with all verbs in between.
fn faults(stage: &mut Stage<'_>) -> Result<(), Error> {
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
            let (status, _) = stage.machine.try_run(&life(&format!("--inject=ioctl:error={errno}:when={number}")))?;
            let said = stage.machine.run("cat /tmp/log /tmp/said")?;
            let why = said.lines().find(|line| line.contains(" ERROR] ") || line.starts_with("controller: "));
            println!("    {request}, {errno} at request {number}: exit status {status}, {}", why.unwrap_or("no error"));
            let is_reported =
                matches!((status, why), (0, _) | (1, Some(_))) && !said.contains("unexpected exit status");
            if !is_reported {
                return Err(format!("exit status {status}: {said}").into());
            }
            stage.pin_is(OFF)?;
            released(stage)?;
        }
    }
    Ok(())
}

fn no_chip(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run("mkdir /chips && cp -a /dev/gpiochip* /chips && rm /dev/gpiochip*", 0, &[])?;
    stage.run("./controller", 1, &["this machine has no GPIO chip", "--simulate runs without one"])?;
    stage.run("cp -a /chips/* /dev && rm -r /chips", 0, &[])?;
    controller(stage, "")
}

fn second(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.run("./command on", 0, &["on\n"])?;
    stage.run("./controller", 1, &["another controller (PID ", "uses key 1234"])?;
    stage.run("./controller --key 99", 1, &["is in use by \"led-controller\""])?;
    stage.run("./controller --turn-off", 1, &["is in use by \"led-controller\""])?;
    stage.pin_is(ON)?;
    stage.run("./command status", 0, &["on (queue 1234: 0 messages, 0 bytes; "])
}

fn textbook(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    for nul in [0, 1] {
        stage.run(&format!("./textbook ON {nul}"), 0, &[])?;
        stage.pin_becomes(ON)?;
        stage.run(&format!("./textbook OFF {nul}"), 0, &[])?;
        stage.pin_becomes(OFF)?;
    }
    Ok(())
}

fn clients_of_32_bit(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    for (verb, output, pin) in [
        ("on", "on\n", ON),
        ("toggle", "off\n", OFF),
        ("toggle", "on\n", ON),
        ("status", "on (queue 1234: 0 messages, 0 bytes; ", ON),
        ("off", "off\n", OFF),
    ] {
        stage.run(&format!("./command32 {verb}"), 0, &[output])?;
        stage.pin_is(pin)?;
    }
    // The client reads a queue state of another layout, times included.
    let read = "status --json | grep -o '\"last_changed\":\"[^\"]*\"\\|\"bytes\":[^,]*\\|\"limit\":[^,}]*'";
    stage.run(
        &format!("./command {read} >/tmp/64; ./command32 {read} | tee /tmp/32; cmp /tmp/64 /tmp/32"),
        0,
        &["last_changed"],
    )?;
    stage.run("./command32 doctor", 0, &["ok   controller", "ok   line"])?;
    stage.run("./textbook32 ON 0", 0, &[])?;
    stage.pin_becomes(ON)?;
    stage.run("./textbook32 OFF 1", 0, &[])?;
    stage.pin_becomes(OFF)?;
    stage.run("./command32 exit", 0, &["ended\n"])
}

fn json(stage: &mut Stage<'_>) -> Result<(), Error> {
    controller(stage, "")?;
    stage.run(
        "./command status --json",
        0,
        &[
            r#""state":"off""#,
            r#""line":"GPIO17","offset":17,"chip":"gpiochip0","label":"pinctrl-bcm2835","consumer":"led-controller""#,
        ],
    )
}

fn doctor(stage: &mut Stage<'_>) -> Result<(), Error> {
    let line = "line        line GPIO17 (offset 17 of gpiochip0, pinctrl-bcm2835) is";
    let free = format!("ok   {line} free");
    stage.run("./command doctor", 1, &["FAIL queue", "/controller\", with --simulate if there is no LED", &free])?;
    controller(stage, "")?;
    stage.run("./command doctor", 0, &["ok   controller", &format!("ok   {line} held by \"led-controller\"")])?;
    stage.run("./command exit", 0, &["ended\n"])?;
    // Another program holds the line, and a simulated controller serves.
    stage.gpioset_holds(1)?;
    stage.run("./command doctor", 1, &[&format!("FAIL {line} held by \"gpioset\": end that")])?;
    controller(stage, "--simulate")?;
    stage.run("./command doctor", 0, &["-    line        the LED is simulated"])?;
    stage.run("./command exit; killall gpioset; wait", 0, &[])?;
    // The kernel's limit is too small for a command.
    stage.run(
        "cd /proc/sys/kernel; echo 1000 >msgmnb; cd - >/dev/null; ./command doctor",
        1,
        &["FAIL limits      a new queue holds only 1000 bytes: run \"sudo sysctl kernel.msgmnb=16384\""],
    )?;
    controller(stage, "")?;
    stage.run("./command doctor", 1, &["FAIL queue", "it holds only 1000 bytes", "FAIL limits"])?;
    stage.run("./command exit; cd /proc/sys/kernel; echo 16384 >msgmnb; cd - >/dev/null", 0, &[])?;
    stage.run("mkdir /chips && cp -a /dev/gpiochip* /chips && rm /dev/gpiochip*", 0, &[])?;
    stage.run("./command doctor", 1, &["FAIL line        there is no GPIO chip"])?;
    stage.run("cp -a /chips/* /dev && rm -r /chips", 0, &[])
}
