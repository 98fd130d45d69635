//! The users of the service: members of the group, and others.

use super::{property, restart};
use crate::{
    Error,
    stage::{OFF, ON, Stage},
};

pub(super) fn users(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run("ipcs -q", 0, &["0x000004d2", "660"])?;
    for (verb, output, pin) in [
        ("on", "on\n", ON),
        ("off", "off\n", OFF),
        ("toggle", "on\n", ON),
        ("status", "on (queue", ON),
    ] {
        stage.run(&format!("runuser -u pi -- led {verb}"), 0, &[output])?;
        stage.pin_is(pin)?;
    }
    for arguments in ["off", "off --no-wait", "status", "exit"] {
        let queue = "queue 1234 belongs to led-controller:gpio (0660)";
        stage.run(
            &format!("runuser -u eve -- led {arguments}"),
            4,
            &["permission denied", queue, "usermod -aG gpio"],
        )?;
    }
    let findings = [
        "ok   unit        led-controller.service is active (running), enabled at boot",
        "ok   line",
        "ok   group",
    ];
    stage.run("runuser -u pi -- led doctor", 0, &findings)?;
    // As a user who joined the group after logging in.
    let old_session = "FAIL group       pi (1000) is in group gpio (";
    stage.run(
        "setpriv --reuid=pi --regid=pi --clear-groups led doctor",
        1,
        &[old_session, "log in again"],
    )?;
    stage.run(
        "runuser -u eve -- led doctor",
        1,
        &[
            "FAIL send",
            "FAIL receive",
            "\"sudo usermod -aG gpio $USER\"",
        ],
    )?;
    stage.run("runuser -u eve -- ipcrm -Q 1234", 1, &[])?;
    stage.run("runuser -u eve -- ipcrm -Q 1235", 1, &[])?;
    // A member of the group cannot remove a queue or send a reply; other users cannot even receive.
    stage.run("runuser -u pi -- ipcrm -Q 1235", 1, &[])?;
    let open = |user, key, bits| {
        format!(
            "runuser -u {user} -- perl -e 'print defined msgget({key}, {bits}) ? \"open\\n\" : \"$!\\n\"'"
        )
    };
    stage.run(&open("pi", 1235, "0200"), 0, &["Permission denied"])?;
    stage.run(&open("pi", 1235, "0400"), 0, &["open"])?;
    stage.run(&open("eve", 1234, "0400"), 0, &["Permission denied"])?;
    stage.run(&open("eve", 1235, "0400"), 0, &["Permission denied"])?;
    stage.run("ipcs -q | grep 0x000004d3", 0, &["740"])?;
    stage.run(
        "runuser -u eve -- /usr/lib/led-controller/controller",
        1,
        &["Permission denied", "usermod -aG gpio"],
    )?;
    // The locks of this user, which the package does not know.
    stage.run("rm -r /tmp/led-controller-*", 0, &[])?;
    stage.pin_is(ON)?;
    stage.run("runuser -u pi -- led off", 0, &["off\n"])
}

pub(super) fn other_user(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run("systemctl stop led-controller", 0, &[])?;
    // A controller of another user replies as the service would.
    let other_controller = "runuser -u eve -- /usr/lib/led-controller/controller --simulate --mode 0666 >/tmp/eve 2>&1 & sleep 1";
    stage.run(other_controller, 0, &[])?;
    for arguments in ["led on", "led on --no-wait", "runuser -u pi -- led on"] {
        stage.run(
            arguments,
            4,
            &[
                "was created by user eve (",
                "nothing was sent",
                "--owner eve",
            ],
        )?;
    }
    stage.run("systemctl start led-controller", 0, &[])?;
    stage.run("runuser -u pi -- led on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.run(
        "journalctl -b -u led-controller -o cat | grep eve",
        0,
        &["was created by user eve", "removing it"],
    )?;
    stage.run(
        "wait; cat /tmp/eve",
        0,
        &["another process replaced this controller's queue"],
    )?;
    // A user who creates a queue under the key whenever it is free does not keep the service from starting.
    let loop_code = "'while (1) { msgget($_, 03666) for 1234, 1235 }'";
    stage.run("systemctl stop led-controller", 0, &[])?;
    stage.run(
        &format!("runuser -u eve -- perl -e {loop_code} >/dev/null 2>&1 & true"),
        0,
        &[],
    )?;
    stage.wait_for("test $(grep -cE '^ *123[45] ' /proc/sysvipc/msg) = 2")?;
    stage.run("led on", 4, &["was created by user eve ("])?;
    stage.run("systemctl start led-controller", 0, &[])?;
    stage.run("led on", 0, &["on\n"])?;
    // All these starts count for the unit's limit; only the one after the kill should.
    let pid = property(stage, "MainPID")?;
    stage.run(
        &format!("systemctl reset-failed led-controller; kill -KILL {pid}"),
        0,
        &[],
    )?;
    stage.pin_becomes(OFF)?;
    stage.wait_for(&format!(
        "test $(systemctl show -P MainPID led-controller) -gt {pid} && led status"
    ))?;
    stage.run(
        "pkill -KILL -u eve; wait; rm -r /tmp/led-controller-*",
        0,
        &[],
    )?;
    restart(stage)
}

pub(super) fn lock_waiter(stage: &mut Stage<'_>) -> Result<(), Error> {
    let wait = "'while :; do flock --shared $0 sleep 60; done'";
    let lock = "$(ls /run/led-controller/1234-*.lock)";
    stage.run(
        &format!("runuser -u eve -- sh -c {wait} {lock} >/dev/null 2>&1 & sleep 1"),
        0,
        &[],
    )?;
    for _ in 0..6 {
        stage.run(
            "systemctl reset-failed led-controller; systemctl restart led-controller",
            0,
            &[],
        )?;
    }
    stage.run("led on && systemctl stop led-controller", 0, &["on\n"])?;
    stage.pin_is(OFF)?;
    stage.run("grep -c . /proc/sysvipc/msg", 0, &["1\n"])?;
    stage.run("pkill -KILL -u eve; wait", 0, &[])?;
    restart(stage)
}

pub(super) fn logout(stage: &mut Stage<'_>) -> Result<(), Error> {
    let session = "systemd-run --quiet --uid=pi --property=PAMName=login --pipe --wait";
    stage.run(
        &format!("{session} sh -c 'led on; ipcmk -Q'"),
        0,
        &["on\n", "Message queue id"],
    )?;
    // logind removes the queues of its users, but not the controller's.
    stage.wait_for("! loginctl list-sessions --no-legend | grep -q pi")?;
    stage.wait_for("! ipcs -q | grep -qw pi")?;
    stage.run("led status", 0, &["on (queue"])?;
    stage.run("led off", 0, &["off\n"])
}
