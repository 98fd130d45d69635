//! `doctor` with and without problems. Checks that need a Pi or systemd are scenes on the emulated one.

use shared::{Message, MessageType, Mode, Queue};
use testing::{Fixture, OTHER_USER, Outcome};

/// Asserts the results of these checks, and the exit status that follows from them.
#[track_caller]
fn assert_findings(outcome: &Outcome, lines: &[(&str, &str, &str)]) {
    for (mark, check, part) in lines {
        let begin = format!("{mark:<5}{check:<12}");
        let line = outcome.out.lines().find(|line| line.starts_with(&begin));
        assert!(
            line.is_some_and(|line| line.contains(part)),
            "{begin}{part}\n{}{}",
            outcome.out,
            outcome.err
        );
    }
    let checks: Vec<&str> = outcome.out.lines().map(|line| line[5..17].trim()).collect();
    assert_eq!(
        checks,
        [
            "queue",
            "send",
            "receive",
            "controller",
            "unit",
            "line",
            "group",
            "limits"
        ]
    );
    let problems = outcome
        .out
        .lines()
        .filter(|line| line.starts_with("FAIL"))
        .count();
    let (code, last) = match problems {
        0 => (0, String::new()),
        1 => (1, "command: 1 problem found\n".into()),
        _ => (1, format!("command: {problems} problems found\n")),
    };
    assert_eq!(
        (outcome.code, &outcome.err),
        (Some(code), &last),
        "{}",
        outcome.out
    );
}

fn has_no_problem(outcome: &Outcome) -> bool {
    outcome.out.lines().all(|line| !line.starts_with("FAIL"))
}

#[test]
fn there_is_no_problem_if_a_controller_replies() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let outcome = fixture.command(&["doctor"]);
    let replies = format!("PID {} replies within ", controller.pid());
    assert_findings(
        &outcome,
        &[
            ("ok", "queue", "mode 0660; 0 messages are waiting"),
            ("ok", "send", "permitted"),
            ("ok", "receive", "permitted"),
            ("ok", "controller", &replies),
            ("ok", "controller", " ms: off"),
            ("-", "unit", ""),
            ("-", "line", "simulated"),
            ("-", "group", "needs no group"),
            ("ok", "limits", "kernel.msgmnb"),
        ],
    );
    assert!(has_no_problem(&outcome));
}

#[test]
fn without_a_controller_it_prints_how_to_start_one() {
    let fixture = Fixture::new();
    let start = format!(
        "/controller --key {}\", with --simulate if there is no LED",
        fixture.key
    );
    assert_findings(
        &fixture.command(&["doctor"]),
        &[
            ("FAIL", "queue", &start),
            ("-", "send", "no queue"),
            ("-", "receive", "no queue"),
            ("-", "controller", "no process holds the lock"),
        ],
    );
}

#[test]
fn a_stale_queue_is_distinguished_from_one_that_is_served() {
    let fixture = Fixture::new();
    fixture.controller(&[]).kill();
    let outcome = fixture.command(&["doctor", "--timeout", "50ms"]);
    assert_findings(
        &outcome,
        &[
            ("ok", "queue", "0 messages are waiting"),
            ("FAIL", "controller", "is stale"),
        ],
    );
}

#[test]
fn a_stopped_controller_is_reported_with_the_command_to_continue_it() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let command = format!("run \"kill -CONT {}\"", controller.pid());
    assert_findings(
        &fixture.command(&["doctor", "--timeout", "50ms"]),
        &[("FAIL", "controller", &command)],
    );
}

#[test]
fn a_full_queue_is_reported() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let message: Message<1024> = Message::new(MessageType::LED, &[b' '; 1024]).unwrap();
    while fixture.queue().try_send(&message).is_ok() {}
    let outcome = fixture.command(&["doctor", "--timeout", "50ms"]);
    assert_findings(
        &outcome,
        &[
            (
                "FAIL",
                "queue",
                "16 messages are waiting; it is full, none was ever received",
            ),
            ("FAIL", "controller", "nothing was sent"),
        ],
    );
}

#[test]
fn nothing_is_sent_to_a_queue_of_another_program() {
    let fixture = Fixture::new();
    let queue = Queue::create(fixture.key, Mode::new(0o600).unwrap()).unwrap();
    assert_findings(
        &fixture.command(&["doctor"]),
        &[
            ("ok", "send", "permitted"),
            ("FAIL", "receive", "there is no reply queue"),
            ("FAIL", "controller", "belongs to another program"),
        ],
    );
    assert_eq!(queue.status().unwrap().messages, 0);
}

#[test]
#[ignore = "needs root"]
fn a_user_outside_the_group_gets_the_command_to_join_it() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&["--group", "daemon"]);
    let outcome = fixture
        .program("command", Some(OTHER_USER))
        .arg("doctor")
        .output()
        .unwrap()
        .into();
    let denied = format!(
        "permission denied: queue {} belongs to root:daemon (0660)",
        fixture.key
    );
    let denied_replies = format!(
        "permission denied: queue {} belongs to root:daemon (0740)",
        fixture.key.reply()
    );
    assert_findings(
        &outcome,
        &[
            ("ok", "queue", "group daemon (1)"),
            ("FAIL", "send", &denied),
            ("FAIL", "receive", &denied_replies),
            ("FAIL", "controller", &denied),
            (
                "FAIL",
                "group",
                "54321 is not in group daemon (1): run \"sudo usermod -aG daemon $USER\" and log in again",
            ),
        ],
    );
}

#[test]
#[ignore = "needs root"]
fn a_queue_without_group_permissions_is_reported() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&["--mode", "0600"]);
    let outcome = fixture
        .program("command", Some(OTHER_USER))
        .arg("doctor")
        .output()
        .unwrap()
        .into();
    assert_findings(
        &outcome,
        &[
            ("FAIL", "send", "its mode does not permit its group"),
            ("-", "group", "the mode does not permit the group"),
        ],
    );
}

#[test]
fn the_exit_status_is_the_same_if_the_reader_stops_early() {
    let fixture = Fixture::new();
    // The first checks find no problem.
    let controller = fixture.controller(&[]);
    controller.stop();
    let mut shell = std::process::Command::new("bash");
    shell.args([
        "-c",
        "exec 3>&1; { \"$0\" \"$@\" doctor --timeout 100ms; echo $? >&3; } | true",
    ]);
    let client = fixture.program("command", None);
    shell.env("LED_LOCK_DIRECTORY", fixture.path());
    let shell = shell
        .arg(client.get_program())
        .args(client.get_args())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(shell.stdout).unwrap(), "1\n");
}

#[test]
#[ignore = "needs root"]
fn no_user_is_advised_to_join_the_group_of_root() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&["--group", "root"]);
    let outcome = fixture
        .program("command", Some(OTHER_USER))
        .arg("doctor")
        .output()
        .unwrap()
        .into();
    assert_findings(
        &outcome,
        &[(
            "FAIL",
            "group",
            "run this as root, or give the controller a --group",
        )],
    );
}
