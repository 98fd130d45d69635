//! The package led-controller-mqtt, with a broker on the Pi itself.

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
    stage.run("systemctl start mosquitto", 0, &[])?;
    let apt = "DEBIAN_FRONTEND=noninteractive apt-get install --yes /root/mqtt.deb";
    stage.run(
        &format!("{apt} >/tmp/apt 2>&1 || {{ cat /tmp/apt; false; }}"),
        0,
        &[],
    )?;
    // The configuration of the package is for a broker on this machine.
    stage.run(
        "grep '^[^#]' /etc/led-controller/mqtt.toml",
        0,
        &["broker = \"mqtt://localhost\"\n"],
    )?;
    stage.run(
        "systemctl is-active led-controller-mqtt; systemctl is-enabled led-controller-mqtt",
        0,
        &["active\n"],
    )?;
    becomes(stage, "availability", "online")?;
    becomes(stage, "state", r#"{"effect":"off","state":"OFF"}"#)?;
    stage.run("led-mqtt --check", 0, &CHECK)?;
    // The service sees the board, and Home Assistant shows it.
    let discovery = format!("{RETAINED} -t homeassistant/device/$(hostname)/config");
    stage.run(&discovery, 0, &["\"model\":\"Raspberry Pi 3 Model B\""])?;
    idle(stage)?;
    stage.run(
        "stat -c '%U %a' /etc/led-controller/secrets",
        0,
        &["root 700"],
    )?;
    stage.run(
        "systemd-analyze security --threshold=15 led-controller-mqtt | tail -1",
        0,
        &["OK"],
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
    stage.run("runuser -u pi -- led on", 0, &["on\n"])?;
    stage.pin_is(ON)?;
    becomes(stage, "state", r#"{"effect":"off","state":"ON"}"#)?;
    publish(stage, r#"{"state":"ON","effect":"blink fast"}"#)?;
    for pin in [OFF, ON, OFF] {
        stage.pin_becomes(pin)?;
    }
    becomes(stage, "state", r#"{"effect":"blink fast","state":"ON"}"#)?;
    let ask = "mosquitto_rr -V 5 -W 60 -t led/$(hostname)/set -e led/$(hostname)/response -m OFF";
    stage.run(ask, 0, &["OK"])?;
    stage.pin_is(OFF)
}

pub(super) fn availability(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run("led on; systemctl stop led-controller", 0, &["on\n"])?;
    becomes(stage, "availability", "offline")?;
    stage.run("systemctl start led-controller", 0, &[])?;
    becomes(stage, "availability", "online")?;
    becomes(stage, "state", r#"{"effect":"off","state":"OFF"}"#)?;
    // The end of the bridge leaves the LED as it is.
    stage.run("led on; systemctl stop led-controller-mqtt", 0, &["on\n"])?;
    becomes(stage, "availability", "offline")?;
    stage.pin_is(ON)?;
    stage.run("systemctl start led-controller-mqtt", 0, &[])?;
    becomes(stage, "availability", "online")?;

    // Killed, it publishes nothing: the broker does, as after a power cut of the Pi.
    let record = "mosquitto_sub -t led/$(hostname)/availability -C 3 -W 200";
    stage.run(
        &format!("{record} >/tmp/seen & echo $! >/tmp/recorder"),
        0,
        &[],
    )?;
    stage.wait_for("grep -qx online /tmp/seen")?;
    stage.run("systemctl kill --signal=KILL led-controller-mqtt", 0, &[])?;
    stage.run(
        "wait $(cat /tmp/recorder); cat /tmp/seen",
        0,
        &["online\noffline\nonline\n"],
    )?;
    stage.run(
        "systemctl show -P NRestarts led-controller-mqtt",
        0,
        &["1\n"],
    )?;
    stage.pin_is(ON)?;

    stage.run("systemctl restart mosquitto", 0, &[])?;
    becomes(stage, "availability", "online")?;
    publish(stage, "OFF")?;
    stage.pin_becomes(OFF)
}

pub(super) fn purge(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.run("echo secret >/etc/led-controller/secrets/password", 0, &[])?;
    let apt = "DEBIAN_FRONTEND=noninteractive apt-get purge --yes led-controller-mqtt";
    stage.run(
        &format!("{apt} >/tmp/apt 2>&1 || {{ cat /tmp/apt; false; }}"),
        0,
        &[],
    )?;
    becomes(stage, "availability", "offline")?;
    let left = "find / -xdev -path /proc -prune -o -name '*led-controller-mqtt*' -print -o -name '*led-mqtt*' -print";
    stage.run(&format!("{left} | grep -v /sys/fs/cgroup"), 1, &[])?;
    stage.run(
        "ls -d /etc/led-controller; getent passwd led-mqtt",
        2,
        &["No such file"],
    )?;
    // The core stays.
    stage.run("led on; led off", 0, &["on\noff\n"])?;
    stage.run("systemctl stop mosquitto", 0, &[])
}

/// Asserts that the service sleeps: it sees in /proc/locks that the controller runs, and needs not ask. The broker is asked
/// twice a minute.
fn idle(stage: &mut Stage<'_>) -> Result<(), Error> {
    let pid = stage
        .machine
        .run("systemctl show -P MainPID led-controller-mqtt")?;
    let threads = format!("/proc/{}/task", pid.trim());
    // Without the thread that looked up the name of the broker, which ends.
    let lasting = format!("$(grep -L tokio {threads}/*/comm | sed 's/comm$/status/')");
    let count = format!("cat {lasting} | awk '/^voluntary/ {{ sum += $2 }} END {{ print sum }}'");
    stage.run(
        &format!("{count} >/tmp/before; sleep 10; {count} >/tmp/after"),
        0,
        &[],
    )?;
    let switches = "$(($(cat /tmp/after) - $(cat /tmp/before)))";
    stage.run(
        &format!(
            "echo {switches} context switches in 10 s; test {switches} -ge 0 -a {switches} -lt 10"
        ),
        0,
        &[],
    )
}

fn publish(stage: &mut Stage<'_>, payload: &str) -> Result<(), Error> {
    stage.run(
        &format!("mosquitto_pub -q 1 -t led/$(hostname)/set -m '{payload}'"),
        0,
        &[],
    )
}

/// Waits until the broker retains this in a topic of the LED.
fn becomes(stage: &mut Stage<'_>, topic: &str, expected: &str) -> Result<(), Error> {
    stage.wait_for(&format!(
        "{RETAINED} -t led/$(hostname)/{topic} | grep -qxF '{expected}'"
    ))?;
    println!("    led/$(hostname)/{topic}: {expected}");
    Ok(())
}
