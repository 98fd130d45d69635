//! Two controllers with one key, and locks that are not available.

use std::{
    fs::{self, File, hard_link},
    os::unix::fs::symlink,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use shared::account::{User, own_user};
use testing::{Fixture, Outcome, Running, SetOnDrop, rounds, wait_until};

#[test]
fn a_second_controller_on_one_of_its_keys_ends_and_names_the_first_one() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    for key in [fixture.key, fixture.key.reply()] {
        let mut second = fixture.simulated(&["--key", &key.to_string()]);
        let held = format!("(PID {}) uses key {key}", controller.pid());
        Outcome::of(&mut second).assert_failed(1, &[&held, "choose another --key"]);
    }
    fixture.command(&["on"]).assert_printed("on");
}

#[test]
fn of_two_controllers_started_together_exactly_one_serves() {
    for _ in 0..rounds(200, 1000) {
        let fixture = Fixture::new();
        let start = || Running::start(&mut fixture.simulated(&[]));
        let mut both = vec![start(), start()];
        let mut loser = None;
        wait_until("one of the two ends", || {
            loser = both.iter_mut().position(|one| !one.is_running());
            loser.is_some()
        });
        let loser = both.remove(loser.unwrap());
        loser.wait().assert_failed(1, &["another controller"]);
        let mut winner = both.remove(0).when_ready();
        fixture.command(&["on"]).assert_printed("on");
        assert!(winner.is_running());
    }
}

#[test]
fn two_controllers_with_different_lock_directories_do_not_disturb_each_other() {
    let (fixture, other) = (Fixture::new(), Fixture::new());
    let controller = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    let mut second = fixture.simulated(&[]);
    second.env("LED_LOCK_DIRECTORY", other.path());
    let (pid, key, user) = (controller.pid(), fixture.key, User(own_user()));
    let taken =
        format!("queue {key} was created by user {user}, last used by controller (PID {pid})");
    let advice = format!("; if it serves an LED, use \"led --key {key}\"; otherwise end it");
    let refused = Outcome::of(&mut second);
    refused.assert_failed(78, &[&taken, &advice]);
    assert!(!refused.err.contains("ipcrm"), "{refused:?}");
    fixture.assert_led("on");
}

#[test]
fn a_lock_that_is_a_link_is_not_followed() {
    let fixture = Fixture::new();
    let precious = fixture.write("precious", "precious");
    let lock = fixture.lock_file("lock");
    for is_symbolic in [true, false] {
        if is_symbolic {
            symlink(&precious, &lock).unwrap();
        } else {
            hard_link(&precious, &lock).unwrap();
        }
        let controller = Running::start(&mut fixture.simulated(&[]));
        let warning = controller.wait_for_log("no lock for key");
        assert!(warning.contains(lock.to_str().unwrap()), "{warning}");
        controller.wait_for_log("ready");
        fixture.exit(controller);
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
        fs::remove_file(&lock).unwrap();
    }
}

#[test]
fn it_serves_without_a_lock_if_the_directory_is_not_writable() {
    let fixture = Fixture::new();
    let start = || {
        let mut controller = fixture.simulated(&[]);
        Running::start(controller.env("LED_LOCK_DIRECTORY", "/proc/self"))
    };
    let controller = start();
    let warning = controller.wait_for_log("no lock for key");
    assert!(warning.contains("/proc/self/"), "{warning}");
    controller.wait_for_log("ready");
    fixture.command(&["on"]).assert_printed("on");
    // The kernel prevents that a second controller creates the queues, and the second one removes no queue that it did not
    // create.
    let created = format!("queue {} was created by user", fixture.key);
    start().wait().assert_failed(78, &[&created]);
    fixture.assert_led("on");
    fixture.exit(controller);
}

/// The list of all locks is not read atomically.
#[test]
fn locks_of_other_programs_do_not_hide_the_one_of_a_controller() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let served = format!("; served by {})\n", controller.pid());
    let file = |number: usize| File::create(fixture.path().join(number.to_string())).unwrap();
    let held: Vec<File> = (0..300).map(file).collect();
    held.iter().for_each(|file| file.lock().unwrap());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = SetOnDrop(&done);
        for held in held.chunks(150) {
            scope.spawn(|| {
                let mut held = held.iter().cycle();
                while !done.load(Ordering::Relaxed) {
                    let file = held.next().unwrap();
                    file.unlock().unwrap();
                    file.lock().unwrap();
                }
            });
        }
        for _ in 0..rounds(300, 5000) {
            let status = fixture.command(&["status"]).out;
            assert!(status.ends_with(&served), "{status}");
        }
    });
}
