//! Stale queues, and how they are distinguished from those of other programs.

use std::{fs, process::Command};

use shared::{Access, Queue};
use testing::{Fixture, Outcome, Running, Signal};

#[test]
fn stale_queues_are_replaced_and_their_commands_are_not_applied() {
    let fixture = Fixture::new();
    let killed = fixture.controller(&[]);
    killed.stop();
    fixture.send(1, b"ON");
    fixture.send(1, b"TOGGLE\n");
    killed.kill();
    let controller = Running::start(fixture.program("controller", None).arg("--simulate"));
    controller.wait_for_log(&format!("removing stale queue {}", fixture.key));
    assert!(
        controller
            .wait_for_log("not applied")
            .contains("type 1, 2 bytes, \"ON\"")
    );
    assert!(
        controller
            .wait_for_log("not applied")
            .contains(r#"type 1, 7 bytes, "TOGGLE\n""#)
    );
    controller.wait_for_log("ready");
    fixture.assert_led("off");
}

#[test]
fn turn_off_removes_stale_queues_and_no_others() {
    let fixture = Fixture::new();
    let turn_off = || {
        let outcome = fixture
            .program("controller", None)
            .args(["--simulate", "--turn-off"])
            .output()
            .unwrap();
        Outcome::from(outcome)
    };
    let killed = fixture.controller(&[]);
    turn_off().assert_failed(
        1,
        &[&format!("(PID {}) uses key {}", killed.pid(), fixture.key)],
    );
    assert!(!fixture.has_no_queues());
    killed.stop();
    fixture.send(1, b"ON");
    killed.kill();
    let outcome = turn_off();
    assert_eq!(outcome.code, Some(0));
    assert!(
        outcome.err.contains("not applied") && outcome.err.contains("\"ON\""),
        "{}",
        outcome.err
    );
    assert!(fixture.has_no_queues());
    assert_eq!(turn_off().err, "");
}

#[test]
fn a_closed_queue_of_a_controller_killed_at_its_end_is_removed() {
    let fixture = Fixture::new();
    let killed = fixture.controller(&[]);
    killed.stop();
    // As if it had been created an hour before, and closed now.
    let record = fixture.lock_file("record");
    let text = fs::read_to_string(&record).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("created "))
        .unwrap();
    let created: u64 = line["created ".len()..].parse().unwrap();
    fs::write(
        &record,
        text.replace(line, &format!("created {}", created - 3600)),
    )
    .unwrap();
    fixture.queue().set_limit(0).unwrap();
    killed.kill();
    let next = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    next.signal(Signal::TERM);
    assert!(next.wait().0.success() && fixture.has_no_queues());
}

#[test]
#[ignore = "needs strace"]
fn a_queue_of_a_controller_killed_at_its_start_is_removed() {
    let fixture = Fixture::new();
    let program = fixture.program("controller", None);
    let mut strace = Command::new("strace");
    // The first such call follows the creation of the first queue. No controller has run here before: only the lock shows
    // that this one did.
    strace.args([
        "-f",
        "-e",
        "trace=msgctl",
        "-e",
        "inject=msgctl:signal=KILL:when=1",
        "-o",
        "/dev/null",
    ]);
    strace
        .arg(program.get_program())
        .args(program.get_args())
        .arg("--simulate");
    let killed = strace
        .env("LED_LOCK_DIRECTORY", fixture.path())
        .output()
        .unwrap();
    assert!(!killed.status.success());
    let commands = Queue::open(fixture.key, Access::Find).unwrap();
    assert_eq!(
        commands.status().unwrap().permissions.mode,
        shared::Mode::CLOSED
    );
    // A controller with another lock directory does not remove it: the queue may be in creation.
    let other = Fixture::new();
    let mut second = fixture.program("controller", None);
    let refused = second
        .arg("--simulate")
        .env("LED_LOCK_DIRECTORY", other.path())
        .output()
        .unwrap();
    Outcome::from(refused).assert_failed(78, &["was created by user"]);
    let controller = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    assert!(commands.status().is_err());
    controller.signal(Signal::TERM);
    assert!(controller.wait().0.success() && fixture.has_no_queues());
}

#[test]
fn a_closed_queue_of_another_program_is_not_removed() {
    let fixture = Fixture::new();
    let ended = fixture.controller(&[]);
    ended.signal(Signal::TERM);
    assert!(ended.wait().0.success());
    let foreign = Queue::create(fixture.key, shared::Mode::CLOSED).unwrap();
    // Root may send to any queue. For other users it was closed after the message.
    foreign
        .set_permissions(shared::Permissions {
            mode: shared::Mode::new(0o600).unwrap(),
            ..foreign.status().unwrap().permissions
        })
        .unwrap();
    fixture.send(1, b"other");
    foreign
        .set_permissions(shared::Permissions {
            mode: shared::Mode::CLOSED,
            ..foreign.status().unwrap().permissions
        })
        .unwrap();
    let refused = fixture
        .program("controller", None)
        .arg("--simulate")
        .output()
        .unwrap();
    Outcome::from(refused)
        .assert_failed(78, &[&format!("queue {} was created by user", fixture.key)]);
    assert_eq!(foreign.status().unwrap().messages, 1);
}
