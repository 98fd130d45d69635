//! The commands of docs/mqtt.md that make a broker with users and TLS, typed as they are there.

use std::process::Command;

use testing::{Fixture, Outcome, bridge, mqtt::address, programs};

use crate::{environment::with_mounts, manual::document};

/// The files of /etc are copies, and no prompt is shown.
const BEGIN: &str = r#"
set -eu
mkdir "$FOLDER/etc" "$FOLDER/work" "$FOLDER/bin"
for name in sudo systemctl mosquitto_passwd led-mqtt; do
    # In a process of its own: a file that a child of the tests has open for writing cannot be run.
    install -m 755 "$FOLDER/$name" "$FOLDER/bin"
done
PATH=$FOLDER/bin:$PATH
mount -t tmpfs tmpfs "$FOLDER/etc"
cp -a /etc/. "$FOLDER/etc"
mount --bind "$FOLDER/etc" /etc
echo "$HOST broker.example.org" >>/etc/hosts
rm -rf /etc/mosquitto /etc/led-controller
mkdir -p /etc/mosquitto/conf.d /etc/mosquitto/certs /etc/led-controller/secrets
echo "include_dir /etc/mosquitto/conf.d" >/etc/mosquitto/mosquitto.conf
cp "$FOLDER/mqtt.toml" /etc/led-controller
trap 'kill $(cat "$FOLDER"/*.pid) 2>/dev/null || true; wait' EXIT
cd "$FOLDER/work"
"#;

/// `mosquitto_pub` does not wait for the LED.
const END: &str = r#"
until "$LED" --key "$KEY" status | grep -q "^on"; do sleep 0.01; done
"#;

const SYSTEMCTL: &str = r#"
case $2 in
mosquitto)
    mosquitto -c /etc/mosquitto/mosquitto.conf 2>"$FOLDER/mosquitto.log" &
    ready=running ;;
led-controller-mqtt)
    "$BRIDGE" 2>"$FOLDER/led-controller-mqtt.log" &
    ready="connected to" ;;
esac
echo $! >"$FOLDER/$2.pid"
until grep -q "$ready" "$FOLDER/$2.log"; do
    kill -0 $! || { cat "$FOLDER/$2.log" >&2; exit 1; }
    sleep 0.01
done
"#;

const PROGRAMS: [(&str, &str); 4] = [
    ("sudo", r#"exec "$@""#),
    ("systemctl", SYSTEMCTL),
    (
        "mosquitto_passwd",
        r#"exec /usr/bin/mosquitto_passwd -b "$@" SECRET"#,
    ),
    (
        "led-mqtt",
        r#"echo SECRET | "$BRIDGE" "$@" --password-file -"#,
    ),
];

/// The blocks of commands of a section, as one script.
fn commands(heading: &str, end: &str) -> String {
    let guide = document("docs/mqtt.md");
    let (_, section) = guide.split_once(heading).unwrap();
    let (section, _) = section.split_once(end).unwrap();
    let lines = section.lines().filter_map(|line| line.strip_prefix("    "));
    lines.map(|line| line.to_owned() + "\n").collect()
}

#[test]
#[ignore = "needs root, unshare, openssl and mosquitto"]
fn a_broker_with_users_and_tls_as_the_guide_makes_it() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let listener = address();
    let (host, port) = (listener.ip(), listener.port());
    let settings = include_str!("../../../systemd/mqtt.toml");
    let led = format!("{settings}[[led]]\nkey = {}\n", fixture.key);
    let _ = fixture.write("mqtt.toml", &led);
    for (name, script) in PROGRAMS {
        let _ = fixture.write(name, &format!("#!/bin/sh\n{script}\n"));
    }
    let typed = commands("## Users and TLS", "### Certificates")
        .replace("listener 8883", &format!("listener {port} {host}"))
        .replace("-p 8883", &format!("-p {port}"))
        .replace(
            "mqtts://broker.example.org",
            &format!("mqtts://broker.example.org:{port}"),
        );
    assert!(typed.contains("mosquitto_pub"), "{typed}");
    let script = format!("{BEGIN}{typed}{END}");
    let wrapper = with_mounts("true");
    let mut shell = Command::new(&wrapper[0]);
    shell.args(&wrapper[1..]).args(["sh", "-c", &script]);
    shell.env("FOLDER", fixture.path()).env("BRIDGE", bridge());
    shell
        .env("HOST", host.to_string())
        .env("LED_LOCK_DIRECTORY", fixture.path());
    shell
        .env("STATE_DIRECTORY", fixture.path())
        .env("KEY", fixture.key.to_string());
    shell.env("LED", programs().join("command"));
    let outcome = Outcome::of(&mut shell);
    outcome.assert_code(0);
    assert!(
        outcome.out.contains("as pi\n") && !outcome.out.contains("FAIL"),
        "{outcome:?}"
    );
    assert_eq!(controller.line(), "LED on");
}
