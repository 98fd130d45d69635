//! Errors of the configuration.

use std::fs;

use crate::broker::Node;

/// A node with this file instead.
fn node(text: &str) -> Node {
    let node = Node::with("broker = 'mqtt://127.0.0.1:1'\n", &[]);
    fs::write(&node.config, text).unwrap();
    node
}

#[test]
fn what_is_wrong_with_the_configuration_is_named_with_its_line() {
    for (text, parts) in [
        (
            "broker = 'mqtt://localhost'\nnode = 'a'\ncolour = 'red'\n",
            &["line 3", "unknown field `colour`"][..],
        ),
        (
            "broker = 'mqtt://localhost'\n[[led]]\nkey = 0\n",
            &["line 3", "IPC_PRIVATE"],
        ),
        (
            "broker = 'mqtt://localhost'\n[[led]]\npin = 17\n",
            &["line 3", "unknown field `pin`"],
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
        ("node = 'a'\n", &["missing field `broker`"]),
        (
            "broker = 'mqtt://localhost'\nnode = 'a/b'\n",
            &["node: \"a/b\" is no name"],
        ),
        (
            "broker = 'mqtt://localhost'\nca = 'ca.pem'\n",
            &["ca and certificate: they need TLS"],
        ),
    ] {
        let node = node(text);
        let path = node.config.display().to_string();
        let parts = [&["led-mqtt: ", &path], parts].concat();
        node.run(&[]).assert_failed(78, &parts);
        node.run(&["--forget"]).assert_failed(78, &parts);
        let outcome = node.run(&["--check"]);
        assert!(
            outcome.out.starts_with("FAIL config      ") && outcome.out.contains(parts[2]),
            "{outcome:?}"
        );
        assert_eq!(
            (outcome.code, outcome.err.as_str()),
            (Some(1), "led-mqtt: 1 problem found\n")
        );
    }
}

#[test]
fn a_missing_file_is_named() {
    let missing = node("");
    fs::remove_file(&missing.config).unwrap();
    let path = missing.config.display().to_string();
    missing
        .run(&[])
        .assert_failed(78, &["led-mqtt: cannot read ", &path, "No such file"]);
    let secret = node("broker = 'mqtt://localhost'\nuser = 'a'\npassword_file = 'password'\n");
    let path = secret
        .config
        .with_file_name("secrets")
        .join("password")
        .display()
        .to_string();
    secret
        .run(&[])
        .assert_failed(78, &["led-mqtt: cannot read ", &path, "No such file"]);
    let outcome = secret.run(&["--check"]);
    assert!(
        outcome.out.contains(&format!(
            "FAIL broker      cannot read {path}: No such file"
        )),
        "{outcome:?}"
    );
}

#[test]
fn a_credential_of_systemd_is_read() {
    let node = node("broker = 'mqtt://127.0.0.1:1'\nuser = 'a'\npassword_file = 'password'\n");
    fs::write(node.leds[0].path().join("secrets_password"), "secret\n").unwrap();
    let outcome = testing::Outcome::of(
        node.program()
            .arg("--check")
            .env("CREDENTIALS_DIRECTORY", node.leds[0].path()),
    );
    assert!(
        outcome.out.contains("no broker listens there"),
        "{outcome:?}"
    );
}

#[test]
fn a_wrong_command_line_has_exit_status_2() {
    node("")
        .run(&["--check", "--forget"])
        .assert_failed(2, &["--forget"]);
    node("").run(&["--port", "1"]).assert_failed(2, &["--port"]);
}
