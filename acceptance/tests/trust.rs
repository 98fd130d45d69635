//! Other users, and controllers on neighbouring keys, cannot mislead the controller or a client.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use shared::{Access, Key, Mode, Queue};
use testing::{
    Fixture, OTHER_USER, Outcome, Running, SetOnDrop, Signal, THIRD_USER, as_user, wait_until,
};

/// Creates queues under these keys whenever there are none, until `is_over`, and removes them.
fn create_repeatedly(keys: [Key; 2], is_over: &AtomicBool) {
    let (mode, mut queues) = (Mode::new(0o666).unwrap(), Vec::new());
    while !is_over.load(Ordering::Relaxed) {
        queues.extend(keys.iter().filter_map(|&key| Queue::create(key, mode).ok()));
    }
}

#[test]
#[ignore = "needs root"]
fn another_user_cannot_take_the_lock() {
    let fixture = Fixture::new();
    // As the directory of the service.
    fs::set_permissions(
        fixture.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let killed = fixture.controller(&[]);
    let lock = fixture.lock_file("lock");
    let take = "while :; do flock --shared \"$0\" sleep 60 2>/dev/null; done";
    let mut locker = Command::new("bash");
    locker
        .args(["-c", take])
        .arg(&lock)
        .uid(OTHER_USER)
        .gid(OTHER_USER)
        .stdout(Stdio::null())
        .process_group(0);
    let locker = Running::start_silent(&mut locker);
    killed.kill();
    let controller = fixture.controller(&[]);
    fixture.assert_led("off");
    controller.kill();
    let turned_off = Outcome::of(
        fixture
            .program("controller", None)
            .args(["--simulate", "--turn-off"]),
    );
    assert_eq!(turned_off.code, Some(0), "{turned_off:?}");
    assert!(fixture.has_no_queues());
    drop(locker);
}

#[test]
#[ignore = "needs root"]
fn nothing_is_sent_to_a_queue_of_an_untrusted_user() {
    let fixture = Fixture::new();
    let controller = fixture.program("controller", Some(OTHER_USER));
    let mut controller = Command::new(controller.get_program());
    fixture.configure(&mut controller);
    let controller = Running::start(
        controller
            .args(["--simulate", "--mode", "0666"])
            .uid(OTHER_USER)
            .gid(OTHER_USER),
    );
    controller.wait_for_log("ready");
    let created = format!(
        "queue {} was created by user {OTHER_USER}, who is not trusted; nothing was sent",
        fixture.key
    );
    let next = format!(
        "\"sudo ipcrm -Q {}\", or trust that user with --owner {OTHER_USER}",
        fixture.key
    );
    for user in [None, Some(THIRD_USER)] {
        for verb in [
            &["on"][..],
            &["off"],
            &["toggle"],
            &["blink"],
            &["exit"],
            &["on", "--no-wait"],
        ] {
            Outcome::of(fixture.program("command", user).args(verb))
                .assert_failed(4, &[&created, &next]);
        }
        let status = Outcome::of(fixture.program("command", user).arg("status"));
        status.assert_failed_after(4, "no reply (queue", &[&created]);
        Outcome::of(fixture.program("command", user).args(["status", "--watch"]))
            .assert_failed(4, &[&created]);
        let doctor = Outcome::of(fixture.program("command", user).arg("doctor"));
        assert!(
            doctor.code == Some(1) && doctor.out.contains(&format!("FAIL queue       {created}")),
            "{doctor:?}"
        );
    }
    let status = Queue::open(fixture.key, Access::Find)
        .unwrap()
        .status()
        .unwrap();
    assert_eq!(status.last_sender, None);
    // Users who trust each other, and the other user itself.
    for (user, owner) in [
        (None, Some(OTHER_USER)),
        (Some(THIRD_USER), Some(OTHER_USER)),
        (Some(OTHER_USER), None),
    ] {
        let mut client = fixture.program("command", user);
        client.args(owner.map(|owner| format!("--owner={owner}")));
        Outcome::of(client.arg("on")).assert_printed("on");
    }
    let unknown = fixture.command(&["on", "--owner", "no-such-user"]);
    unknown.assert_failed(2, &["there is no user no-such-user"]);
}

#[test]
#[ignore = "needs root"]
fn a_reply_queue_of_an_untrusted_user_is_not_used() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let key = fixture.key.reply();
    Queue::open(key, Access::Find).unwrap().remove().unwrap();
    as_user(OTHER_USER, || {
        std::mem::forget(Queue::create(key, Mode::new(0o744).unwrap()).unwrap())
    });
    for arguments in [&["on"][..], &["on", "--no-wait"]] {
        fixture.command(arguments).assert_failed(
            4,
            &[&format!("queue {key} was created by user {OTHER_USER}")],
        );
    }
    assert_eq!(fixture.queue().status().unwrap().messages, 0);
}

#[test]
#[ignore = "needs root"]
fn a_sent_command_is_not_reported_as_unsent_when_the_queue_becomes_untrusted() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let client =
        Running::start(
            fixture
                .program("command", None)
                .args(["toggle", "--timeout", "60s"]),
        );
    wait_until("the client has sent its command", || {
        fixture.queue().status().unwrap().messages == 1
    });
    client.stop();
    let key = fixture.key.reply();
    Queue::open(key, Access::Find).unwrap().remove().unwrap();
    as_user(OTHER_USER, || {
        std::mem::forget(Queue::create(key, Mode::new(0o744).unwrap()).unwrap())
    });
    client.signal(Signal::CONT);
    client.wait_for_log("the reply was lost, and the command may have been applied");
    assert_eq!(client.wait().0.code(), Some(5));
}

#[test]
#[ignore = "needs root"]
fn a_user_who_creates_the_queue_repeatedly_does_not_keep_the_service_from_its_key() {
    let fixture = Fixture::new();
    let keys = [fixture.key, fixture.key.reply()];
    let is_over = AtomicBool::new(false);
    thread::scope(|threads| {
        let _end = SetOnDrop(&is_over);
        threads.spawn(|| as_user(OTHER_USER, || create_repeatedly(keys, &is_over)));
        let find = |key| Queue::open(key, Access::Find);
        wait_until("the other user has created both queues", || {
            keys.iter().all(|&key| find(key).is_ok())
        });
        let refused = Outcome::of(fixture.program("controller", None).arg("--simulate"));
        refused.assert_failed(78, &[&format!("was created by user {OTHER_USER}")]);
        let reclaimed = Outcome::of(fixture.program("controller", None).arg("--reclaim"));
        assert_eq!(reclaimed.code, Some(0), "{reclaimed:?}");
        assert!(
            reclaimed.err.contains(&format!("user {OTHER_USER}"))
                && reclaimed.err.contains("removing it")
        );
        let controller = fixture.controller(&[]);
        fixture.command(&["on"]).assert_printed("on");
        assert_eq!(controller.line(), "LED on");
        is_over.store(true, Ordering::Relaxed);
        fixture.command(&["exit"]).assert_printed("ended");
    });
}

#[test]
#[ignore = "needs root"]
fn reclaim_needs_root_and_removes_only_queues_of_other_users() {
    let fixture = Fixture::new();
    Outcome::of(
        fixture
            .program("controller", Some(OTHER_USER))
            .arg("--reclaim"),
    )
    .assert_failed(78, &["run it as root"]);
    let queue = Queue::create(fixture.key, Mode::new(0o600).unwrap()).unwrap();
    Outcome::of(fixture.program("controller", None).arg("--reclaim"))
        .assert_failed(78, &["was created by user root (0)"]);
    assert!(queue.status().is_ok());
    drop(queue);
    // Also not from a controller that runs.
    let controller = fixture.controller(&[]);
    Outcome::of(fixture.program("controller", None).arg("--reclaim"))
        .assert_failed(1, &[&format!("PID {}", controller.pid())]);
    fixture.assert_led("off");
}

#[test]
#[ignore = "needs root"]
fn a_controller_does_not_remove_the_reply_queue_of_another_user() {
    let other = Fixture::new();
    let mut controller = other.program("controller", Some(OTHER_USER));
    let controller = Running::start(controller.arg("--simulate"));
    controller.wait_for_log("ready");
    let fixture = Fixture::new();
    let mut neighbour = fixture.program("controller", None);
    neighbour.args(["--simulate", "--key", &other.key.reply().to_string()]);
    Outcome::of(&mut neighbour).assert_failed(
        78,
        &[&format!(
            "queue {} was created by user {OTHER_USER}",
            other.key.reply()
        )],
    );
    Outcome::of(
        other
            .program("command", None)
            .args(["on", "--owner", &OTHER_USER.to_string()]),
    )
    .assert_printed("on");
}

#[test]
#[ignore = "needs root"]
fn root_ignores_a_record_about_a_queue_that_its_writer_did_not_create() {
    let fixture = Fixture::new();
    chown(fixture.path(), Some(OTHER_USER), Some(OTHER_USER)).unwrap();
    let queue = Queue::create(fixture.key, Mode::new(0o600).unwrap()).unwrap();
    let record = fixture.lock_file("record");
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs();
    fs::write(
        &record,
        format!(
            "pid 1\npid_namespace 1\nqueue {}\ncreated {now}\ncreator 0\n",
            queue.id()
        ),
    )
    .unwrap();
    chown(&record, Some(OTHER_USER), Some(OTHER_USER)).unwrap();
    // Also not after root has written the record.
    for _ in 0..2 {
        for option in ["--reclaim", "--simulate"] {
            Outcome::of(fixture.program("controller", None).arg(option))
                .assert_failed(78, &["was created by user root (0)"]);
        }
    }
    assert!(queue.status().is_ok());
    // A file of another user does not become the lock: root would give it away.
    let other = Fixture::new();
    chown(other.path(), Some(OTHER_USER), Some(OTHER_USER)).unwrap();
    fs::write(other.lock_file("lock"), "secret").unwrap();
    let controller = Running::start(other.program("controller", None).arg("--simulate"));
    controller.wait_for_log("no lock for key");
    assert_eq!(
        std::os::unix::fs::MetadataExt::uid(&fs::metadata(other.lock_file("lock")).unwrap()),
        0
    );
}
