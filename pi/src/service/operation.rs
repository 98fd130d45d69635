//! Starts, stops, options and upgrades of the service.

use super::unit::{self, ACTIVE, apt, booted, failed, property, restart};
use crate::{
    Error,
    stage::{OFF, ON, Stage},
};

pub(super) fn boot(stage: &mut Stage<'_>) -> Result<(), Error> {
    booted(stage)?;
    stage.says(ACTIVE, "active")?;
    stage.pin_is(OFF)?;
    stage.line_is_held("gpiochip0", "led-controller")?;
    // The line is taken before systemd is notified.
    stage.run(
        "journalctl -b -u led-controller -o cat | grep -n -e took -e ready -e Started",
        0,
        &["2:took line", "3:ready", "4:Started"],
    )?;
    let ready: f64 = property(stage, "ActiveEnterTimestampMonotonic")?.parse()?;
    let others = "systemctl show --value --property=ActiveEnterTimestampMonotonic basic.target";
    let basic: f64 = stage.machine.run(others)?.trim().parse()?;
    stage.measured(&format!(
        "kernel start to ready: {:.2} s of the guest; to basic.target: {:.2} s",
        ready / 1e6,
        basic / 1e6
    ));
    if ready > basic {
        Err("the service is not ready before ordinary services start".into())
    } else {
        Ok(())
    }
}

pub(super) fn stop(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.ok("led on && systemctl stop led-controller")?;
    stage.pin_is(OFF)?;
    stage.line_is_free("gpiochip0")?;
    stage.no_queue_is_left()?;
    let stopped = "FAIL unit        led-controller.service is inactive (dead): run \"sudo systemctl start led-controller\"";
    stage.run(
        "led doctor",
        1,
        &["-    queue", stopped, "ok   line", "is free"],
    )?;
    stage.run("led on", 3, &["systemctl start led-controller"])?;
    stage.ok("systemctl start led-controller")?;
    stage.says("led on", "on\n")?;
    stage.ok("systemctl restart led-controller")?;
    stage.pin_is(OFF)?;
    stage.says("led status", "off (queue")
}

pub(super) fn options(stage: &mut Stage<'_>) -> Result<(), Error> {
    unit::options(stage, "--active-low")?;
    stage.ok("systemctl restart led-controller")?;
    stage.pin_is(ON)?;
    stage.says("led on", "on\n")?;
    stage.pin_is(OFF)?;
    for (wrong, parts) in [
        (
            "--initial dim",
            &["--initial", "possible values: on, off, last"][..],
        ),
        ("--lamp 3", &["unexpected argument '--lamp'"]),
        ("--group lamps", &["there is no group lamps"]),
    ] {
        unit::options(stage, wrong)?;
        stage.run("systemctl restart led-controller", 1, &[])?;
        failed(stage)?;
        stage.run("systemctl status led-controller", 3, parts)?;
        if property(stage, "NRestarts")? != "0" {
            return Err("systemd restarted the service".into());
        }
        stage.machine.run("systemctl reset-failed led-controller")?;
    }
    unit::options(stage, "")?;
    restart(stage)
}

pub(super) fn exit(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.says("led on", "on\n")?;
    stage.says("runuser -u pi -- led exit", "ended\n")?;
    stage.pin_is(OFF)?;
    stage.wait_for("systemctl show -P SubState led-controller | grep dead")?;
    stage.run(
        "systemctl show -P Result -P ActiveState -P NRestarts led-controller",
        0,
        &["success", "inactive", "0"],
    )?;
    stage.no_queue_is_left()?;
    restart(stage)
}

pub(super) fn two(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.ok("echo 'OPTIONS=\"--line GPIO27\"' >/etc/default/led-controller-door")?;
    stage.ok("systemctl start led-controller@door")?;
    stage.says("runuser -u pi -- led --key door on", "on\n")?;
    stage.says("led status", "off (queue")?;
    stage.pin_is(OFF)?;
    stage.says("led on; led --key door off", "on\noff\n")?;
    stage.run("led list", 0, &["1234 ", "door ", "GPIO17", "GPIO27"])?;
    stage.pin_is(ON)?;
    // Stopping one leaves the queues of the other.
    stage.says(
        "systemctl stop led-controller@door; led status",
        "on (queue 1234: ",
    )?;
    let start = "run \"sudo systemctl start led-controller@door\"";
    stage.run("led --key door on", 3, &["no queue has key door", start])?;
    // Where the name is no key, or another one is meant, the options have the key.
    for (instance, key) in [("my_led", "1300"), ("foo-bar", "foo-bar"), ("door", "1400")] {
        let options = format!("OPTIONS=\"--line GPIO27 --key {key}\"");
        stage.ok(&format!(
            "echo '{options}' >/etc/default/led-controller-{instance}"
        ))?;
        stage.ok(&format!("systemctl start led-controller@{instance}"))?;
        stage.says(&format!("led --key {key} on"), "on\n")?;
        stage.run(
            &format!("led --key {key} doctor"),
            0,
            &[&format!("led-controller@{instance}.service is active")],
        )?;
        stage.ok(&format!(
            "systemctl stop led-controller@{instance}; rm /etc/default/led-controller-{instance}"
        ))?;
    }
    stage.says("led off; rm -f /etc/default/led-controller-door", "off\n")
}

pub(super) fn journal(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.ok("systemctl restart led-controller; journalctl --sync")?;
    let of = |priority: &str| format!("journalctl -b _COMM=controller -p {priority} -o cat");
    stage.run(
        &(of("info..info") + " | sort | uniq -c"),
        0,
        &["took line", "ready: key 1234", "ended by SIGTERM"],
    )?;
    stage.says(
        &(of("warning..warning") + " | sort | uniq -c"),
        "removing stale queue 1234",
    )?;
    stage.says(
        &(of("err..err") + " | sort | uniq -c"),
        "no line is named GPIO99",
    )?;
    stage.run(
        "journalctl -b _COMM=controller -o cat | grep -e '^<' -e '^\\[20' -e '^\\[19'",
        1,
        &[],
    )
}

pub(super) fn package(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.says(
        "echo '# edited' >>/etc/default/led-controller; led on",
        "on\n",
    )?;
    stage.pin_is(ON)?;
    apt(stage, "install /root/second.deb")?;
    let upgrade = concat!(env!("CARGO_PKG_VERSION"), "-2");
    stage.says("dpkg-query -W led-controller", upgrade)?;
    stage.says(ACTIVE, "active")?;
    // The upgrade restarts the service, as documented: the LED is off until the next command.
    stage.pin_is(OFF)?;
    stage.says("led on", "on\n")?;
    stage.says("grep edited /etc/default/led-controller", "edited")?;
    // An instance of the template does not outlive the package.
    stage.ok("echo 'OPTIONS=\"--line GPIO27 --key 1300\"' >/etc/default/led-controller-door")?;
    stage.says(
        "systemctl start led-controller@door; led --key 1300 on",
        "on\n",
    )?;
    apt(stage, "remove led-controller")?;
    stage.pin_is(OFF)?;
    stage.says(
        "grep -c . /proc/sysvipc/msg; test ! -e /usr/bin/led && ls /etc/default/led-controller",
        "1\n",
    )?;
    stage.says(
        "systemctl is-active led-controller@door; rm /etc/default/led-controller-door",
        "inactive",
    )?;
    apt(stage, "purge led-controller")?;
    // Users and groups stay, because they can own other files.
    let left = "find / -xdev -path /proc -prune -o -name '*led-controller*' -print | grep -v /sys/fs/cgroup";
    stage.run(left, 1, &[])?;
    stage.run(
        "getent passwd led-controller && ls -d /run/led-controller",
        2,
        &["led-controller"],
    )?;
    // The state of Debian without the package.
    stage.ok("chown root:root /dev/gpiochip*; chmod 600 /dev/gpiochip*")?;
    apt(stage, "install /root/first.deb")?;
    stage.says("stat -Lc '%G %a' /dev/gpiochip0", "gpio 660\n")?;
    stage.says(ACTIVE, "active")?;
    stage.says("runuser -u pi -- led status", "off (queue")?;
    stage.pin_is(OFF)
}

pub(super) fn poweroff(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.turns_on("led")?;
    stage.machine.type_without_wait("systemctl poweroff")?;
    // It halts; next a user would pull the plug.
    stage.wait("the machine is down", |stage| Ok(stage.machine.is_down()))?;
    stage.pin_is(OFF)
}
