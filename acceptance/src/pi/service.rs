//! The scenes of the package: a Debian that boots with it, its users, and what befalls the service.

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
    ("a member of gpio commands without sudo, and nobody else", users),
    ("stop, start, restart while on", stop),
    ("options are read at a restart, and wrong ones are named", options),
    ("exit, and it stays ended", exit),
    ("SIGKILL while on", sigkill),
    ("SIGKILL while a client waits", sigkill_with_client),
    ("a stranger takes the key while it is down, and spins", squatter),
    ("a stranger waits for the lock", locker),
    ("the chips are not permitted", not_permitted),
    ("the line is not there, and it gives up", missing),
    ("nothing can be written", read_only),
    ("two LEDs", two),
    ("the user who last commanded logs out", logout),
    ("the journal has priorities, and no times of ours", journal),
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

/// What another Debian has to show at least: boots once, and plays the scenes that come with its systemd and its apt.
pub(crate) fn play_briefly(parts: &Parts, initramfs: &Path) -> Result<(), Error> {
    let mut verdict = Verdict::default();
    let quiet = format!("{MINI_UART_CONSOLE} systemd.show_status=0");
    let mut machine = Machine::boot(parts, &parts.device_tree, initramfs, &quiet)?;
    let scenes: [(&str, Scene); 6] = [
        ("it starts at boot", boot),
        ("members of gpio light the LED, and nobody else", users),
        ("it stops and starts", stop),
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
    /// Plays a scene. One that fails is shown with the journal, and the others go on.
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

/// What the unit's properties are now.
fn property(stage: &mut Stage<'_>, name: &str) -> Result<String, Error> {
    let value = stage.machine.run(&format!("systemctl show --value --property={name} led-controller"))?;
    Ok(value.trim().to_owned())
}

/// Starts the service anew, whatever became of it before.
fn fresh(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.machine.run("systemctl reset-failed led-controller; systemctl restart led-controller")?;
    stage.pin_is(OFF)
}

fn failed(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.wait_for("systemctl is-failed --quiet led-controller")
}

/// It was tried as often as the unit says, and no more.
fn given_up(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.wait_for("journalctl -b -u led-controller | grep -q 'Start request repeated too quickly'")?;
    failed(stage)
}

fn boot(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.wait_for("systemctl is-system-running --quiet || systemctl is-system-running | grep degraded")?;
    stage.types("systemctl --failed --no-legend --plain", 0, &[])?;
    stage.types("systemctl is-system-running", 0, &["running"])?;
    stage.types(ACTIVE, 0, &["active"])?;
    stage.pin_is(OFF)?;
    stage.line_is_held("gpiochip0", "led-controller")?;
    // The line is held before systemd is told.
    stage.types(
        "journalctl -b -u led-controller -o cat | grep -n -e took -e ready -e Started",
        0,
        &["2:took line", "3:ready", "4:Started"],
    )?;
    let ready: f64 = property(stage, "ActiveEnterTimestampMonotonic")?.parse()?;
    let others = "systemctl show --value --property=ActiveEnterTimestampMonotonic basic.target";
    let basic: f64 = stage.machine.run(others)?.trim().parse()?;
    println!("    kernel start to ready: {:.2} s of the guest; to basic.target: {:.2} s", ready / 1e6, basic / 1e6);
    if ready > basic { Err("it is not ready before ordinary services start".into()) } else { Ok(()) }
}

fn users(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.types("ipcs -q", 0, &["0x000004d2", "660"])?;
    for (verb, says, pin) in
        [("on", "on\n", ON), ("off", "off\n", OFF), ("toggle", "on\n", ON), ("status", "on (queue", ON)]
    {
        stage.types(&format!("runuser -u pi -- led {verb}"), 0, &[says])?;
        stage.pin_is(pin)?;
    }
    for arguments in ["off", "off --no-wait", "status", "exit"] {
        let queue = "queue 1234 belongs to led-controller:gpio (0660)";
        stage.types(
            &format!("runuser -u eve -- led {arguments}"),
            4,
            &["permission denied", queue, "usermod -aG gpio"],
        )?;
    }
    let well =
        ["ok   unit        led-controller.service is active (running), enabled at boot", "ok   line", "ok   group"];
    stage.types("runuser -u pi -- led doctor", 0, &well)?;
    // As one who joined the group after logging in.
    let older = "FAIL group       pi (1000) is in group gpio (";
    stage.types("setpriv --reuid=pi --regid=pi --clear-groups led doctor", 1, &[older, "log in again"])?;
    stage.types(
        "runuser -u eve -- led doctor",
        1,
        &["FAIL send", "FAIL receive", "\"sudo usermod -aG gpio $USER\""],
    )?;
    stage.types("runuser -u eve -- ipcrm -Q 1234", 1, &[])?;
    stage.types("runuser -u eve -- ipcrm -Q 1235", 1, &[])?;
    // A member may neither remove a queue nor forge an answer, and who is none may not even read.
    stage.types("runuser -u pi -- ipcrm -Q 1235", 1, &[])?;
    let open = |user, key, bits| {
        format!("runuser -u {user} -- perl -e 'print defined msgget({key}, {bits}) ? \"open\\n\" : \"$!\\n\"'")
    };
    stage.types(&open("pi", 1235, "0200"), 0, &["Permission denied"])?;
    stage.types(&open("pi", 1235, "0400"), 0, &["open"])?;
    stage.types(&open("eve", 1234, "0400"), 0, &["Permission denied"])?;
    stage.types(&open("eve", 1235, "0400"), 0, &["Permission denied"])?;
    stage.types("ipcs -q | grep 0x000004d3", 0, &["740"])?;
    stage.types(
        "runuser -u eve -- /usr/lib/led-controller/controller",
        1,
        &["Permission denied", "usermod -aG gpio"],
    )?;
    // Her own locks, of which the package knows nothing.
    stage.types("rm -r /tmp/led-controller-*", 0, &[])?;
    stage.pin_is(ON)?;
    stage.types("runuser -u pi -- led off", 0, &["off\n"])
}

fn stop(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.types("led on && systemctl stop led-controller", 0, &[])?;
    stage.pin_is(OFF)?;
    stage.line_is_free("gpiochip0")?;
    stage.types("grep -c . /proc/sysvipc/msg", 0, &["1\n"])?;
    let stopped =
        "FAIL unit        led-controller.service is inactive (dead): run \"sudo systemctl start led-controller\"";
    stage.types("led doctor", 1, &["FAIL queue", stopped, "ok   line", "is free"])?;
    stage.types("led on", 3, &["systemctl start led-controller"])?;
    stage.types("systemctl start led-controller", 0, &[])?;
    stage.types("led on", 0, &["on\n"])?;
    stage.types("systemctl restart led-controller", 0, &[])?;
    stage.pin_is(OFF)?;
    stage.types("led status", 0, &["off (queue"])
}

fn options(stage: &mut Stage<'_>) -> Result<(), Error> {
    let set = |options: &str| format!("echo 'OPTIONS=\"{options}\"' >/etc/default/led-controller");
    stage.types(&(set("--active-low") + "; systemctl restart led-controller"), 0, &[])?;
    stage.pin_is(ON)?;
    stage.types("led on", 0, &["on\n"])?;
    stage.pin_is(OFF)?;
    for (wrong, says) in [
        ("--initial dim", &["--initial", "possible values: on, off"][..]),
        ("--lamp 3", &["unexpected argument '--lamp'"]),
        ("--group lamps", &["there is no group lamps"]),
    ] {
        stage.types(&(set(wrong) + "; systemctl restart led-controller"), 1, &[])?;
        failed(stage)?;
        stage.types("systemctl status led-controller", 3, says)?;
        if property(stage, "NRestarts")? != "0" {
            return Err("it was tried again, to no avail".into());
        }
        stage.machine.run("systemctl reset-failed led-controller")?;
    }
    stage.types(&set(""), 0, &[])?;
    fresh(stage)
}

fn exit(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.types("led on", 0, &["on\n"])?;
    stage.types("runuser -u pi -- led exit", 0, &["ended\n"])?;
    stage.pin_is(OFF)?;
    stage.wait_for("systemctl show -P SubState led-controller | grep dead")?;
    stage.types(
        "systemctl show -P Result -P ActiveState -P NRestarts led-controller",
        0,
        &["success", "inactive", "0"],
    )?;
    stage.types("grep -c . /proc/sysvipc/msg", 0, &["1\n"])?;
    fresh(stage)
}

/// When the service was last ended by its death, and when it was ready again, in seconds of the guest.
fn recovery(stage: &mut Stage<'_>) -> Result<f64, Error> {
    let time = |line: &str| line.split(['[', ']']).nth(1).and_then(|time| time.trim().parse::<f64>().ok());
    let log = stage.machine.run("journalctl -b -u led-controller -o short-monotonic --no-hostname")?;
    let last = |part: &str| log.lines().rfind(|line| line.contains(part)).and_then(time);
    let (died, ready) = (last("Main process exited"), last("ready: key"));
    Ok(ready.ok_or("it was never ready")? - died.ok_or("it never died")?)
}

fn sigkill(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.types("led on", 0, &["on\n"])?;
    let pid = property(stage, "MainPID")?;
    stage.types(&format!("kill -KILL {pid}"), 0, &[])?;
    stage.pin_becomes(OFF)?;
    let again = format!("test $(systemctl show -P MainPID led-controller) -gt {pid} && led status");
    stage.wait_for(&again)?;
    stage.types("led status", 0, &["off (queue"])?;
    let seconds = recovery(stage)?;
    println!("    from its death to ready again: {seconds:.2} s of the guest");
    Ok(())
}

fn sigkill_with_client(stage: &mut Stage<'_>) -> Result<(), Error> {
    let pid = property(stage, "MainPID")?;
    stage.types(&format!("kill -STOP {pid}"), 0, &[])?;
    stage.types("(led on --timeout 60s >/tmp/said 2>&1; echo $? >>/tmp/said) & sleep 1", 0, &[])?;
    stage.types(&format!("kill -KILL {pid}; wait; cat /tmp/said"), 0, &["on\n0\n"])?;
    // It was told that it took effect, and so it did.
    stage.pin_is(ON)?;
    stage.types("led off", 0, &["off\n"])
}

fn squatter(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.types("systemctl stop led-controller", 0, &[])?;
    // A controller of another user answers as ours would.
    let theirs = "runuser -u eve -- /usr/lib/led-controller/controller --simulate --mode 0666 >/tmp/eve 2>&1 & sleep 1";
    stage.types(theirs, 0, &[])?;
    for arguments in ["led on", "led on --no-wait", "runuser -u pi -- led on"] {
        stage.types(arguments, 4, &["was created by user eve (", "nothing was sent", "--owner eve"])?;
    }
    stage.types("systemctl start led-controller", 0, &[])?;
    stage.types("runuser -u pi -- led on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.types("journalctl -b -u led-controller -o cat | grep eve", 0, &["belongs to user eve", "removing it"])?;
    stage.types("wait; cat /tmp/eve", 0, &["another process removed the controller's queue"])?;
    // One who takes the key again whenever it is free does not keep the service down.
    let spin = "'while (1) { msgget($_, 03666) for 1234, 1235 }'";
    stage.types("systemctl stop led-controller", 0, &[])?;
    stage.types(&format!("runuser -u eve -- perl -e {spin} >/dev/null 2>&1 & sleep 1"), 0, &[])?;
    stage.types("led on", 4, &["was created by user eve ("])?;
    stage.types("systemctl start led-controller", 0, &[])?;
    stage.types("led on", 0, &["on\n"])?;
    // All these starts count; only the one after the kill is to.
    let pid = property(stage, "MainPID")?;
    stage.types(&format!("systemctl reset-failed led-controller; kill -KILL {pid}"), 0, &[])?;
    stage.pin_becomes(OFF)?;
    stage.wait_for(&format!("test $(systemctl show -P MainPID led-controller) -gt {pid} && led status"))?;
    stage.types("pkill -KILL -u eve; wait; rm -r /tmp/led-controller-*", 0, &[])?;
    fresh(stage)
}

fn locker(stage: &mut Stage<'_>) -> Result<(), Error> {
    let wait = "'while :; do flock --shared $0 sleep 60; done'";
    let lock = "$(ls /run/led-controller/1234-*.lock)";
    stage.types(&format!("runuser -u eve -- sh -c {wait} {lock} >/dev/null 2>&1 & sleep 1"), 0, &[])?;
    for _ in 0..6 {
        stage.types("systemctl reset-failed led-controller; systemctl restart led-controller", 0, &[])?;
    }
    stage.types("led on && systemctl stop led-controller", 0, &["on\n"])?;
    stage.pin_is(OFF)?;
    stage.types("grep -c . /proc/sysvipc/msg", 0, &["1\n"])?;
    stage.types("pkill -KILL -u eve; wait", 0, &[])?;
    fresh(stage)
}

fn not_permitted(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.types(
        "chown root:root /dev/gpiochip*; chmod 600 /dev/gpiochip*; systemctl restart led-controller",
        1,
        &[],
    )?;
    failed(stage)?;
    stage.types("systemctl status led-controller", 3, &["Permission denied", "the udev rule"])?;
    stage.types(
        "udevadm trigger --subsystem-match=gpio --action=change --settle; ls -l /dev/gpiochip0",
        0,
        &["gpio"],
    )?;
    fresh(stage)
}

fn missing(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.types(
        "echo 'OPTIONS=\"--line GPIO99\"' >/etc/default/led-controller; systemctl restart led-controller",
        1,
        &[],
    )?;
    given_up(stage)?;
    stage.types(
        "systemctl status led-controller",
        3,
        &["no line is named GPIO99; looked at gpiochip0 (pinctrl-bcm2835"],
    )?;
    stage.types("echo 'OPTIONS=\"\"' >/etc/default/led-controller", 0, &[])?;
    fresh(stage)
}

fn read_only(stage: &mut Stage<'_>) -> Result<(), Error> {
    // Its unit has all of the system read-only but its own directory in /run.
    let inside = "nsenter --mount --target $(systemctl show -P MainPID led-controller)";
    stage.types(
        &format!("{inside} touch /x /var/x /etc/x"),
        1,
        &["'/x': Read-only", "'/var/x': Read-only", "'/etc/x': Read-only"],
    )?;
    stage.types("led on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.types("led off", 0, &["off\n"])
}

fn two(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.types("echo 'OPTIONS=\"--line GPIO27 --key 1300\"' >/etc/default/led-controller-door", 0, &[])?;
    stage.types("systemctl start led-controller@door", 0, &[])?;
    stage.types("runuser -u pi -- led --key 1300 on", 0, &["on\n"])?;
    stage.types("led status", 0, &["off (queue"])?;
    stage.pin_is(OFF)?;
    stage.types("led on; led --key 1300 off", 0, &["on\noff\n"])?;
    stage.pin_is(ON)?;
    // What ends one leaves the queues of the other.
    stage.types("systemctl stop led-controller@door; led status", 0, &["on (queue 1234: "])?;
    stage.types("led --key 1300 on", 3, &["no queue has key 1300"])?;
    stage.types("led off; rm /etc/default/led-controller-door", 0, &["off\n"])
}

fn logout(stage: &mut Stage<'_>) -> Result<(), Error> {
    let session = "systemd-run --quiet --uid=pi --property=PAMName=login --pipe --wait";
    stage.types(&format!("{session} sh -c 'led on; ipcmk -Q'"), 0, &["on\n", "Message queue id"])?;
    // logind removes what its users leave behind, but not the controller's queues.
    stage.wait_for("! loginctl list-sessions --no-legend | grep -q pi")?;
    stage.wait_for("! ipcs -q | grep -qw pi")?;
    stage.types("led status", 0, &["on (queue"])?;
    stage.types("led off", 0, &["off\n"])
}

fn journal(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.types("systemctl restart led-controller; journalctl --sync", 0, &[])?;
    let of = |priority: &str| format!("journalctl -b _COMM=controller -p {priority} -o cat");
    stage.types(&(of("info..info") + " | sort | uniq -c"), 0, &["took line", "ready: key 1234", "ended by SIGTERM"])?;
    stage.types(&(of("warning..warning") + " | sort | uniq -c"), 0, &["removing the stale queue with key 1234"])?;
    stage.types(&(of("err..err") + " | sort | uniq -c"), 0, &["no line is named GPIO99"])?;
    stage.types("journalctl -b _COMM=controller -o cat | grep -e '^<' -e '^\\[20' -e '^\\[19'", 1, &[])
}

fn package(stage: &mut Stage<'_>) -> Result<(), Error> {
    let apt = |action: &str| {
        format!("DEBIAN_FRONTEND=noninteractive apt-get {action} --yes >/tmp/apt 2>&1 || {{ cat /tmp/apt; false; }}")
    };
    stage.types("echo '# edited' >>/etc/default/led-controller; led on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.types(&apt("install /root/second.deb"), 0, &[])?;
    stage.types("dpkg-query -W led-controller", 0, &["0.1.0-2"])?;
    stage.types(ACTIVE, 0, &["active"])?;
    // Restarted, as its documents say: off until somebody asks again.
    stage.pin_is(OFF)?;
    stage.types("led on", 0, &["on\n"])?;
    stage.types("grep edited /etc/default/led-controller", 0, &["edited"])?;
    // An instance of the template does not outlive the package.
    stage.types("echo 'OPTIONS=\"--line GPIO27 --key 1300\"' >/etc/default/led-controller-door", 0, &[])?;
    stage.types("systemctl start led-controller@door; led --key 1300 on", 0, &["on\n"])?;
    stage.types(&apt("remove led-controller"), 0, &[])?;
    stage.pin_is(OFF)?;
    stage.types(
        "grep -c . /proc/sysvipc/msg; test ! -e /usr/bin/led && ls /etc/default/led-controller",
        0,
        &["1\n"],
    )?;
    stage.types("systemctl is-active led-controller@door; rm /etc/default/led-controller-door", 0, &["inactive"])?;
    stage.types(&apt("purge led-controller"), 0, &[])?;
    // Users and groups stay: files of theirs may be anywhere.
    let left = "find / -xdev -path /proc -prune -o -name '*led-controller*' -print | grep -v /sys/fs/cgroup";
    stage.types(left, 1, &[])?;
    stage.types("getent passwd led-controller && ls -d /run/led-controller", 2, &["led-controller"])?;
    // As Debian has them without the package.
    stage.types("chown root:root /dev/gpiochip*; chmod 600 /dev/gpiochip*", 0, &[])?;
    stage.types(&apt("install /root/first.deb"), 0, &[])?;
    stage.types("stat -Lc '%G %a' /dev/gpiochip0", 0, &["gpio 660\n"])?;
    stage.types(ACTIVE, 0, &["active"])?;
    stage.types("runuser -u pi -- led status", 0, &["off (queue"])?;
    stage.pin_is(OFF)
}

fn poweroff(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.types("led on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    println!("    # systemctl poweroff");
    stage.machine.last_words("systemctl poweroff")?;
    // It halts, as one does whose plug is pulled next.
    stage.wait("the machine is down", |stage| Ok(stage.machine.is_down()))?;
    stage.pin_is(OFF)
}

fn busy(stage: &mut Stage<'_>) -> Result<(), Error> {
    given_up(stage)?;
    stage.types("systemctl status led-controller", 3, &["GPIO17", "is in use by \"gpioset\""])?;
    stage.types("led on", 3, &["no controller is running"])?;
    stage.types(
        "systemctl stop hold-line; systemctl reset-failed led-controller; systemctl start led-controller",
        0,
        &[],
    )?;
    stage.types("led on", 0, &["on\n"])?;
    stage.pin_is(ON)
}

fn renumbered(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.types("gpiodetect", 0, &["gpiochip0 [3b000000.gpio] (32 lines)", "gpiochip1 [pinctrl-bcm2835]"])?;
    stage.wait_for(ACTIVE)?;
    stage.types("runuser -u pi -- led on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    stage.types("led off", 0, &["off\n"])?;
    stage.pin_is(OFF)
}

fn doubled_name(stage: &mut Stage<'_>) -> Result<(), Error> {
    let gpiod = stage.machine.gpiod;
    stage.types(&gpiod.info("gpiochip0"), 0, &[&gpiod.offset("gpiochip0", 1)])?;
    stage.wait_for(ACTIVE)?;
    stage.types("led on", 0, &["on\n"])?;
    stage.pin_is(Pin { high: true, function: Function::Output })?;
    // The other one can be meant, too, and the label says so.
    stage.types("echo 'OPTIONS=\"--chip 3b000000.gpio\"' >/etc/default/led-controller", 0, &[])?;
    stage.types("systemctl restart led-controller; led on", 0, &["on\n"])?;
    stage.line_is_held("gpiochip0", "led-controller")?;
    stage.pin_is(OFF)
}
