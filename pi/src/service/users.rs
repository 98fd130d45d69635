//! The users of the service: members of the group, and others.

use super::unit::{property, replies_after, restart};
use crate::{
    Error,
    stage::{OFF, ON, Stage},
};

pub(super) fn users(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run("ipcs -q", 0, &["0x000004d2", "660"])?;
    stage.commands("runuser -u pi -- led")?;
    stage.turns_on("led")?;
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
            "FAIL group",
            "-    send",
            "-    receive",
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
    stage.says(&open("pi", 1235, "0200"), "Permission denied")?;
    stage.says(&open("pi", 1235, "0400"), "open")?;
    stage.says(&open("eve", 1234, "0400"), "Permission denied")?;
    stage.says(&open("eve", 1235, "0400"), "Permission denied")?;
    stage.says("ipcs -q | grep 0x000004d3", "740")?;
    stage.run(
        "runuser -u eve -- /usr/lib/led-controller/controller",
        1,
        &["Permission denied", "usermod -aG gpio"],
    )?;
    // The locks of this user, which the package does not know.
    stage.ok("rm -r /tmp/led-controller-*")?;
    stage.pin_is(ON)?;
    stage.turns_off("runuser -u pi -- led")
}

pub(super) fn other_user(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.ok("systemctl stop led-controller")?;
    // A controller of another user replies as the service would.
    let other_controller = "runuser -u eve -- /usr/lib/led-controller/controller --simulate --mode 0666 >/tmp/eve 2>&1 &";
    stage.ok(other_controller)?;
    stage.wait_for("grep -q ready /tmp/eve")?;
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
    stage.ok("systemctl start led-controller")?;
    stage.turns_on("runuser -u pi -- led")?;
    stage.run(
        "journalctl -b -u led-controller -o cat | grep eve",
        0,
        &["was created by user eve", "removing it"],
    )?;
    stage.says(
        "wait; cat /tmp/eve",
        "another process replaced this controller's queue",
    )?;
    // A user who creates a queue under the key whenever it is free does not keep the service from starting.
    let loop_code = "'while (1) { msgget($_, 03666) for 1234, 1235 }'";
    stage.ok("systemctl stop led-controller")?;
    stage.ok(&format!(
        "runuser -u eve -- perl -e {loop_code} >/dev/null 2>&1 & true"
    ))?;
    stage.wait_for("test $(grep -cE '^ *123[45] ' /proc/sysvipc/msg) = 2")?;
    stage.run("led on", 4, &["was created by user eve ("])?;
    stage.ok("systemctl start led-controller")?;
    stage.says("led on", "on\n")?;
    // All these starts count for the unit's limit; only the one after the kill should.
    let pid = property(stage, "MainPID")?;
    stage.ok(&format!(
        "systemctl reset-failed led-controller; kill -KILL {pid}"
    ))?;
    stage.pin_becomes(OFF)?;
    replies_after(stage, &pid)?;
    stage.ok("pkill -KILL -u eve; wait; rm -r /tmp/led-controller-*")?;
    restart(stage)
}

pub(super) fn lock_waiter(stage: &mut Stage<'_>) -> Result<(), Error> {
    let wait = "'while :; do flock --shared $0 sleep 60 || sleep 1; done'";
    let lock = "$(ls /run/led-controller/1234-*.lock)";
    stage.ok(&format!(
        "runuser -u eve -- sh -c {wait} {lock} >/tmp/eve 2>&1 &"
    ))?;
    // Only its owner may open the file, so no other user can wait for it.
    stage.wait_for("grep -q 'Permission denied' /tmp/eve")?;
    for _ in 0..6 {
        stage.ok("systemctl reset-failed led-controller; systemctl restart led-controller")?;
    }
    stage.says("led on && systemctl stop led-controller", "on\n")?;
    stage.pin_is(OFF)?;
    stage.no_queue_is_left()?;
    stage.ok("pkill -KILL -u eve; wait")?;
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
    stage.says("led status", "on (queue")?;
    stage.says("led off", "off\n")
}
