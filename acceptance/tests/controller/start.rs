//! The start, beside queues, locks and records that others left.

use std::{fs, path::Path, process::Command, time::Duration};

use shared::{Access, Message, MessageType, Mode, Queue};
use testing::{Fixture, Outcome, Running, Signal, wait_until};

use super::ask;

/// A controller with its lock and record in this directory.
fn start_in(fixture: &Fixture, directory: &Path) -> Running {
    let mut controller = fixture.simulated(&[]);
    Running::start(controller.env("LED_LOCK_DIRECTORY", directory)).when_ready()
}

fn turn_off(fixture: &Fixture) -> Outcome {
    Outcome::of(&mut fixture.simulated(&["--turn-off"]))
}

#[test]
fn queues_whose_record_is_lost_are_stale_after_a_kill() {
    let fixture = Fixture::new();
    for is_turned_off in [false, true] {
        // A cleaner, or a logout, removes all in it.
        let lost = tempfile::tempdir().unwrap();
        let killed = start_in(&fixture, lost.path());
        assert_eq!(ask(&fixture, "ON"), "OK ON");
        drop(lost);
        killed.kill();
        if is_turned_off {
            let outcome = turn_off(&fixture);
            assert_eq!(outcome.code, Some(0));
            let removed = outcome.err.matches("its controller was killed").count();
            assert_eq!(removed, 2, "{}", outcome.err);
        } else {
            let controller = fixture.controller(&[]);
            controller.signal(Signal::TERM);
            controller.wait().assert_code(0);
        }
        assert!(fixture.has_no_queues());
    }
}

#[test]
fn a_controller_that_was_killed_before_the_first_command_is_recognized_too() {
    let fixture = Fixture::new();
    let lost = tempfile::tempdir().unwrap();
    let killed = start_in(&fixture, lost.path());
    let (_, replies) = Queue::find(fixture.key.reply()).unwrap().unwrap();
    assert_eq!(replies.last_sender, Some(killed.pid()));
    drop(lost);
    killed.kill();
    let controller = fixture.controller(&[]);
    assert_eq!(ask(&fixture, "STATUS"), "OK OFF");
    drop(controller);
}

#[test]
fn a_controller_whose_record_is_lost_is_not_disturbed_while_it_lives() {
    let fixture = Fixture::new();
    let lost = tempfile::tempdir().unwrap();
    let _controller = start_in(&fixture, lost.path());
    drop(lost);
    Outcome::of(&mut fixture.simulated(&[])).assert_failed(78, &["was created by user"]);
    let outcome = turn_off(&fixture);
    assert!(
        outcome.code == Some(0) && outcome.err.contains("not removed"),
        "{outcome:?}"
    );
    assert_eq!(ask(&fixture, "STATUS"), "OK OFF");
}

#[test]
#[ignore = "needs root"]
fn a_record_in_another_directory_of_the_user_is_found() {
    let fixture = Fixture::new();
    let user = 54_327;
    let start = |in_own: bool| {
        let mut program = fixture.program("controller", Some(user));
        program.arg("--simulate");
        if in_own {
            program.env_remove("LED_LOCK_DIRECTORY");
        }
        program
    };
    let killed = Running::start(&mut start(true));
    killed.wait_for_log("ready");
    // Its record has more than its PID.
    let second = Outcome::of(&mut start(false));
    let held = format!(
        "another controller (PID {}) uses key {}",
        killed.pid(),
        fixture.key
    );
    second.assert_failed(1, &[&held]);
    killed.kill();
    let next = Running::start(&mut start(false));
    next.wait_for_log("its controller was killed");
    next.wait_for_log("ready");
    drop(next);
    fs::remove_dir_all(format!("/tmp/led-controller-{user}")).unwrap();
}

#[test]
fn a_start_waits_for_a_controller_that_ends() {
    let fixture = Fixture::new();
    for _ in 0..20 {
        let ending = fixture.controller(&[]);
        fixture.send(2, b"");
        wait_until("its queue is gone", || {
            Queue::open(fixture.key, Access::Find).is_err()
        });
        let next = fixture.controller(&[]);
        ending.wait().assert_code(0);
        next.signal(Signal::TERM);
        next.wait().assert_code(0);
    }
}

fn wait_until_old(queue: &Queue) {
    wait_until("it is older than ten seconds", || {
        let changed = queue.status().unwrap().last_changed.unwrap();
        changed
            .elapsed()
            .is_ok_and(|age| age > Duration::from_secs(11))
    });
}

#[test]
#[ignore = "needs root"]
fn reclaim_takes_an_old_queue_of_root_and_logs_what_was_in_it() {
    let fixture = Fixture::new();
    let reclaim = || Outcome::of(fixture.program("controller", None).arg("--reclaim"));
    // A textbook's client, run once. The sender must be gone.
    let queue = Queue::create(fixture.key, Mode::new(0o666).unwrap()).unwrap();
    let mut sender = Command::new("perl");
    sender.args([
        "-e",
        "msgsnd($ARGV[0], pack('l! a*', 1, 'SHINE'), 0) or die",
    ]);
    let sent = sender.arg(queue.id().to_string()).status().unwrap();
    assert!(sent.success());
    reclaim().assert_failed(78, &["was created by user root (0)"]);
    wait_until_old(&queue);
    let outcome = reclaim();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    for part in ["removing it", "not applied", "type 1, 5 bytes, \"SHINE\""] {
        assert!(
            outcome.err.contains(part),
            "{part:?} is not in {}",
            outcome.err
        );
    }
    assert!(queue.status().is_err());
    // Nobody was killed: the service did not come to use the queues.
    let outcome = turn_off(&fixture);
    assert!(!outcome.err.contains("killed"), "{}", outcome.err);
    assert_eq!(outcome.err.matches("which was not used").count(), 2);
    assert!(fixture.has_no_queues());
    // A living process of root has used it.
    let queue = Queue::create(fixture.key, Mode::new(0o666).unwrap()).unwrap();
    let message: Message = Message::new(MessageType::LED, b"SHINE").unwrap();
    queue.try_send(&message).unwrap();
    wait_until_old(&queue);
    reclaim().assert_failed(78, &["was created by user root (0)", "last used by"]);
    assert_eq!(queue.status().unwrap().messages, 1);
}
