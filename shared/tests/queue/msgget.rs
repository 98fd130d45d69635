//! Creating and finding queues.

use std::{
    env, fs,
    io::{self, Read},
    process::{self, Command, Stdio},
    thread,
};

use rustix::process::umask;
use shared::{Access, Key, Mode, Queue};
use testing::{Fixture, Running};

use crate::common::*;

// msgget01; msgget02: EEXIST, ENOENT.
#[test]
fn a_key_finds_its_queue_until_it_is_removed() {
    let key = key();
    assert_fails!(Queue::open(key, Access::Find), NotFound, ENOENT);
    let queue = Queue::create(key, MODE).unwrap();
    assert_fails!(Queue::create(key, MODE), Exists, EEXIST);
    assert_eq!(Queue::create_or_open(key, MODE).unwrap(), *queue);
    let opened = Queue::open(key, Access::SendAndReceive).unwrap();
    assert_eq!(opened, *queue);
    send(&opened, 1, b"ON");
    assert_eq!(drain(&queue), [(1, b"ON".to_vec())]);
    drop(queue);
    assert_fails!(Queue::open(key, Access::Find), NotFound, ENOENT);
}

// In the upper half the kernel sees a negative number.
#[test]
fn keys_of_both_halves_have_different_queues() {
    let lower = key();
    let upper = Key::new(lower.get() | 0x8000_0000).unwrap();
    for key in [lower, upper] {
        assert_fails!(Queue::open(key, Access::Find), NotFound, ENOENT);
    }
    let queues = [lower, upper].map(|key| Queue::create(key, MODE).unwrap());
    assert_ne!(*queues[0], *queues[1]);
    for (key, queue) in [lower, upper].into_iter().zip(queues) {
        assert_eq!(Queue::open(key, Access::Find).unwrap(), *queue);
        assert_fails!(Queue::create(key, MODE), Exists, EEXIST);
        send(&Queue::create_or_open(key, MODE).unwrap(), 1, b"ON");
        assert_eq!(drain(&queue), [(1, b"ON".to_vec())]);
    }
}

#[test]
fn an_old_identifier_does_not_find_a_new_queue() {
    let key = key();
    let before = *Queue::create(key, MODE).unwrap();
    let after = Queue::create(key, MODE).unwrap();
    assert_ne!(*after, before);
    assert_fails!(before.try_send(&message(1, b"ON")), Removed, EINVAL);
}

// msgget02: EACCES, for the owner, to whom mode 0 permits nothing.
#[test]
fn opening_needs_the_requested_permissions() {
    unprivileged(|| {
        let key = key();
        let queue = Queue::create(key, Mode::new(0).unwrap()).unwrap();
        assert_eq!(Queue::open(key, Access::Find).unwrap(), *queue);
        for access in [Access::Send, Access::Receive, Access::SendAndReceive] {
            assert_fails!(Queue::open(key, access), NotPermitted, EACCES);
        }
        assert_fails!(Queue::create_or_open(key, MODE), NotPermitted, EACCES);
        assert_fails!(Queue::create(key, MODE), Exists, EEXIST);
    });
}

#[test]
fn the_umask_does_not_change_the_mode() {
    // The umask is the whole process's, but no other test creates files.
    let before = umask(rustix::fs::Mode::from_raw_mode(0o777));
    let modes = [0, 0o240, 0o666, 0o777]
        .map(|bits| queue_with(bits).status().unwrap().permissions.mode.bits());
    umask(before);
    assert_eq!(modes, [0, 0o240, 0o666, 0o777]);
}

// msgget03.
#[test]
#[ignore = "needs root"]
fn no_queue_is_created_beyond_the_systems_limit() {
    in_new_ipc_namespace(|| {
        fs::write("/proc/sys/kernel/msgmni", "2").unwrap();
        let key = key();
        let first = Queue::create(key, MODE).unwrap();
        let _second = queue();
        assert_fails!(Queue::create(self::key(), MODE), NoSpace, ENOSPC);
        assert_fails!(Queue::create_or_open(self::key(), MODE), NoSpace, ENOSPC);
        assert_fails!(Queue::private(MODE), NoSpace, ENOSPC);
        assert_eq!(Queue::create_or_open(key, MODE).unwrap(), *first);
        drop(first);
        Queue::create(key, MODE).unwrap();
    });
}

#[test]
#[ignore = "needs root"]
fn the_first_queue_has_identifier_0_and_works_like_any_other() {
    in_new_ipc_namespace(|| {
        let key = key();
        let queue = Queue::create(key, Mode::new(0).unwrap()).unwrap();
        assert_eq!(queue.id(), 0);
        assert_eq!(Queue::open(key, Access::Find).unwrap(), Queue::from_id(0));
        send(&queue, 1, b"ON");
        assert_eq!(as_user(THIRD_USER, || queue.status()).unwrap().messages, 1);
        assert_eq!(drain(&queue), [(1, b"ON".to_vec())]);
        drop(queue);
        assert_fails!(Queue::from_id(0).status(), Removed, EINVAL);
    });
}

#[test]
#[ignore = "needs root"]
fn a_queue_of_another_user_is_opened_and_names_its_creator() {
    for (bits, may_use) in [(0o666, true), (0o600, false)] {
        let (key, mode) = (key(), Mode::new(bits).unwrap());
        let foreign = as_user(THIRD_USER, || Queue::create(key, mode).unwrap());
        as_user(USER, || {
            match Queue::create_or_open(key, MODE) {
                Ok(opened) if may_use => assert_eq!(opened, *foreign),
                refused => assert_fails!(refused, NotPermitted, EACCES),
            }
            let found = Queue::open(key, Access::Find).unwrap();
            assert_eq!(found, *foreign);
            assert_eq!(found.status().unwrap().creator, THIRD_USER);
        });
    }
}

#[test]
fn a_queue_and_its_messages_outlive_their_killed_creator() {
    const KEY: &str = "LED_TEST_KEY";

    if let Ok(key) = env::var(KEY) {
        let queue = Queue::create(key.parse::<Key>().unwrap(), MODE).unwrap();
        send(&queue, 1, b"ON");
        send(&queue, 2, b"");
        // Until it is killed. If the test is killed, the input ends, and no process stays.
        io::stdin().read_to_end(&mut Vec::new()).unwrap();
        return;
    }
    let fixture = Fixture::new();
    let mut test = Command::new(env::current_exe().unwrap());
    test.args(["--exact", thread::current().name().unwrap(), "--nocapture"])
        .env(KEY, fixture.key.to_string());
    let creator = Running::start_silent(test.stdin(Stdio::piped()));
    let find = || Queue::open(fixture.key, Access::SendAndReceive);
    wait_until("a queue with two messages", || {
        find().is_ok_and(|queue| queue.status().is_ok_and(|status| status.messages == 2))
    });
    let pid = creator.pid();
    creator.kill();
    let queue = find().unwrap();
    assert_eq!(queue.status().unwrap().last_sender, Some(pid));
    assert_ne!(pid, process::id());
    assert_eq!(drain(&queue), [(1, b"ON".to_vec()), (2, Vec::new())]);
}

#[test]
fn a_queue_is_in_the_list_of_keys_while_it_exists() {
    let key = key();
    let queue = Queue::create(key, MODE).unwrap();
    assert!(Queue::keys().unwrap().contains(&key.into()));
    drop(queue);
    assert!(!Queue::keys().unwrap().contains(&key.into()));
}
