//! The scenes of the package: a Debian that boots with it, its users, and failures of the service.

use std::path::Path;

use super::{
    device_tree,
    machine::{Function, MINI_UART_CONSOLE, Machine, Pin},
    parts::Parts,
    stage::{OFF, ON, Scene, Stage},
};
use crate::Error;

const SCENES: [(&str, Scene); 16] = [
    ("after boot the service is ready and the LED off", boot),
    ("members of gpio send commands without sudo, other users do not", users),
    ("stop, start, restart while on", stop),
    ("options are read at a restart, and wrong ones are reported", options),
    ("after exit the service stays inactive", exit),
    ("SIGKILL while on", sigkill),
    ("SIGKILL while a client waits", sigkill_with_client),
    ("another user creates the queues while the service is down, repeatedly", other_user),
    ("another user waits for the lock", lock_waiter),
    ("the chips are not accessible", not_accessible),
    ("a line that does not exist, until the start limit", missing),
    ("the file system is read-only", read_only),
    ("two LEDs", two),
    ("the last sender logs out", logout),
    ("the journal has priorities, and no times of the controller", journal),
    ("upgrade while on, remove, purge, install again", package),
];

/// Boots four times, and plays all scenes.
pub(crate) fn play(cache: &Path, parts: &Parts, initramfs: &Path) -> Result<(), Error> {
    let mut verdict = Verdict::default();
    let quiet = format!("{MINI_UART_CONSOLE} systemd.show_status=0");
    let mut machine = Machine::boot(parts, &parts.device_tree, initramfs, &quiet)?;
    for (name, scene) in SCENES {
        verdict.play(&mut machine, name, scene);
    }
    verdict.play(&mut machine, "poweroff while on", poweroff);
    drop(machine);

    let mut machine = Machine::boot(parts, &parts.device_tree, initramfs, &format!("{quiet} hold_line"))?;
    verdict.play(&mut machine, "the line is busy at boot", busy);
    drop(machine);

    let numbered = device_tree::with_other_chip(cache, parts, "renumbered", &["A", "B"])?;
    let mut machine = Machine::boot(parts, &numbered, initramfs, &quiet)?;
    verdict.play(&mut machine, "the header is gpiochip1", renumbered);
    drop(machine);

    let doubled = device_tree::with_other_chip(cache, parts, "doubled", &["A", "GPIO17"])?;
    let mut machine = Machine::boot(parts, &doubled, initramfs, &quiet)?;
    verdict.play(&mut machine, "another chip has a GPIO17 too", doubled_name);
    verdict.end()
}

/// The scenes for another Debian: boots once, and plays those that depend on its systemd and apt.
pub(crate) fn play_briefly(parts: &Parts, initramfs: &Path) -> Result<(), Error> {
    let mut verdict = Verdict::default();
    let quiet = format!("{MINI_UART_CONSOLE} systemd.show_status=0");
    let mut machine = Machine::boot(parts, &parts.device_tree, initramfs, &quiet)?;
    let scenes: [(&str, Scene); 6] = [
        ("the service starts at boot", boot),
        ("members of gpio turn the LED on, other users do not", users),
        ("stop and start", stop),
        ("SIGKILL while on", sigkill),
        ("upgrade while on, remove, purge, install again", package),
        ("poweroff while on", poweroff),
    ];
    for (name, scene) in scenes {
        verdict.play(&mut machine, name, scene);
    }
    verdict.end()
}

#[derive(Default)]
struct Verdict {
    passed: usize,
    failed: Vec<String>,
}

impl Verdict {
    /// Plays a scene. If it fails, shows the journal, and the next scenes follow.
    fn play(&mut self, machine: &mut Machine, name: &str, scene: Scene) {
        println!("scene: {name}");
        let mut stage = Stage { machine };
        match scene(&mut stage) {
            Ok(()) => self.passed += 1,
            Err(error) => {
                println!("FAILED: {error}\nthe journal:");
                println!("{}", stage.machine.run("journalctl -b -n 40 --no-pager").unwrap_or_default());
                self.failed.push(format!("{name}: {error}"));
            }
        }
    }

    fn end(self) -> Result<(), Error> {
        println!("{} passed, {} failed", self.passed, self.failed.len());
        if self.failed.is_empty() { Ok(()) } else { Err(self.failed.join("\n").into()) }
    }
}

const ACTIVE: &str = "systemctl is-active led-controller";

/// A property of the unit.
fn property(stage: &mut Stage<'_>, name: &str) -> Result<String, Error> {
    let value = stage.machine.run(&format!("systemctl show --value --property={name} led-controller"))?;
    Ok(value.trim().to_owned())
}

/// Restarts the service, whatever its state is.
fn restart(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.machine.run("systemctl reset-failed led-controller; systemctl restart led-controller")?;
    stage.pin_is(OFF)
}

fn failed(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.wait_for("systemctl is-failed --quiet led-controller")
}

/// Waits until systemd stops restarting the service.
fn wait_for_start_limit(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.wait_for("journalctl -b -u led-controller | grep -q 'Start request repeated too quickly'")?;
    failed(stage)
}

fn boot(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.wait_for("systemctl is-system-running --quiet || systemctl is-system-running | grep degraded")?;
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
    println!("    kernel start to ready: {:.2} s of the guest; to basic.target: {:.2} s", ready / 1e6, basic / 1e6);
    if ready > basic { Err("the service is not ready before ordinary services start".into()) } else { Ok(()) }
}

fn users(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run("ipcs -q", 0, &["0x000004d2", "660"])?;
    for (verb, output, pin) in
        [("on", "on\n", ON), ("off", "off\n", OFF), ("toggle", "on\n", ON), ("status", "on (queue", ON)]
    {
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
    let findings =
        ["ok   unit        led-controller.service is active (running), enabled at boot", "ok   line", "ok   group"];
    stage.run("runuser -u pi -- led doctor", 0, &findings)?;
    // As a user who joined the group after logging in.
    let old_session = "FAIL group       pi (1000) is in group gpio (";
    stage.run("setpriv --reuid=pi --regid=pi --clear-groups led doctor", 1, &[old_session, "log in again"])?;
    stage.run("runuser -u eve -- led doctor", 1, &["FAIL send", "FAIL receive", "\"sudo usermod -aG gpio $USER\""])?;
    stage.run("runuser -u eve -- ipcrm -Q 1234", 1, &[])?;
    stage.run("runuser -u eve -- ipcrm -Q 1235", 1, &[])?;
    // A member of the group cannot remove a queue or send a reply; other users cannot even receive.
    stage.run("runuser -u pi -- ipcrm -Q 1235", 1, &[])?;
    let open = |user, key, bits| {
        format!("runuser -u {user} -- perl -e 'print defined msgget({key}, {bits}) ? \"open\\n\" : \"$!\\n\"'")
    };
    stage.run(&open("pi", 1235, "0200"), 0, &["Permission denied"])?;
    stage.run(&open("pi", 1235, "0400"), 0, &["open"])?;
    stage.run(&open("eve", 1234, "0400"), 0, &["Permission denied"])?;
    stage.run(&open("eve", 1235, "0400"), 0, &["Permission denied"])?;
    stage.run("ipcs -q | grep 0x000004d3", 0, &["740"])?;
    stage.run("runuser -u eve -- /usr/lib/led-controller/controller", 1, &["Permission denied", "usermod -aG gpio"])?;
    // The locks of this user, which the package does not know.
    stage.run("rm -r /tmp/led-controller-*", 0, &[])?;
    stage.pin_is(ON)?;
    stage.run("runuser -u pi -- led off", 0, &["off\n"])
}

fn stop(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run("led on && systemctl stop led-controller", 0, &[])?;
    stage.pin_is(OFF)?;
    stage.line_is_free("gpiochip0")?;
    stage.run("grep -c . /proc/sysvipc/msg", 0, &["1\n"])?;
    let stopped =
        "FAIL unit        led-controller.service is inactive (dead): run \"sudo systemctl start led-controller\"";
    stage.run("led doctor", 1, &["FAIL queue", stopped, "ok   line", "is free"])?;
    stage.run("led on", 3, &["systemctl start led-controller"])?;
    stage.run("systemctl start led-controller", 0, &[])?;
    stage.run("led on", 0, &["on\n"])?;
    stage.run("systemctl restart led-controller", 0, &[])?;
    stage.pin_is(OFF)?;
    stage.run("led status", 0, &["off (queue"])
}

fn options(stage: &mut Stage<'_>) -> Result<(), Error> {
    let set = |options: &str| format!("echo 'OPTIONS=\"{options}\"' >/etc/default/led-controller");
    stage.run(&(set("--active-low") + "; systemctl restart led-controller"), 0, &[])?;
    stage.pin_is(ON)?;
    stage.run("led on", 0, &["on\n"])?;
    stage.pin_is(OFF)?;
    for (wrong, parts) in [
        ("--initial dim", &["--initial", "possible values: on, off"][..]),
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

fn exit(stage: &mut Stage<'_>) -> Result<(), Error> {
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

/// The seconds of the guest from the last death of the service until it was ready again.
fn recovery(stage: &mut Stage<'_>) -> Result<f64, Error> {
    let time = |line: &str| line.split(['[', ']']).nth(1).and_then(|time| time.trim().parse::<f64>().ok());
    let log = stage.machine.run("journalctl -b -u led-controller -o short-monotonic --no-hostname")?;
    let last = |part: &str| log.lines().rfind(|line| line.contains(part)).and_then(time);
    let (died, ready) = (last("Main process exited"), last("ready: key"));
    Ok(ready.ok_or("the service was never ready")? - died.ok_or("the service never died")?)
}

fn sigkill(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run("led on", 0, &["on\n"])?;
    let pid = property(stage, "MainPID")?;
    stage.run(&format!("kill -KILL {pid}"), 0, &[])?;
    stage.pin_becomes(OFF)?;
    let again = format!("test $(systemctl show -P MainPID led-controller) -gt {pid} && led status");
    stage.wait_for(&again)?;
    stage.run("led status", 0, &["off (queue"])?;
    let seconds = recovery(stage)?;
    println!("    from its death to ready again: {seconds:.2} s of the guest");
    Ok(())
}

fn sigkill_with_client(stage: &mut Stage<'_>) -> Result<(), Error> {
    let pid = property(stage, "MainPID")?;
    stage.run(&format!("kill -STOP {pid}"), 0, &[])?;
    stage.run("(led on --timeout 60s >/tmp/said 2>&1; echo $? >>/tmp/said) & sleep 1", 0, &[])?;
    stage.run(&format!("kill -KILL {pid}; wait; cat /tmp/said"), 0, &["on\n0\n"])?;
    // The client printed that the LED is on, and it is.
    stage.pin_is(ON)?;
    stage.run("led off", 0, &["off\n"])
}

fn other_user(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run("systemctl stop led-controller", 0, &[])?;
    // A controller of another user replies as the service would.
    let other_controller =
        "runuser -u eve -- /usr/lib/led-controller/controller --simulate --mode 0666 >/tmp/eve 2>&1 & sleep 1";
    stage.run(other_controller, 0, &[])?;
    for arguments in ["led on", "led on --no-wait", "runuser -u pi -- led on"] {
        stage.run(arguments, 4, &["was created by user eve (", "nothing was sent", "--owner eve"])?;
    }
    stage.run("systemctl start led-controller", 0, &[])?;
    stage.run("runuser -u pi -- led on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.run("journalctl -b -u led-controller -o cat | grep eve", 0, &["belongs to user eve", "removing it"])?;
    stage.run("wait; cat /tmp/eve", 0, &["another process removed the controller's queue"])?;
    // A user who creates a queue under the key whenever it is free does not keep the service from starting.
    let loop_code = "'while (1) { msgget($_, 03666) for 1234, 1235 }'";
    stage.run("systemctl stop led-controller", 0, &[])?;
    stage.run(&format!("runuser -u eve -- perl -e {loop_code} >/dev/null 2>&1 & sleep 1"), 0, &[])?;
    stage.run("led on", 4, &["was created by user eve ("])?;
    stage.run("systemctl start led-controller", 0, &[])?;
    stage.run("led on", 0, &["on\n"])?;
    // All these starts count for the unit's limit; only the one after the kill should.
    let pid = property(stage, "MainPID")?;
    stage.run(&format!("systemctl reset-failed led-controller; kill -KILL {pid}"), 0, &[])?;
    stage.pin_becomes(OFF)?;
    stage.wait_for(&format!("test $(systemctl show -P MainPID led-controller) -gt {pid} && led status"))?;
    stage.run("pkill -KILL -u eve; wait; rm -r /tmp/led-controller-*", 0, &[])?;
    restart(stage)
}

fn lock_waiter(stage: &mut Stage<'_>) -> Result<(), Error> {
    let wait = "'while :; do flock --shared $0 sleep 60; done'";
    let lock = "$(ls /run/led-controller/1234-*.lock)";
    stage.run(&format!("runuser -u eve -- sh -c {wait} {lock} >/dev/null 2>&1 & sleep 1"), 0, &[])?;
    for _ in 0..6 {
        stage.run("systemctl reset-failed led-controller; systemctl restart led-controller", 0, &[])?;
    }
    stage.run("led on && systemctl stop led-controller", 0, &["on\n"])?;
    stage.pin_is(OFF)?;
    stage.run("grep -c . /proc/sysvipc/msg", 0, &["1\n"])?;
    stage.run("pkill -KILL -u eve; wait", 0, &[])?;
    restart(stage)
}

fn not_accessible(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run("chown root:root /dev/gpiochip*; chmod 600 /dev/gpiochip*; systemctl restart led-controller", 1, &[])?;
    failed(stage)?;
    stage.run("systemctl status led-controller", 3, &["Permission denied", "the udev rule"])?;
    stage.run("udevadm trigger --subsystem-match=gpio --action=change --settle; ls -l /dev/gpiochip0", 0, &["gpio"])?;
    restart(stage)
}

fn missing(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run(
        "echo 'OPTIONS=\"--line GPIO99\"' >/etc/default/led-controller; systemctl restart led-controller",
        1,
        &[],
    )?;
    wait_for_start_limit(stage)?;
    stage.run(
        "systemctl status led-controller",
        3,
        &["no line is named GPIO99; looked at gpiochip0 (pinctrl-bcm2835"],
    )?;
    stage.run("echo 'OPTIONS=\"\"' >/etc/default/led-controller", 0, &[])?;
    restart(stage)
}

fn read_only(stage: &mut Stage<'_>) -> Result<(), Error> {
    // The unit makes the file system read-only, except its own directory in /run.
    let inside = "nsenter --mount --target $(systemctl show -P MainPID led-controller)";
    stage.run(
        &format!("{inside} touch /x /var/x /etc/x"),
        1,
        &["'/x': Read-only", "'/var/x': Read-only", "'/etc/x': Read-only"],
    )?;
    stage.run("led on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.run("led off", 0, &["off\n"])
}

fn two(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run("echo 'OPTIONS=\"--line GPIO27 --key 1300\"' >/etc/default/led-controller-door", 0, &[])?;
    stage.run("systemctl start led-controller@door", 0, &[])?;
    stage.run("runuser -u pi -- led --key 1300 on", 0, &["on\n"])?;
    stage.run("led status", 0, &["off (queue"])?;
    stage.pin_is(OFF)?;
    stage.run("led on; led --key 1300 off", 0, &["on\noff\n"])?;
    stage.pin_is(ON)?;
    // Stopping one leaves the queues of the other.
    stage.run("systemctl stop led-controller@door; led status", 0, &["on (queue 1234: "])?;
    stage.run("led --key 1300 on", 3, &["no queue has key 1300"])?;
    stage.run("led off; rm /etc/default/led-controller-door", 0, &["off\n"])
}

fn logout(stage: &mut Stage<'_>) -> Result<(), Error> {
    let session = "systemd-run --quiet --uid=pi --property=PAMName=login --pipe --wait";
    stage.run(&format!("{session} sh -c 'led on; ipcmk -Q'"), 0, &["on\n", "Message queue id"])?;
    // logind removes the queues of its users, but not the controller's.
    stage.wait_for("! loginctl list-sessions --no-legend | grep -q pi")?;
    stage.wait_for("! ipcs -q | grep -qw pi")?;
    stage.run("led status", 0, &["on (queue"])?;
    stage.run("led off", 0, &["off\n"])
}

fn journal(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run("systemctl restart led-controller; journalctl --sync", 0, &[])?;
    let of = |priority: &str| format!("journalctl -b _COMM=controller -p {priority} -o cat");
    stage.run(&(of("info..info") + " | sort | uniq -c"), 0, &["took line", "ready: key 1234", "ended by SIGTERM"])?;
    stage.run(&(of("warning..warning") + " | sort | uniq -c"), 0, &["removing the stale queue with key 1234"])?;
    stage.run(&(of("err..err") + " | sort | uniq -c"), 0, &["no line is named GPIO99"])?;
    stage.run("journalctl -b _COMM=controller -o cat | grep -e '^<' -e '^\\[20' -e '^\\[19'", 1, &[])
}

fn package(stage: &mut Stage<'_>) -> Result<(), Error> {
    let apt = |action: &str| {
        format!("DEBIAN_FRONTEND=noninteractive apt-get {action} --yes >/tmp/apt 2>&1 || {{ cat /tmp/apt; false; }}")
    };
    stage.run("echo '# edited' >>/etc/default/led-controller; led on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.run(&apt("install /root/second.deb"), 0, &[])?;
    stage.run("dpkg-query -W led-controller", 0, &["0.1.0-2"])?;
    stage.run(ACTIVE, 0, &["active"])?;
    // The upgrade restarts the service, as documented: the LED is off until the next command.
    stage.pin_is(OFF)?;
    stage.run("led on", 0, &["on\n"])?;
    stage.run("grep edited /etc/default/led-controller", 0, &["edited"])?;
    // An instance of the template does not outlive the package.
    stage.run("echo 'OPTIONS=\"--line GPIO27 --key 1300\"' >/etc/default/led-controller-door", 0, &[])?;
    stage.run("systemctl start led-controller@door; led --key 1300 on", 0, &["on\n"])?;
    stage.run(&apt("remove led-controller"), 0, &[])?;
    stage.pin_is(OFF)?;
    stage.run("grep -c . /proc/sysvipc/msg; test ! -e /usr/bin/led && ls /etc/default/led-controller", 0, &["1\n"])?;
    stage.run("systemctl is-active led-controller@door; rm /etc/default/led-controller-door", 0, &["inactive"])?;
    stage.run(&apt("purge led-controller"), 0, &[])?;
    // Users and groups stay, because they can own other files.
    let left = "find / -xdev -path /proc -prune -o -name '*led-controller*' -print | grep -v /sys/fs/cgroup";
    stage.run(left, 1, &[])?;
    stage.run("getent passwd led-controller && ls -d /run/led-controller", 2, &["led-controller"])?;
    // The state of Debian without the package.
    stage.run("chown root:root /dev/gpiochip*; chmod 600 /dev/gpiochip*", 0, &[])?;
    stage.run(&apt("install /root/first.deb"), 0, &[])?;
    stage.run("stat -Lc '%G %a' /dev/gpiochip0", 0, &["gpio 660\n"])?;
    stage.run(ACTIVE, 0, &["active"])?;
    stage.run("runuser -u pi -- led status", 0, &["off (queue"])?;
    stage.pin_is(OFF)
}

fn poweroff(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run("led on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    println!("    # systemctl poweroff");
    stage.machine.type_without_wait("systemctl poweroff")?;
    // It halts; next a user would pull the plug.
    stage.wait("the machine is down", |stage| Ok(stage.machine.is_down()))?;
    stage.pin_is(OFF)
}

fn busy(stage: &mut Stage<'_>) -> Result<(), Error> {
    wait_for_start_limit(stage)?;
    stage.run("systemctl status led-controller", 3, &["GPIO17", "is in use by \"gpioset\""])?;
    stage.run("led on", 3, &["no controller is running"])?;
    stage.run(
        "systemctl stop hold-line; systemctl reset-failed led-controller; systemctl start led-controller",
        0,
        &[],
    )?;
    stage.run("led on", 0, &["on\n"])?;
    stage.pin_is(ON)
}

fn renumbered(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run("gpiodetect", 0, &["gpiochip0 [3b000000.gpio] (32 lines)", "gpiochip1 [pinctrl-bcm2835]"])?;
    stage.wait_for(ACTIVE)?;
    stage.run("runuser -u pi -- led on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.run("led off", 0, &["off\n"])?;
    stage.pin_is(OFF)
}

fn doubled_name(stage: &mut Stage<'_>) -> Result<(), Error> {
    let gpiod = stage.machine.gpiod;
    stage.run(&gpiod.info("gpiochip0"), 0, &[&gpiod.offset("gpiochip0", 1)])?;
    stage.wait_for(ACTIVE)?;
    stage.run("led on", 0, &["on\n"])?;
    stage.pin_is(Pin { high: true, function: Function::Output })?;
    // The other line can be chosen by the label of its chip.
    stage.run("echo 'OPTIONS=\"--chip 3b000000.gpio\"' >/etc/default/led-controller", 0, &[])?;
    stage.run("systemctl restart led-controller; led on", 0, &["on\n"])?;
    stage.line_is_held("gpiochip0", "led-controller")?;
    stage.pin_is(OFF)
}
