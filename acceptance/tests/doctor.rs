//! `doctor`, well and in broken set-ups; those that need a Pi or systemd are scenes on the emulated one.

use shared::{Message, MessageType, Mode, Queue};
use testing::{Fixture, Outcome, STRANGER};

/// Asserts what is said of each of these checks, and the exit status that follows.
#[track_caller]
fn says(outcome: &Outcome, lines: &[(&str, &str, &str)]) {
    for (mark, check, part) in lines {
        let begin = format!("{mark:<5}{check:<12}");
        let line = outcome.out.lines().find(|line| line.starts_with(&begin));
        assert!(line.is_some_and(|line| line.contains(part)), "{begin}{part}\n{}{}", outcome.out, outcome.err);
    }
    let checks: Vec<&str> = outcome.out.lines().map(|line| line[5..17].trim()).collect();
    assert_eq!(checks, ["queue", "send", "receive", "controller", "unit", "line", "group", "limits"]);
    let ill = outcome.out.lines().filter(|line| line.starts_with("FAIL")).count();
    let (code, last) = match ill {
        0 => (0, String::new()),
        1 => (1, "command: 1 problem found\n".into()),
        _ => (1, format!("command: {ill} problems found\n")),
    };
    assert_eq!((outcome.code, &outcome.err), (Some(code), &last), "{}", outcome.out);
}

fn is_ok(outcome: &Outcome) -> bool {
    outcome.out.lines().all(|line| !line.starts_with("FAIL"))
}

#[test]
fn all_is_well_beside_a_controller_that_answers() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let outcome = fixture.command(&["doctor"]);
    let answers = format!("PID {} replies within ", controller.pid());
    says(
        &outcome,
        &[
            ("ok", "queue", "mode 0660; 0 messages are waiting"),
            ("ok", "send", "permitted"),
            ("ok", "receive", "permitted"),
            ("ok", "controller", &answers),
            ("ok", "controller", " ms: off"),
            ("-", "unit", ""),
            ("-", "line", "simulated"),
            ("-", "group", "needs none"),
            ("ok", "limits", "kernel.msgmnb"),
        ],
    );
    assert!(is_ok(&outcome));
}

#[test]
fn without_a_controller_it_says_how_to_start_one() {
    let fixture = Fixture::new();
    let start = format!("/controller --key {}\", with --simulate if there is no LED", fixture.key);
    says(
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
fn a_queue_that_a_killed_controller_left_is_told_from_one_that_is_served() {
    let fixture = Fixture::new();
    fixture.controller(&[]).kill();
    let outcome = fixture.command(&["doctor", "--timeout", "50ms"]);
    says(&outcome, &[("ok", "queue", "0 messages are waiting"), ("FAIL", "controller", "is stale")]);
}

#[test]
fn a_controller_that_stands_still_is_named_with_the_word_to_go_on() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let go_on = format!("run \"kill -CONT {}\"", controller.pid());
    says(&fixture.command(&["doctor", "--timeout", "50ms"]), &[("FAIL", "controller", &go_on)]);
}

#[test]
fn a_full_queue_is_seen() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let message: Message<1024> = Message::new(MessageType::LED, &[b' '; 1024]).unwrap();
    while fixture.queue().try_send(&message).is_ok() {}
    let outcome = fixture.command(&["doctor", "--timeout", "50ms"]);
    says(
        &outcome,
        &[
            ("FAIL", "queue", "16 messages are waiting; it is full, none was ever received"),
            ("FAIL", "controller", "nothing was sent"),
        ],
    );
}

#[test]
fn a_queue_of_another_program_is_left_alone() {
    let fixture = Fixture::new();
    let queue = Queue::create(fixture.key, Mode::new(0o600).unwrap()).unwrap();
    says(
        &fixture.command(&["doctor"]),
        &[
            ("ok", "send", "permitted"),
            ("FAIL", "receive", "is not a reply queue"),
            ("FAIL", "controller", "is not a controller's"),
        ],
    );
    assert_eq!(queue.status().unwrap().messages, 0);
}

#[test]
#[ignore = "needs root"]
fn who_is_not_in_the_group_is_told_how_to_join_it() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&["--group", "daemon"]);
    let outcome = fixture.program("command", Some(STRANGER)).arg("doctor").output().unwrap().into();
    let denied = format!("permission denied: queue {} belongs to root:daemon (0660)", fixture.key);
    let denied_replies = format!("permission denied: queue {} belongs to root:daemon (0740)", fixture.key.reply());
    says(
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
fn a_queue_for_its_owner_alone_is_said_to_be_so() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&["--mode", "0600"]);
    let outcome = fixture.program("command", Some(STRANGER)).arg("doctor").output().unwrap().into();
    says(
        &outcome,
        &[("FAIL", "send", "its mode does not permit its group"), ("-", "group", "the mode does not permit the group")],
    );
}

#[test]
fn its_exit_status_is_the_same_for_who_reads_only_the_beginning() {
    let fixture = Fixture::new();
    // The first lines are well.
    let controller = fixture.controller(&[]);
    controller.stop();
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", "exec 3>&1; { \"$0\" \"$@\" doctor --timeout 100ms; echo $? >&3; } | true"]);
    let client = fixture.program("command", None);
    shell.env("LED_LOCK_DIRECTORY", fixture.path());
    let shell = shell.arg(client.get_program()).args(client.get_args()).output().unwrap();
    assert_eq!(String::from_utf8(shell.stdout).unwrap(), "1\n");
}

#[test]
#[ignore = "needs root"]
fn nobody_is_told_to_join_the_group_of_root() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&["--group", "root"]);
    let outcome = fixture.program("command", Some(STRANGER)).arg("doctor").output().unwrap().into();
    says(&outcome, &[("FAIL", "group", "run this as root, or give the controller a --group")]);
}
