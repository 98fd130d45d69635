//! Other users, and controllers on neighbouring keys, cannot mislead the controller or a client.

use std::{
    fs::{self, Permissions},
    mem,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::SystemTime,
};

use shared::{Access, Key, Mode, Queue};
use testing::{
    Fixture, OTHER_USER, Outcome, Running, SetOnDrop, Signal, THIRD_USER, as_user, remove_queue,
    wait_until,
};

/// Creates queues under these keys whenever there are none, until `is_over`, and removes them.
fn create_repeatedly(keys: [Key; 2], is_over: &AtomicBool) {
    let (mode, mut queues) = (Mode::new(0o666).unwrap(), Vec::new());
    while !is_over.load(Ordering::Relaxed) {
        queues.extend(keys.iter().filter_map(|&key| Queue::create(key, mode).ok()));
    }
}

/// Replaces the reply queue by one of another user.
fn replace_replies(fixture: &Fixture) {
    let (key, mode) = (fixture.key.reply(), Mode::new(0o744).unwrap());
    remove_queue(key);
    as_user(OTHER_USER, || {
        mem::forget(Queue::create(key, mode).unwrap());
    });
}

#[test]
#[ignore = "needs root"]
fn another_user_cannot_take_the_lock() {
    let fixture = Fixture::new();
    // As the directory of the service.
    fs::set_permissions(fixture.path(), Permissions::from_mode(0o755)).unwrap();
    let killed = fixture.controller(&[]);
    let take = "while :; do flock --shared \"$0\" sleep 60 2>/dev/null; done";
    let mut locker = Command::new("bash");
    locker
        .args(["-c", take])
        .arg(fixture.lock_file("lock"))
        .uid(OTHER_USER)
        .gid(OTHER_USER)
        .process_group(0);
    let _locker = Running::start_silent(&mut locker);
    killed.kill();
    let controller = fixture.controller(&[]);
    fixture.assert_led("off");
    controller.kill();
    Outcome::of(&mut fixture.simulated(&["--turn-off"])).assert_code(0);
    assert!(fixture.has_no_queues());
}

#[test]
#[ignore = "needs root"]
fn nothing_is_sent_to_a_queue_of_an_untrusted_user() {
    let fixture = Fixture::new();
    let mut controller = fixture.program("controller", Some(OTHER_USER));
    controller.args(["--simulate", "--mode", "0666"]);
    let _controller = Running::start(&mut controller).when_ready();
    let key = fixture.key;
    let created = format!(
        "queue {key} was created by user {OTHER_USER}, who is not trusted; nothing was sent"
    );
    let next = format!("\"sudo ipcrm -Q {key}\", or trust that user with --owner {OTHER_USER}");
    for user in [0, THIRD_USER] {
        for arguments in [
            &["on"][..],
            &["off"],
            &["toggle"],
            &["blink"],
            &["exit"],
            &["on", "--no-wait"],
            &["status", "--watch"],
        ] {
            let refused = fixture.command_as(user, arguments);
            refused.assert_failed(4, &[&created, &next]);
        }
        let status = fixture.command_as(user, &["status"]);
        status.assert_failed_after(4, "no reply (queue", &[&created]);
        let doctor = fixture.command_as(user, &["doctor"]);
        doctor.assert_code(1);
        let problem = format!("FAIL queue       {created}");
        assert!(doctor.out.contains(&problem), "{doctor:?}");
    }
    let status = Queue::open(key, Access::Find).unwrap().status();
    assert_eq!(status.unwrap().last_sender, None);
    // Users who trust each other, and the other user itself.
    let owner = format!("--owner={OTHER_USER}");
    for (user, arguments) in [
        (0, &["on", &owner][..]),
        (THIRD_USER, &["on", &owner]),
        (OTHER_USER, &["on"]),
    ] {
        fixture.command_as(user, arguments).assert_printed("on");
    }
}

#[test]
#[ignore = "needs root"]
fn a_reply_queue_of_an_untrusted_user_is_not_used() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    replace_replies(&fixture);
    let reply = fixture.key.reply();
    let created = format!("queue {reply} was created by user {OTHER_USER}");
    for arguments in [&["on"][..], &["on", "--no-wait"]] {
        fixture.command(arguments).assert_failed(4, &[&created]);
    }
    assert_eq!(fixture.queue().status().unwrap().messages, 0);
}

#[test]
#[ignore = "needs root"]
fn a_sent_command_is_not_reported_as_unsent_when_the_queue_becomes_untrusted() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let client = fixture.client(&["toggle", "--timeout", "60s"]);
    fixture.wait_until_sent(1);
    client.stop();
    replace_replies(&fixture);
    client.signal(Signal::CONT);
    let lost = "the reply was lost, and the command may have been applied";
    client.wait().assert_failed(5, &[lost]);
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
        let created = format!("was created by user {OTHER_USER}");
        Outcome::of(&mut fixture.simulated(&[])).assert_failed(78, &[&created]);
        let reclaimed = Outcome::of(fixture.program("controller", None).arg("--reclaim"));
        reclaimed.assert_code(0);
        reclaimed.assert_logged(&[&format!("user {OTHER_USER}"), "removing it"]);
        let controller = fixture.controller(&[]);
        fixture.command(&["on"]).assert_printed("on");
        assert_eq!(controller.line(), "LED on");
        is_over.store(true, Ordering::Relaxed);
        fixture.command(&["exit"]).assert_printed("ended");
    });
}

#[test]
#[ignore = "needs root"]
fn a_controller_of_another_user_does_not_keep_the_service_from_its_key() {
    let fixture = Fixture::new();
    let mut controller = fixture.program("controller", Some(OTHER_USER));
    controller.args(["--simulate", "--mode", "0666"]);
    // Its lock and record are where root looks for those of this user.
    let controller = Running::start(controller.env_remove("LED_LOCK_DIRECTORY")).when_ready();
    let created = format!("was created by user {OTHER_USER}");
    Outcome::of(&mut fixture.simulated(&[])).assert_failed(78, &[&created]);
    let reclaimed = Outcome::of(fixture.program("controller", None).arg("--reclaim"));
    reclaimed.assert_code(0);
    reclaimed.assert_logged(&[&created, "removing it"]);
    let service = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    assert_eq!(service.line(), "LED on");
    drop(controller);
    for file in ["lock", "record"] {
        let name = fixture.lock_file(file);
        let own =
            Path::new(&format!("/tmp/led-controller-{OTHER_USER}")).join(name.file_name().unwrap());
        let _ = fs::remove_file(own);
    }
}

#[test]
#[ignore = "needs root"]
fn reclaim_needs_root_and_removes_only_queues_of_other_users() {
    let fixture = Fixture::new();
    let reclaim = |user| Outcome::of(fixture.program("controller", user).arg("--reclaim"));
    reclaim(Some(OTHER_USER)).assert_failed(78, &["run it as root"]);
    let queue = Queue::create(fixture.key, Mode::new(0o600).unwrap()).unwrap();
    reclaim(None).assert_failed(78, &["was created by user root (0)"]);
    assert!(queue.status().is_ok());
    drop(queue);
    // Also not from a controller that runs.
    let controller = fixture.controller(&[]);
    let runs = format!("PID {}", controller.pid());
    reclaim(None).assert_failed(1, &[&runs]);
    fixture.assert_led("off");
}

#[test]
#[ignore = "needs root"]
fn a_controller_does_not_remove_the_reply_queue_of_another_user() {
    let other = Fixture::new();
    let mut controller = other.program("controller", Some(OTHER_USER));
    let _controller = Running::start(controller.arg("--simulate")).when_ready();
    let reply = other.key.reply();
    let fixture = Fixture::new();
    let mut neighbour = fixture.simulated(&["--key", &reply.to_string()]);
    let created = format!("queue {reply} was created by user {OTHER_USER}");
    Outcome::of(&mut neighbour).assert_failed(78, &[&created]);
    let served = other.command(&["on", "--owner", &OTHER_USER.to_string()]);
    served.assert_printed("on");
}

#[test]
#[ignore = "needs root"]
fn root_ignores_a_record_about_a_queue_that_its_writer_did_not_create() {
    let fixture = Fixture::new();
    let give = |path| chown(path, Some(OTHER_USER), Some(OTHER_USER)).unwrap();
    give(fixture.path());
    let queue = Queue::create(fixture.key, Mode::new(0o600).unwrap()).unwrap();
    let record = fixture.lock_file("record");
    let (id, now) = (queue.id(), SystemTime::UNIX_EPOCH.elapsed().unwrap());
    let text = format!(
        "pid 1\npid_namespace 1\nqueue {id}\ncreated {}\ncreator 0\n",
        now.as_secs()
    );
    fs::write(&record, text).unwrap();
    give(&record);
    // Also not after root has written the record.
    for option in ["--reclaim", "--simulate", "--reclaim", "--simulate"] {
        let refused = Outcome::of(fixture.program("controller", None).arg(option));
        refused.assert_failed(78, &["was created by user root (0)"]);
    }
    assert!(queue.status().is_ok());
    // A file of another user does not become the lock: root would give it away.
    let other = Fixture::new();
    give(other.path());
    let lock = other.lock_file("lock");
    fs::write(&lock, "secret").unwrap();
    let controller = Running::start(&mut other.simulated(&[]));
    controller.wait_for_log("no lock for key");
    assert_eq!(fs::metadata(lock).unwrap().uid(), 0);
}
