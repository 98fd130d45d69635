//! Stale queues, and how they are distinguished from those of other programs.

use std::process::Command;

use shared::{Access, Mode, Permissions, Queue};
use testing::{Fixture, Outcome, Running, remove_queue};

use crate::interop::c;

#[test]
fn stale_queues_are_replaced_and_their_commands_are_not_applied() {
    let fixture = Fixture::new();
    let killed = fixture.controller(&[]);
    killed.stop();
    fixture.send(1, b"ON");
    fixture.send(1, b"TOGGLE\n");
    killed.kill();
    let controller = Running::start(&mut fixture.simulated(&[]));
    controller.wait_for_log(&format!("removing stale queue {}", fixture.key));
    for message in ["type 1, 2 bytes, \"ON\"", r#"type 1, 7 bytes, "TOGGLE\n""#] {
        let line = controller.wait_for_log("not applied");
        assert!(line.contains(message), "{line}");
    }
    controller.wait_for_log("ready");
    fixture.assert_led("off");
}

#[test]
fn turn_off_removes_stale_queues_and_no_others() {
    let fixture = Fixture::new();
    let turn_off = || Outcome::of(&mut fixture.simulated(&["--turn-off"]));
    let killed = fixture.controller(&[]);
    let held = format!("(PID {}) uses key {}", killed.pid(), fixture.key);
    turn_off().assert_failed(1, &[&held]);
    assert!(!fixture.has_no_queues());
    killed.stop();
    fixture.send(1, b"ON");
    killed.kill();
    let turned_off = turn_off();
    turned_off.assert_code(0);
    turned_off.assert_logged(&["not applied", "\"ON\""]);
    assert!(fixture.has_no_queues());
    assert_eq!(turn_off().err, "");
}

#[test]
fn a_closed_queue_of_a_controller_killed_at_its_end_is_removed() {
    let fixture = Fixture::new();
    let killed = fixture.controller(&[]);
    killed.stop();
    fixture.queue().set_limit(0).unwrap();
    killed.kill();
    let next = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    fixture.terminate(next);
}

#[test]
#[ignore = "needs strace"]
fn a_queue_of_a_controller_killed_at_its_start_is_removed() {
    let fixture = Fixture::new();
    // The first such call follows the creation of the first queue. No controller has run here before: only the lock shows
    // that this one did.
    let kill = "--inject=msgctl:signal=KILL:when=1";
    let strace = ["strace", "-f", "--trace=msgctl", kill, "--output=/dev/null"];
    let killed = Outcome::of(&mut fixture.wrapped(&strace, "controller"));
    assert_ne!(killed.code, Some(0));
    let commands = Queue::open(fixture.key, Access::Find).unwrap();
    let mode = commands.status().unwrap().permissions.mode;
    assert_eq!(mode, Mode::CLOSED);
    // A controller with another lock directory does not remove it: the queue may be in creation.
    let other = Fixture::new();
    let mut second = fixture.simulated(&[]);
    second.env("LED_LOCK_DIRECTORY", other.path());
    Outcome::of(&mut second).assert_failed(78, &["was created by user"]);
    let controller = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    assert!(commands.status().is_err());
    fixture.terminate(controller);
}

#[test]
fn a_queue_in_the_place_of_a_removed_one_is_not_removed() {
    let fixture = Fixture::new();
    let textbook = c(&fixture, "textbook_controller");
    fixture.controller(&[]).kill();
    remove_queue(fixture.key);
    let server = Running::start(&mut Command::new(textbook));
    assert_eq!(server.line(), "ready");
    let created = format!("queue {} was created by user", fixture.key);
    let turned_off = Outcome::of(&mut fixture.simulated(&["--turn-off"]));
    turned_off.assert_code(0);
    turned_off.assert_logged(&[&created, "not removed"]);
    // Nor while the reply queue of the controller that was killed is still there.
    Outcome::of(&mut fixture.simulated(&[])).assert_failed(78, &[&created]);
    fixture.send(1, b"ON\0");
    assert_eq!(server.line(), "LED on");
    fixture.send(2, b"");
    fixture.assert_clean_end(server);
}

#[test]
fn a_queue_of_a_controller_killed_while_it_created_it_again_is_removed() {
    let fixture = Fixture::new();
    fixture.controller(&[]).kill();
    remove_queue(fixture.key);
    // Only the reply queue is recorded.
    let commands = Queue::create(fixture.key, Mode::CLOSED).unwrap();
    let next = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    assert!(commands.status().is_err());
    fixture.terminate(next);
}

#[test]
fn a_closed_queue_of_another_program_is_not_removed() {
    let fixture = Fixture::new();
    fixture.terminate(fixture.controller(&[]));
    let foreign = Queue::create(fixture.key, Mode::CLOSED).unwrap();
    // Root may send to any queue. For other users it was closed after the message.
    let set_mode = |mode| {
        let before = foreign.status().unwrap().permissions;
        let permissions = Permissions { mode, ..before };
        foreign.set_permissions(permissions).unwrap();
    };
    set_mode(Mode::new(0o600).unwrap());
    fixture.send(1, b"other");
    set_mode(Mode::CLOSED);
    let created = format!("queue {} was created by user", fixture.key);
    Outcome::of(&mut fixture.simulated(&[])).assert_failed(78, &[&created]);
    assert_eq!(foreign.status().unwrap().messages, 1);
}
