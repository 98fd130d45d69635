//! `doctor` with and without problems. Checks that need a Pi or systemd are scenes on the emulated one.

use shared::{Mode, Queue};
use testing::{Fixture, OTHER_USER, Outcome};

const CHECKS: &str = "queue send receive controller unit line group limits";

/// Asserts the results of these checks, and the exit status that follows from them.
#[track_caller]
fn assert_findings(outcome: &Outcome, lines: &[(&str, &str, &str)]) {
    let found: Vec<&str> = outcome.out.lines().collect();
    let checks: Vec<&str> = found.iter().map(|line| line[5..17].trim()).collect();
    assert_eq!(checks.join(" "), CHECKS);
    for (mark, check, part) in lines {
        let begin = format!("{mark:<5}{check:<12}");
        let mut found = found.iter();
        let has_part = found.any(|line| line.starts_with(&begin) && line.contains(part));
        assert!(has_part, "{begin}{part}\n{}{}", outcome.out, outcome.err);
    }
    let problems = found.iter().filter(|line| line.starts_with("FAIL")).count();
    let (code, last) = match problems {
        0 => (0, String::new()),
        1 => (1, "command: 1 problem found\n".into()),
        _ => (1, format!("command: {problems} problems found\n")),
    };
    outcome.assert_code(code);
    assert_eq!(outcome.err, last);
}

#[test]
fn there_is_no_problem_if_a_controller_replies() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let outcome = fixture.command(&["doctor"]);
    let replies = format!("PID {} replies within ", controller.pid());
    let findings = [
        ("ok", "queue", "mode 0660; 0 messages are waiting"),
        ("ok", "send", "permitted"),
        ("ok", "receive", "permitted"),
        ("ok", "controller", &replies),
        ("ok", "controller", " ms: off"),
        ("-", "unit", ""),
        ("-", "line", "simulated"),
        ("-", "group", "needs no group"),
        ("ok", "limits", "kernel.msgmnb"),
    ];
    assert_findings(&outcome, &findings);
    outcome.assert_code(0);
}

#[test]
fn without_a_controller_it_prints_how_to_start_one() {
    let fixture = Fixture::new();
    let key = fixture.key;
    let start =
        format!("/controller --key {key} --line LINE\", with --simulate if there is no LED");
    let findings = [
        ("FAIL", "queue", &*start),
        ("-", "send", "no queue"),
        ("-", "receive", "no queue"),
        ("-", "controller", "no queue"),
    ];
    assert_findings(&fixture.command(&["doctor"]), &findings);
    fixture.controller(&[]).kill();
    let findings = [
        ("ok", "queue", "0 messages are waiting"),
        ("FAIL", "controller", "is stale"),
    ];
    let stale = fixture.command(&["doctor", "--timeout", "50ms"]);
    assert_findings(&stale, &findings);
}

#[test]
fn a_stopped_controller_is_reported_with_the_command_to_continue_it() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let doctor = ["doctor", "--timeout", "50ms"];
    let command = format!("run \"kill -CONT {}\"", controller.pid());
    assert_findings(
        &fixture.command(&doctor),
        &[("FAIL", "controller", &command)],
    );
    // The exit status is the same if the reader stops early. The first checks find no problem.
    let line = "exec 3>&1; { \"$0\" \"$@\"; echo $? >&3; } | true";
    let mut shell = fixture.wrapped(&["bash", "-c", line], "command");
    assert_eq!(Outcome::of(shell.args(doctor)).out, "1\n");
    let commands = fixture.fill(b"ON") + 2;
    let full = format!("{commands} messages are waiting; it is full, none was ever received");
    let findings = [
        ("-", "queue", &*full),
        ("-", "line", "the controller that runs knows its line"),
        ("FAIL", "controller", &command),
    ];
    assert_findings(&fixture.command(&doctor), &findings);
}

#[test]
fn nothing_is_sent_to_a_queue_of_another_program() {
    let fixture = Fixture::new();
    let queue = Queue::create(fixture.key, Mode::new(0o600).unwrap()).unwrap();
    let findings = [
        ("ok", "send", "permitted"),
        ("FAIL", "receive", "there is no reply queue"),
        ("-", "controller", "it cannot be asked"),
    ];
    assert_findings(&fixture.command(&["doctor"]), &findings);
    assert_eq!(queue.status().unwrap().messages, 0);
}

#[test]
#[ignore = "needs root"]
fn a_user_without_permission_gets_the_advice_that_fits_group_and_mode() {
    let join =
        "54321 is not in group daemon (1): run \"sudo usermod -aG daemon $USER\" and log in again";
    let mode = "its mode does not permit its group";
    let root =
        "run this as root, or restart the controller with --group GROUP, of which you are a member";
    for (options, cause, advice) in [
        (["--group", "daemon"], "group", join),
        (["--mode", "0600"], "send", mode),
        (["--group", "root"], "group", root),
    ] {
        let fixture = Fixture::new();
        let _controller = fixture.controller(&options);
        let doctor = fixture.command_as(OTHER_USER, &["doctor"]);
        // One cause is one problem.
        let findings = [
            ("FAIL", cause, advice),
            ("-", "receive", "as for send"),
            ("-", "controller", "it cannot be asked"),
            ("-", "line", "the controller that runs knows its line"),
        ];
        assert_findings(&doctor, &findings);
        assert!(doctor.err.contains(": 1 problem found"), "{doctor:?}");
    }
}
