//! State, permissions, limit and removal of a queue.

use std::time::SystemTime;

use rustix::process::{getegid, geteuid};
use shared::{Access, Error, Mode, Permissions, Queue, Select};

use crate::common::*;

// msgctl01.
#[test]
fn a_new_queue_is_empty_and_belongs_to_its_creator() {
    let start = SystemTime::now();
    let queue = queue_with(0o640);
    let new = queue.status().unwrap();
    let (owner, group) = (geteuid().as_raw(), getegid().as_raw());
    let mode = Mode::new(0o640).unwrap();
    assert_eq!(new.permissions, Permissions { owner, group, mode });
    assert_eq!((new.creator, new.limit), (owner, kernel("msgmnb")));
    assert_eq!((new.messages, new.bytes), (0, 0));
    assert_eq!((new.last_sender, new.last_receiver), (None, None));
    assert_eq!((new.last_sent, new.last_received), (None, None));
    assert_since(start, new.last_changed);
}

// msgctl02.
#[test]
fn permissions_and_limit_are_set_independently() {
    let queue = queue();
    let new = queue.status().unwrap();
    let mode = Mode::new(0o620).unwrap();
    let permissions = Permissions {
        mode,
        ..new.permissions
    };
    let start = SystemTime::now();
    queue.set_permissions(permissions).unwrap();
    let after = queue.status().unwrap();
    assert_eq!((after.permissions, after.limit), (permissions, new.limit));
    assert_since(start, after.last_changed);
    let limit = new.limit - 1;
    queue.set_limit(limit).unwrap();
    let after = queue.status().unwrap();
    assert_eq!((after.permissions, after.limit), (permissions, limit));
}

// msgctl02.
#[test]
fn a_limit_below_the_content_keeps_the_messages_and_refuses_new_ones() {
    let queue = queue();
    for text in [b"aaaa", b"bbbb", b"cccc"] {
        send(&queue, 1, text);
    }
    queue.set_limit(6).unwrap();
    for left in [3, 2, 1] {
        assert_eq!(queue.status().unwrap().messages, left);
        assert_fails!(queue.try_send(&message(2, b"ddd")), Full, EAGAIN);
        take(&queue, Select::Any).unwrap();
    }
    send(&queue, 2, b"ddd");
    // A message longer than the limit never fits.
    drain(&queue);
    assert_fails!(queue.try_send(&message(2, b"eeeeeee")), Full, EAGAIN);
}

#[test]
fn a_limit_above_the_systems_needs_a_privilege() {
    unprivileged(|| {
        let queue = queue();
        let most = kernel("msgmnb");
        queue.set_limit(most - 1).unwrap();
        assert_fails!(queue.set_limit(most + 1), NotPermitted, EPERM);
        assert_eq!(queue.status().unwrap().limit, most - 1);
        queue.set_limit(most).unwrap();
    });
}

#[test]
fn an_impossible_owner_or_group_is_distinguished_from_a_removed_queue() {
    let queue = queue();
    let before = queue.status().unwrap().permissions;
    let (mut owner, mut group) = (before, before);
    owner.owner = u32::MAX;
    group.group = u32::MAX;
    for impossible in [owner, group] {
        let error = queue.set_permissions(impossible).unwrap_err();
        assert!(matches!(error, Error::Os { call: "msgctl", .. }), "{error}");
        assert_eq!(errno(&error), Some(libc::EINVAL));
    }
    assert_eq!(queue.status().unwrap().permissions, before);
}

// msgctl03; msgctl04: EINVAL.
#[test]
fn every_call_on_a_removed_queue_fails() {
    let queue = queue();
    send(&queue, 1, b"ON");
    let permissions = queue.status().unwrap().permissions;
    queue.remove().unwrap();
    assert_fails!(queue.status(), Removed, EINVAL);
    assert_fails!(queue.set_permissions(permissions), Removed, EINVAL);
    assert_fails!(queue.set_limit(1), Removed, EINVAL);
    assert_fails!(queue.remove(), Removed, EINVAL);
    assert_fails!(queue.try_send(&message(1, b"ON")), Removed, EINVAL);
    assert_fails!(take(&queue, Select::Any), Removed, EINVAL);
    assert_fails!(queue.peek::<2>(0), Removed, EINVAL);
}

// msgctl06: MSG_STAT_ANY, which reads the state without the permission to receive.
#[test]
fn an_owner_without_the_permission_to_receive_reads_and_changes_the_state() {
    unprivileged(|| {
        let _others = [queue(), queue()];
        let queue = queue_with(0o600);
        let _more = self::queue();
        send(&queue, 1, b"ON");
        queue.set_limit(5).unwrap();
        set_mode(&queue, 0);
        let state = queue.status().unwrap();
        assert_eq!(state.permissions.mode.bits(), 0);
        assert_eq!((state.messages, state.bytes, state.limit), (1, 2, 5));
        queue.set_limit(6).unwrap();
        set_mode(&queue, 0o400);
        assert_eq!(queue.status().unwrap().limit, 6);
    });
}

// msgctl04: EACCES, which the API avoids; EPERM. msgctl06: MSG_STAT_ANY.
#[test]
#[ignore = "needs root"]
fn another_user_reads_the_state_and_changes_nothing() {
    let queue = as_user(USER, || queue_with(0));
    send(&queue, 1, b"ON");
    let state = queue.status().unwrap();
    as_user(THIRD_USER, || {
        assert_eq!(queue.status().unwrap(), state);
        assert_fails!(
            queue.set_permissions(state.permissions),
            NotPermitted,
            EPERM
        );
        assert_fails!(queue.set_limit(1), NotPermitted, EPERM);
        assert_fails!(queue.remove(), NotPermitted, EPERM);
    });
    assert_eq!(queue.status().unwrap(), state);
}

#[test]
#[ignore = "needs root"]
fn a_queue_with_a_new_owner_can_be_used_by_owner_and_creator() {
    let queue = as_user(USER, queue);
    as_user(USER, || {
        let permissions = Permissions {
            owner: SECOND_USER,
            group: SECOND_USER,
            mode: MODE,
        };
        queue.set_permissions(permissions).unwrap();
        let given = queue.status().unwrap();
        assert_eq!((given.permissions, given.creator), (permissions, USER));
    });
    for user in [USER, SECOND_USER] {
        as_user(user, || {
            send(&queue, 1, b"ON");
            assert_eq!(drain(&queue).len(), 1);
            queue.set_limit(8).unwrap();
            set_mode(&queue, 0o600);
        });
    }
    as_user(THIRD_USER, || {
        assert_fails!(queue.try_send(&message(1, b"ON")), NotPermitted, EACCES)
    });
    as_user(SECOND_USER, || queue.remove()).unwrap();
}

// msgget02, msgsnd02, msgrcv02: EACCES.
#[test]
#[ignore = "needs root"]
fn each_bit_of_the_mode_grants_one_permission_to_one_class() {
    let key = key();
    let queue = Queue::create(key, MODE).unwrap();
    type Call<'a> = &'a (dyn Fn() -> Result<(), Error> + Sync);
    let open = |access| Queue::open(key, access).map(|_| ());
    let calls: [(u16, Call); 5] = [
        (0o2, &|| open(Access::Send)),
        (0o2, &|| queue.try_send(&message(1, b"ON"))),
        (0o4, &|| open(Access::Receive)),
        (0o4, &|| queue.peek::<2>(0).map(|_| ())),
        (0o4, &|| take(&queue, Select::Any).map(|_| ())),
    ];
    for (class, position) in [(USER, 6), (SECOND_USER, 3), (THIRD_USER, 0)] {
        for bit in [0o2, 0o4] {
            let mode = Mode::new(bit << position).unwrap();
            let (owner, group) = (USER, SECOND_USER);
            let permissions = Permissions { owner, group, mode };
            queue.set_permissions(permissions).unwrap();
            for user in [USER, SECOND_USER, THIRD_USER] {
                send(&queue, 1, b"ON");
                as_user(user, || {
                    open(Access::Find).unwrap();
                    assert_fails!(open(Access::SendAndReceive), NotPermitted, EACCES);
                    for (index, (needed, call)) in calls.iter().enumerate() {
                        let is_granted = match call() {
                            Ok(()) => true,
                            Err(Error::NotPermitted(_)) => false,
                            Err(error) => panic!("{error}"),
                        };
                        let expected = user == class && bit == *needed;
                        assert_eq!(is_granted, expected, "call {index}, {mode} to {user}");
                    }
                });
                drain(&queue);
            }
        }
    }
}
