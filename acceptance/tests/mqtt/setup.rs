//! `--setup`.

use std::{
    fs,
    io::{Read, Write},
    mem,
    os::unix::fs::{PermissionsExt, symlink},
    process::{Command, Stdio},
};

use rustix::termios::{LocalModes, tcgetattr};
use testing::{
    Outcome, Running,
    mqtt::{Broker, address},
    wait_until,
};

use super::node::Node;
use crate::terminal::terminal;

/// What the package installs.
const COMMENTED: &str = include_str!("../../../systemd/mqtt.toml");

#[test]
#[ignore = "needs mosquitto"]
fn options_answer_its_questions_and_the_rest_of_the_configuration_stays() {
    let mut broker = Broker::absent();
    let (file, listener) = (broker.path().join("passwords"), address());
    fs::write(&file, "").unwrap();
    let mut passwd = Command::new("mosquitto_passwd");
    Outcome::of(passwd.arg("-b").arg(&file).args(["porch", "secret"])).assert_code(0);
    let (host, port) = (listener.ip(), listener.port());
    broker.configure(&format!(
        "listener {port} {host}\npassword_file {}",
        file.display()
    ));
    broker.restart();
    let node = Node::configured("");
    let led = format!("[[led]]\nkey = {}\n", node.leds[0].key);
    fs::write(&node.config, COMMENTED.to_owned() + &led).unwrap();
    let _controller = node.controller(0, &[]);
    let password = node.leds[0].write("typed", "secret\n");
    let setup = |words: &[&str]| {
        let mut program = node.program();
        Outcome::of(program.arg("--setup").args(words).stdin(Stdio::null()))
    };
    let address = listener.to_string();
    let password = password.to_str().unwrap();
    let words = [
        "--broker",
        &address,
        "--user",
        "porch",
        "--password-file",
        password,
        "--node",
        "porch",
    ];
    let outcome = setup(&words);
    for line in [
        "ok   broker ",
        "as porch",
        "ok   publish     led/porch/check",
    ] {
        assert!(outcome.out.contains(line), "{outcome:?}");
    }
    outcome.assert_code(0);
    let text = fs::read_to_string(&node.config).unwrap();
    let line = format!("\nbroker = \"mqtt://{address}\"\n");
    assert!(
        text.contains(&line) && text.contains("\n#groups = "),
        "{text}"
    );
    assert!(
        text.contains("\nuser = \"porch\"\npassword_file = \"password\"\n"),
        "{text}"
    );
    let secrets = node.config.with_file_name("secrets");
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(&secrets), mode(&secrets.join("password"))),
        (0o700, 0o600)
    );
    // What is not said again stays.
    let again = setup(&["--node", "porch-2"]);
    assert!(
        again.out.contains("node porch-2") && again.out.contains("as porch"),
        "{again:?}"
    );
    let wrong = setup(&["--node", "a/b"]);
    wrong.assert_failed(
        78,
        &[
            "node: \"a/b\" is not a valid name",
            "; nothing was written\n",
        ],
    );
    for (words, part) in [
        (
            &["--broker", "x:mqtt"][..],
            "broker: use mqtt://HOST or mqtts://HOST",
        ),
        (&["--broker", ""], "broker: use mqtt://HOST"),
        (
            &["--broker", "mqtts://x", "--ca", "/no/ca.pem"],
            "cannot read /no/ca.pem: ",
        ),
        (&["--password-file", "/no/file"], "cannot read /no/file: "),
    ] {
        setup(words).assert_failed(78, &[part]);
    }
    assert!(
        fs::read_to_string(&node.config)
            .unwrap()
            .contains("porch-2")
    );
}

/// The terminal shows what is typed again, also after Ctrl-C at the password.
#[test]
fn a_wrong_answer_is_asked_for_again_and_ctrl_c_restores_the_terminal() {
    let node = Node::configured("");
    let (mut screen, terminal) = terminal();
    let echoes = || {
        tcgetattr(&terminal)
            .unwrap()
            .local_modes
            .contains(LocalModes::ECHO)
    };
    let copy = || terminal.try_clone().unwrap();
    let mut setup = node.program();
    setup.arg("--setup").stdin(copy()).stdout(copy());
    let mut setup = Running::start_with_own_output(setup.stderr(copy()));
    let mut shown = String::new();
    let mut type_at = |prompt: &str, keys: &[u8]| {
        while !shown.ends_with(prompt) {
            let mut buffer = [0; 1024];
            let length = screen.read(&mut buffer).unwrap();
            shown += &String::from_utf8_lossy(&buffer[..length]);
        }
        screen.write_all(keys).unwrap();
        mem::take(&mut shown)
    };
    type_at("address: ", b"x:mqtt\n");
    let shown = type_at("address: ", b"mqtt://localhost\n");
    assert!(
        shown.contains("broker: use mqtt://HOST or mqtts://HOST"),
        "{shown}"
    );
    type_at("none: ", b"pi\n");
    wait_until("the password is not shown", || !echoes());
    let shown = type_at("Password, empty for none: ", b"sec\x03");
    wait_until("it ends", || !setup.is_running());
    assert!(echoes() && !shown.contains("sec"), "{shown}");
    setup.wait().assert_code(1);
    assert_eq!(fs::read_to_string(&node.config).unwrap(), "");
}

#[test]
fn what_no_option_answers_stays_however_it_is_written() {
    let node = Node::configured("");
    let broker = address();
    let text = format!(
        "  broker = 'mqtt://{broker}' # here\r\n#user = \"pi\"\r\nuser = 'a\"b'\r\npassword_file = 'node.pw'\r\n#node = \"%H\"\r\nnode = 'porch'\r\n"
    );
    // A configuration that is kept elsewhere.
    let kept = node.leds[0].write("kept.toml", &text);
    fs::remove_file(&node.config).unwrap();
    symlink(&kept, &node.config).unwrap();
    let mut setup = node.program();
    let outcome = Outcome::of(setup.args(["--setup", "--node", "hall"]));
    // There is no file with the password, which is said after the configuration is written.
    assert!(outcome.out.contains("node hall, 1 LED"), "{outcome:?}");
    let written = fs::read_to_string(&kept).unwrap();
    assert_eq!(written, text.replace("'porch'", "\"hall\""));
    assert!(node.config.is_symlink());
}

#[test]
fn a_broker_without_tls_needs_none_of_its_files() {
    let text = "broker = 'mqtts://x'\nca = 'a.pem'\ncertificate = 'b.pem'\nprivate_key = 'b.key'\n";
    let node = Node::configured(text);
    let _checked = node.run(&["--setup", "--broker", &address().to_string()]);
    let written = fs::read_to_string(&node.config).unwrap();
    for setting in ["\n#ca = ", "\n#certificate = ", "\n#private_key = "] {
        assert!(written.contains(setting), "{written}");
    }
}

#[test]
fn a_configuration_that_cannot_be_parsed_is_named_before_any_question() {
    let node = Node::configured("broker = 'mqtt://x'\nuser = 'secret\n");
    let setup = node.run(&["--setup", "--node", "hall"]);
    setup.assert_failed(78, &["line 2: user: "]);
    assert!(!setup.err.contains("secret"));
}
