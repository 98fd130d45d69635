//! The package led-controller-mqtt, with a broker on the Pi itself.

use super::unit::{apt, booted};
use crate::{
    Error,
    stage::{OFF, ON, Stage},
};

const CHECK: [&str; 5] = [
    "ok   config",
    "ok   broker",
    "ok   subscribe",
    "ok   publish",
    "ok   controller",
];

/// The beginning of a command that prints the message that a topic retains.
const RETAINED: &str = "mosquitto_sub -C 1 -W 60";

pub(super) fn install(stage: &mut Stage<'_>) -> Result<(), Error> {
    booted(stage)?;
    stage.ok("systemctl start mosquitto")?;
    apt(stage, "install /root/mqtt.deb")?;
    // The configuration of the package is for a broker on this machine.
    stage.says(
        "grep '^[^#]' /etc/led-controller/mqtt.toml",
        "broker = \"mqtt://localhost\"\n",
    )?;
    stage.says(
        "systemctl is-active led-controller-mqtt; systemctl is-enabled led-controller-mqtt",
        "active\n",
    )?;
    becomes(stage, "availability", "online")?;
    becomes(stage, "state", r#"{"effect":"off","state":"OFF"}"#)?;
    stage.run("led-mqtt --check", 0, &CHECK)?;
    // The service sees the board, and Home Assistant shows it.
    let discovery = format!("{RETAINED} -t homeassistant/device/$(hostname)/config");
    stage.says(&discovery, "\"model\":\"Raspberry Pi 3 Model B\"")?;
    idle(stage)?;
    stage.says("stat -c '%U %a' /etc/led-controller/secrets", "root 700")?;
    stage.says(
        "systemd-analyze security --threshold=15 led-controller-mqtt | tail -1",
        "OK",
    )
}

pub(super) fn commands(stage: &mut Stage<'_>) -> Result<(), Error> {
    publish(stage, "ON")?;
    stage.pin_becomes(ON)?;
    becomes(stage, "state", r#"{"effect":"off","state":"ON"}"#)?;
    publish(stage, r#"{"state":"OFF"}"#)?;
    stage.pin_becomes(OFF)?;
    becomes(stage, "state", r#"{"effect":"off","state":"OFF"}"#)?;
    // A local command is published too.
    stage.turns_on("runuser -u pi -- led")?;
    becomes(stage, "state", r#"{"effect":"off","state":"ON"}"#)?;
    publish(stage, r#"{"state":"ON","effect":"blink fast"}"#)?;
    for pin in [OFF, ON, OFF] {
        stage.pin_becomes(pin)?;
    }
    becomes(stage, "state", r#"{"effect":"blink fast","state":"ON"}"#)?;
    let ask = "mosquitto_rr -V 5 -W 60 -t led/$(hostname)/set -e led/$(hostname)/response/1 -m OFF";
    stage.says(ask, "OK")?;
    stage.pin_is(OFF)
}

pub(super) fn availability(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.says("led on; systemctl stop led-controller", "on\n")?;
    becomes(stage, "availability", "offline")?;
    stage.ok("systemctl start led-controller")?;
    becomes(stage, "availability", "online")?;
    becomes(stage, "state", r#"{"effect":"off","state":"OFF"}"#)?;
    // The end of the bridge leaves the LED as it is.
    stage.says("led on; systemctl stop led-controller-mqtt", "on\n")?;
    becomes(stage, "availability", "offline")?;
    stage.pin_is(ON)?;
    stage.ok("systemctl start led-controller-mqtt")?;
    becomes(stage, "availability", "online")?;

    // Killed, it publishes nothing: the broker does, as after a power cut of the Pi.
    let record = "mosquitto_sub -t led/$(hostname)/availability -C 3 -W 200";
    stage.ok(&format!("{record} >/tmp/seen & echo $! >/tmp/recorder"))?;
    stage.wait_for("grep -qx online /tmp/seen")?;
    stage.ok("systemctl kill --signal=KILL led-controller-mqtt")?;
    stage.says(
        "wait $(cat /tmp/recorder); cat /tmp/seen",
        "online\noffline\nonline\n",
    )?;
    stage.says("systemctl show -P NRestarts led-controller-mqtt", "1\n")?;
    stage.pin_is(ON)?;

    stage.ok("systemctl restart mosquitto")?;
    becomes(stage, "availability", "online")?;
    publish(stage, "OFF")?;
    stage.pin_becomes(OFF)
}

pub(super) fn purge(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.ok("echo secret >/etc/led-controller/secrets/password")?;
    apt(stage, "purge led-controller-mqtt")?;
    becomes(stage, "availability", "offline")?;
    let left = "find / -xdev -path /proc -prune -o -name '*led-controller-mqtt*' -print -o -name '*led-mqtt*' -print";
    stage.run(&format!("{left} | grep -v /sys/fs/cgroup"), 1, &[])?;
    stage.run(
        "ls -d /etc/led-controller; getent passwd led-mqtt",
        2,
        &["No such file"],
    )?;
    // The core stays.
    stage.says("led on; led off", "on\noff\n")?;
    stage.ok("systemctl stop mosquitto")
}

/// Asserts that the service sleeps: the controller is asked once a minute, and the broker twice.
fn idle(stage: &mut Stage<'_>) -> Result<(), Error> {
    let pid = stage
        .machine
        .run("systemctl show -P MainPID led-controller-mqtt")?;
    let threads = format!("/proc/{}/task", pid.trim());
    // Without the thread that looked up the name of the broker, which ends.
    let lasting = format!("$(grep -L tokio {threads}/*/comm | sed 's/comm$/status/')");
    let count = format!("cat {lasting} | awk '/^voluntary/ {{ sum += $2 }} END {{ print sum }}'");
    stage.ok(&format!(
        "{count} >/tmp/before; sleep 10; {count} >/tmp/after"
    ))?;
    let switches = "$(($(cat /tmp/after) - $(cat /tmp/before)))";
    stage.ok(&format!(
        "echo {switches} context switches in 10 s; test {switches} -ge 0 -a {switches} -lt 10"
    ))
}

fn publish(stage: &mut Stage<'_>, payload: &str) -> Result<(), Error> {
    stage.ok(&format!(
        "mosquitto_pub -q 1 -t led/$(hostname)/set -m '{payload}'"
    ))
}

/// Waits until the broker retains this in a topic of the LED.
fn becomes(stage: &mut Stage<'_>, topic: &str, expected: &str) -> Result<(), Error> {
    stage.wait_for(&format!(
        "{RETAINED} -t led/$(hostname)/{topic} | grep -qxF '{expected}'"
    ))
}
