//! Two controllers with one key, and locks that are not available.

use std::{
    fs::{self, File},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use shared::account::{User, own_user};
use testing::{Fixture, Outcome, Running, SetOnDrop, rounds, wait_until};

#[test]
fn a_second_controller_ends_and_names_the_first_one() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let second = fixture
        .program("controller", None)
        .arg("--simulate")
        .output()
        .unwrap();
    Outcome::from(second).assert_failed(
        1,
        &[&format!(
            "(PID {}) uses key {}",
            controller.pid(),
            fixture.key
        )],
    );
    fixture.command(&["on"]).assert_printed("on");
}

#[test]
fn of_two_controllers_started_together_exactly_one_serves() {
    for _ in 0..100 {
        let fixture = Fixture::new();
        let start = || Running::start(fixture.program("controller", None).arg("--simulate"));
        let mut both = [start(), start()];
        let mut loser = None;
        wait_until("one of the two ends", || {
            loser = both
                .iter_mut()
                .position(|controller| !controller.is_running());
            loser.is_some()
        });
        let [first, second] = both;
        let (loser, mut winner) = if loser == Some(0) {
            (first, second)
        } else {
            (second, first)
        };
        let (status, _, log) = loser.wait();
        assert_eq!(status.code(), Some(1));
        assert!(log.concat().contains("another controller"), "{log:?}");
        winner.wait_for_log("ready");
        fixture.command(&["on"]).assert_printed("on");
        assert!(winner.is_running());
    }
}

#[test]
fn two_controllers_with_different_lock_directories_do_not_disturb_each_other() {
    let (fixture, other) = (Fixture::new(), Fixture::new());
    let controller = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    let mut second = fixture.program("controller", None);
    let outcome = second
        .arg("--simulate")
        .env("LED_LOCK_DIRECTORY", other.path())
        .output()
        .unwrap();
    let (pid, key) = (controller.pid(), fixture.key);
    Outcome::from(outcome).assert_failed(
        78,
        &[
            &format!(
                "queue {key} was created by user {}, last used by controller (PID {pid})",
                User(own_user())
            ),
            &format!("\"sudo ipcrm -Q {key}\" removes the queue"),
        ],
    );
    fixture.assert_led("on");
    drop(controller);
}

#[test]
fn a_controller_on_the_key_of_a_reply_queue_ends() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let mut neighbour = fixture.program("controller", None);
    neighbour.args(["--simulate", "--key", &fixture.key.reply().to_string()]);
    let held = format!("uses key {}", fixture.key.reply());
    Outcome::from(neighbour.output().unwrap()).assert_failed(1, &[&held, "choose another --key"]);
    fixture.command(&["on"]).assert_printed("on");
}

#[test]
fn a_lock_that_is_a_link_is_not_followed() {
    let fixture = Fixture::new();
    let precious = fixture.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    let lock = fixture.lock_file("lock");
    let assert_serves_without_lock = || {
        let controller = Running::start(fixture.program("controller", None).arg("--simulate"));
        assert!(
            controller
                .wait_for_log("no lock for key")
                .contains(lock.to_str().unwrap())
        );
        controller.wait_for_log("ready");
        fixture.command(&["exit"]).assert_printed("ended");
        assert!(controller.wait().0.success());
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
        fs::remove_file(&lock).unwrap();
    };
    std::os::unix::fs::symlink(&precious, &lock).unwrap();
    assert_serves_without_lock();
    fs::hard_link(&precious, &lock).unwrap();
    assert_serves_without_lock();
}

#[test]
fn it_serves_without_a_lock_if_the_directory_is_not_writable() {
    let fixture = Fixture::new();
    let start = || {
        let mut controller = fixture.program("controller", None);
        Running::start(
            controller
                .arg("--simulate")
                .env("LED_LOCK_DIRECTORY", "/proc/self"),
        )
    };
    let controller = start();
    assert!(
        controller
            .wait_for_log("no lock for key")
            .contains("/proc/self/")
    );
    controller.wait_for_log("ready");
    fixture.command(&["on"]).assert_printed("on");
    // The kernel prevents that a second controller creates the queues, and the second one removes no queue that it did not
    // create.
    let (status, _, log) = start().wait();
    assert_eq!(status.code(), Some(78), "{log:?}");
    assert!(
        log.last()
            .unwrap()
            .contains(&format!("queue {} was created by user", fixture.key)),
        "{log:?}"
    );
    fixture.assert_led("on");
    fixture.command(&["exit"]).assert_printed("ended");
    assert!(controller.wait().0.success());
    assert!(fixture.has_no_queues());
}

/// The list of all locks is not read atomically.
#[test]
fn locks_of_other_programs_do_not_hide_the_one_of_a_controller() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let file = |number: usize| File::create(fixture.path().join(number.to_string())).unwrap();
    let held: Vec<File> = (0..300).map(file).collect();
    held.iter().for_each(|file| file.lock().unwrap());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = SetOnDrop(&done);
        for held in held.chunks(150) {
            scope.spawn(|| {
                for file in held.iter().cycle() {
                    file.unlock().unwrap();
                    file.lock().unwrap();
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        for _ in 0..rounds(300, 5000) {
            let status = fixture.command(&["status"]).out;
            let served = format!("; served by {})\n", controller.pid());
            assert!(status.ends_with(&served), "{status}");
        }
    });
}
