//! Starts, stops, options and upgrades of the service.

use super::{ACTIVE, failed, property, restart};
use crate::{
    Error,
    stage::{OFF, ON, Stage},
};

pub(super) fn boot(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.wait_for(
        "systemctl is-system-running --quiet || systemctl is-system-running | grep degraded",
    )?;
    stage.run("systemctl --failed --no-legend --plain", 0, &[])?;
    stage.run("systemctl is-system-running", 0, &["running"])?;
    stage.run(ACTIVE, 0, &["active"])?;
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
    println!(
        "    kernel start to ready: {:.2} s of the guest; to basic.target: {:.2} s",
        ready / 1e6,
        basic / 1e6
    );
    if ready > basic {
        Err("the service is not ready before ordinary services start".into())
    } else {
        Ok(())
    }
}

pub(super) fn stop(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run("led on && systemctl stop led-controller", 0, &[])?;
    stage.pin_is(OFF)?;
    stage.line_is_free("gpiochip0")?;
    stage.run("grep -c . /proc/sysvipc/msg", 0, &["1\n"])?;
    let stopped = "FAIL unit        led-controller.service is inactive (dead): run \"sudo systemctl start led-controller\"";
    stage.run(
        "led doctor",
        1,
        &["FAIL queue", stopped, "ok   line", "is free"],
    )?;
    stage.run("led on", 3, &["systemctl start led-controller"])?;
    stage.run("systemctl start led-controller", 0, &[])?;
    stage.run("led on", 0, &["on\n"])?;
    stage.run("systemctl restart led-controller", 0, &[])?;
    stage.pin_is(OFF)?;
    stage.run("led status", 0, &["off (queue"])
}

pub(super) fn options(stage: &mut Stage<'_>) -> Result<(), Error> {
    let set = |options: &str| format!("echo 'OPTIONS=\"{options}\"' >/etc/default/led-controller");
    stage.run(
        &(set("--active-low") + "; systemctl restart led-controller"),
        0,
        &[],
    )?;
    stage.pin_is(ON)?;
    stage.run("led on", 0, &["on\n"])?;
    stage.pin_is(OFF)?;
    for (wrong, parts) in [
        (
            "--initial dim",
            &["--initial", "possible values: on, off, last"][..],
        ),
        ("--lamp 3", &["unexpected argument '--lamp'"]),
        ("--group lamps", &["there is no group lamps"]),
    ] {
        stage.run(&(set(wrong) + "; systemctl restart led-controller"), 1, &[])?;
        failed(stage)?;
        stage.run("systemctl status led-controller", 3, parts)?;
        if property(stage, "NRestarts")? != "0" {
            return Err("systemd restarted the service".into());
        }
        stage.machine.run("systemctl reset-failed led-controller")?;
    }
    stage.run(&set(""), 0, &[])?;
    restart(stage)
}

pub(super) fn exit(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run("led on", 0, &["on\n"])?;
    stage.run("runuser -u pi -- led exit", 0, &["ended\n"])?;
    stage.pin_is(OFF)?;
    stage.wait_for("systemctl show -P SubState led-controller | grep dead")?;
    stage.run(
        "systemctl show -P Result -P ActiveState -P NRestarts led-controller",
        0,
        &["success", "inactive", "0"],
    )?;
    stage.run("grep -c . /proc/sysvipc/msg", 0, &["1\n"])?;
    restart(stage)
}

pub(super) fn two(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run(
        "echo 'OPTIONS=\"--line GPIO27 --key 1300\"' >/etc/default/led-controller-door",
        0,
        &[],
    )?;
    stage.run("systemctl start led-controller@door", 0, &[])?;
    stage.run("runuser -u pi -- led --key 1300 on", 0, &["on\n"])?;
    stage.run("led status", 0, &["off (queue"])?;
    stage.pin_is(OFF)?;
    stage.run("led on; led --key 1300 off", 0, &["on\noff\n"])?;
    stage.pin_is(ON)?;
    // Stopping one leaves the queues of the other.
    stage.run(
        "systemctl stop led-controller@door; led status",
        0,
        &["on (queue 1234: "],
    )?;
    stage.run("led --key 1300 on", 3, &["no queue has key 1300"])?;
    stage.run(
        "led off; rm /etc/default/led-controller-door",
        0,
        &["off\n"],
    )
}

pub(super) fn journal(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run(
        "systemctl restart led-controller; journalctl --sync",
        0,
        &[],
    )?;
    let of = |priority: &str| format!("journalctl -b _COMM=controller -p {priority} -o cat");
    stage.run(
        &(of("info..info") + " | sort | uniq -c"),
        0,
        &["took line", "ready: key 1234", "ended by SIGTERM"],
    )?;
    stage.run(
        &(of("warning..warning") + " | sort | uniq -c"),
        0,
        &["removing stale queue 1234"],
    )?;
    stage.run(
        &(of("err..err") + " | sort | uniq -c"),
        0,
        &["no line is named GPIO99"],
    )?;
    stage.run(
        "journalctl -b _COMM=controller -o cat | grep -e '^<' -e '^\\[20' -e '^\\[19'",
        1,
        &[],
    )
}

pub(super) fn package(stage: &mut Stage<'_>) -> Result<(), Error> {
    let apt = |action: &str| {
        format!(
            "DEBIAN_FRONTEND=noninteractive apt-get {action} --yes >/tmp/apt 2>&1 || {{ cat /tmp/apt; false; }}"
        )
    };
    stage.run(
        "echo '# edited' >>/etc/default/led-controller; led on",
        0,
        &["on\n"],
    )?;
    stage.pin_is(ON)?;
    stage.run(&apt("install /root/second.deb"), 0, &[])?;
    stage.run("dpkg-query -W led-controller", 0, &["0.1.0-2"])?;
    stage.run(ACTIVE, 0, &["active"])?;
    // The upgrade restarts the service, as documented: the LED is off until the next command.
    stage.pin_is(OFF)?;
    stage.run("led on", 0, &["on\n"])?;
    stage.run("grep edited /etc/default/led-controller", 0, &["edited"])?;
    // An instance of the template does not outlive the package.
    stage.run(
        "echo 'OPTIONS=\"--line GPIO27 --key 1300\"' >/etc/default/led-controller-door",
        0,
        &[],
    )?;
    stage.run(
        "systemctl start led-controller@door; led --key 1300 on",
        0,
        &["on\n"],
    )?;
    stage.run(&apt("remove led-controller"), 0, &[])?;
    stage.pin_is(OFF)?;
    stage.run(
        "grep -c . /proc/sysvipc/msg; test ! -e /usr/bin/led && ls /etc/default/led-controller",
        0,
        &["1\n"],
    )?;
    stage.run(
        "systemctl is-active led-controller@door; rm /etc/default/led-controller-door",
        0,
        &["inactive"],
    )?;
    stage.run(&apt("purge led-controller"), 0, &[])?;
    // Users and groups stay, because they can own other files.
    let left = "find / -xdev -path /proc -prune -o -name '*led-controller*' -print | grep -v /sys/fs/cgroup";
    stage.run(left, 1, &[])?;
    stage.run(
        "getent passwd led-controller && ls -d /run/led-controller",
        2,
        &["led-controller"],
    )?;
    // The state of Debian without the package.
    stage.run(
        "chown root:root /dev/gpiochip*; chmod 600 /dev/gpiochip*",
        0,
        &[],
    )?;
    stage.run(&apt("install /root/first.deb"), 0, &[])?;
    stage.run("stat -Lc '%G %a' /dev/gpiochip0", 0, &["gpio 660\n"])?;
    stage.run(ACTIVE, 0, &["active"])?;
    stage.run("runuser -u pi -- led status", 0, &["off (queue"])?;
    stage.pin_is(OFF)
}

pub(super) fn poweroff(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run("led on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    println!("    # systemctl poweroff");
    stage.machine.type_without_wait("systemctl poweroff")?;
    // It halts; next a user would pull the plug.
    stage.wait("the machine is down", |stage| Ok(stage.machine.is_down()))?;
    stage.pin_is(OFF)
}
