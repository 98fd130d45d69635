//! Errors of the configuration.

use std::fs;

use testing::{Outcome, Signal, mqtt::address};

use super::node::{Node, Online, end};

#[test]
fn what_is_wrong_with_the_configuration_is_named_with_its_line() {
    for (text, parts) in [
        (
            "broker = 'mqtt://localhost'\nnode = 'a'\ncolour = 'red'\n",
            &["line 3", "unknown setting; known are broker, "][..],
        ),
        (
            "broker = 'mqtt://localhost'\n[[led]]\nkey = 0\n",
            &["line 3", "IPC_PRIVATE"],
        ),
        (
            "broker = 'mqtt://localhost'\n[[led]]\npin = 17\n",
            &[
                "line 3",
                "unknown setting",
                "below [[led]] key, name, owner",
            ],
        ),
        (
            "node = 'a'\nbroker = 'http://localhost'\n",
            &["line 2", "use mqtt://HOST or mqtts://HOST"],
        ),
        ("broker = 'mqtt://localhost\n", &["line 1"]),
        (
            "broker = 'mqtt://localhost'\ngroups = 'garden'\n",
            &["line 2", "groups"],
        ),
        ("node = 'a'\n", &["broker: this setting is missing"]),
        (
            "broker = 'mqtt://localhost'\nnode = 'a/b'\n",
            &["node: \"a/b\" is not a valid name"],
        ),
        (
            "broker = 'mqtt://localhost'\nca = 'ca.pem'\n",
            &["ca and certificate: they need TLS"],
        ),
    ] {
        let node = Node::configured(text);
        let path = node.config.display().to_string();
        let parts = [&["led-mqtt: ", &path], parts].concat();
        node.run(&[]).assert_failed(78, &parts);
        node.run(&["--forget"]).assert_failed(78, &parts);
        let out = node.check(1);
        let is_named = out.starts_with("FAIL config      ") && out.contains(parts[2]);
        assert!(is_named, "{out}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let missing = Node::configured("");
    fs::remove_file(&missing.config).unwrap();
    let text = "broker = 'mqtt://localhost'\nuser = 'a'\npassword_file = 'password'\n";
    let secret = Node::configured(text);
    let password = secret.leds[0].path().join("secrets/password");
    for (node, path, name) in [
        (&missing, &missing.config, "config"),
        (&secret, &password, "broker"),
    ] {
        let reason = format!("cannot read {}: No such file", path.display());
        let logged = format!("led-mqtt: {reason}");
        node.run(&[]).assert_failed(78, &[&logged]);
        let outcome = node.run(&["--check"]);
        let line = format!("FAIL {name:<12}{reason}");
        assert!(outcome.out.contains(&line), "{outcome:?}");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn a_password_that_is_too_long_is_refused_and_what_is_retained_stays() {
    let online = Online::start();
    end(online.bridge, Signal::TERM);
    let retained = online.broker.retained();
    let (node, path) = (&online.node, online.node.leds[0].path().join("password"));
    fs::write(&path, "x".repeat(70_000)).unwrap();
    let user = format!("user = 'a'\npassword_file = '{}'\nnode", path.display());
    node.reconfigure("node", &user);
    let parts = [&*path.display().to_string(), "at most 65535 bytes"];
    node.run(&[]).assert_failed(78, &parts);
    assert_eq!(online.broker.retained(), retained);
}

#[test]
fn a_credential_of_systemd_is_read() {
    let broker = format!("broker = 'mqtt://{}'\n", address());
    let node = Node::configured(&(broker + "user = 'a'\npassword_file = 'password'\n"));
    let credentials = node.leds[0].path();
    fs::write(credentials.join("secrets_password"), "secret\n").unwrap();
    let mut program = node.program();
    program.env("CREDENTIALS_DIRECTORY", credentials);
    let out = Outcome::of(program.arg("--check")).out;
    assert!(
        out.contains("no broker listens on this host and port"),
        "{out}"
    );
}

#[test]
fn a_wrong_command_line_has_exit_status_2() {
    let node = Node::configured("broker = 'mqtt://x'");
    for (arguments, part) in [
        (["--check", "--forget"], "--forget"),
        (["--port", "1"], "--port"),
        // It would serve as another node.
        (["--node", "hall"], "--node NODE"),
    ] {
        node.run(&arguments).assert_failed(2, &[part]);
    }
}
