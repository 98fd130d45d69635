//! Who finds and makes which queue.

use std::{
    env, fs,
    io::{self, Read},
    process::{self, Child, Command, Stdio},
    thread,
};

use rustix::process::umask;
use shared::{Access, Key, Mode, Queue};

use crate::common::*;

// msgget01; msgget02: EEXIST, ENOENT.
#[test]
fn a_key_leads_to_the_queue_that_was_created_under_it_until_it_is_removed() {
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

#[test]
fn keys_of_both_halves_lead_to_queues_of_their_own() {
    let upper = key();
    let lower = Key::new(upper.get() & 0x7fff_ffff).unwrap();
    let queues = [upper, lower].map(|key| Queue::create(key, MODE).unwrap());
    assert_ne!(*queues[0], *queues[1]);
    assert_eq!(Queue::open(upper, Access::Find).unwrap(), *queues[0]);
    assert_eq!(Queue::open(lower, Access::Find).unwrap(), *queues[1]);
}

#[test]
fn what_was_found_before_does_not_lead_to_the_queue_that_came_after() {
    let key = key();
    let before = *Queue::create(key, MODE).unwrap();
    let after = Queue::create(key, MODE).unwrap();
    assert_ne!(*after, before);
    assert_fails!(before.try_send(&message(1, b"ON")), Removed, EINVAL);
}

// msgget02: EACCES, of the owner, to whom a mode of 0 forbids all.
#[test]
fn opening_takes_the_rights_that_are_asked_for() {
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
fn the_mode_is_as_given_whatever_the_umask() {
    // Of the whole process, but no other test makes files.
    let before = umask(rustix::fs::Mode::from_raw_mode(0o777));
    let modes = [0, 0o240, 0o666, 0o777].map(|bits| queue_with(bits).status().unwrap().permissions.mode.bits());
    umask(before);
    assert_eq!(modes, [0, 0o240, 0o666, 0o777]);
}

// msgget03.
#[test]
#[ignore = "needs root"]
fn no_queue_is_made_beyond_the_systems_limit() {
    in_a_namespace_of_its_own(|| {
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
fn the_first_queue_of_all_has_identifier_0_and_works_like_any_other() {
    in_a_namespace_of_its_own(|| {
        let key = key();
        let queue = Queue::create(key, Mode::new(0).unwrap()).unwrap();
        assert_eq!(queue.id(), 0);
        assert_eq!(Queue::open(key, Access::Find).unwrap(), Queue::from_id(0));
        send(&queue, 1, b"ON");
        assert_eq!(as_user(STRANGER, || queue.status()).unwrap().messages, 1);
        assert_eq!(drain(&queue), [(1, b"ON".to_vec())]);
        drop(queue);
        assert_fails!(Queue::from_id(0).status(), Removed, EINVAL);
    });
}

#[test]
#[ignore = "needs root"]
fn a_queue_that_a_stranger_made_first_is_opened_and_names_its_creator() {
    let key = key();
    let squatter = as_user(STRANGER, || Queue::create(key, Mode::new(0o666).unwrap()).unwrap());
    let opened = as_user(SOMEBODY, || Queue::create_or_open(key, MODE)).unwrap();
    assert_eq!(opened, *squatter);
    assert_eq!(as_user(SOMEBODY, || opened.status()).unwrap().creator, STRANGER);
    drop(squatter);
    let squatter = as_user(STRANGER, || Queue::create(key, MODE).unwrap());
    assert_fails!(as_user(SOMEBODY, || Queue::create_or_open(key, MODE)), NotPermitted, EACCES);
    let opened = as_user(SOMEBODY, || Queue::open(key, Access::Find)).unwrap();
    assert_eq!(opened, *squatter);
    assert_eq!(as_user(SOMEBODY, || opened.status()).unwrap().creator, STRANGER);
}

#[test]
fn a_queue_outlives_the_killed_process_that_made_it_with_all_that_waits_in_it() {
    const KEY: &str = "KEY_OF_THE_QUEUE_TO_LEAVE_BEHIND";

    struct Maker(Child, Key);
    impl Drop for Maker {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
            let _ = Queue::open(self.1, Access::Find).and_then(|queue| queue.remove());
        }
    }

    if let Ok(key) = env::var(KEY) {
        let queue = Queue::create(key.parse::<Key>().unwrap(), MODE).unwrap();
        send(&queue, 1, b"ON");
        send(&queue, 2, b"");
        // Until it is killed; or the test is, and then nothing must stay.
        io::stdin().read_to_end(&mut Vec::new()).unwrap();
        return;
    }
    let key = key();
    let mut made = Command::new(env::current_exe().unwrap());
    made.args(["--exact", thread::current().name().unwrap(), "--nocapture"]).env(KEY, key.to_string());
    let mut maker = Maker(made.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap(), key);
    wait_until("a queue with two messages", || {
        Queue::open(key, Access::Find).and_then(|queue| queue.status()).is_ok_and(|status| status.messages == 2)
    });
    maker.0.kill().unwrap();
    maker.0.wait().unwrap();
    let queue = Queue::open(key, Access::SendAndReceive).unwrap();
    let last_sender = queue.status().unwrap().last_sender;
    assert_eq!(last_sender, Some(maker.0.id()));
    assert_ne!(last_sender, Some(process::id()));
    assert_eq!(drain(&queue), [(1, b"ON".to_vec()), (2, Vec::new())]);
}
