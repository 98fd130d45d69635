//! Sending.

use std::{process, time::SystemTime};

use libc::SYS_msgsnd;
use shared::{Error, Message, MessageType, Oversize, Queue, Select, TEXT_MAX};

use crate::common::*;

/// Enough for one byte more than a usual `kernel.msgmax`.
const BEYOND: usize = 65_537;

fn of_length(length: u64) -> Message<BEYOND> {
    let text = vec![b'x'; length.try_into().unwrap()];
    Message::new(MessageType::LED, &text).expect("kernel.msgmax is at most 65536")
}

/// A thread that sleeps in a send of one byte: the limit is one byte.
fn sleeping_sender(queue: &Queue) -> Sleeper<Result<(), Error>> {
    let queue = *queue;
    queue.set_limit(1).unwrap();
    send(&queue, 1, b"a");
    Sleeper::in_call(SYS_msgsnd, move || queue.send(&message(2, b"b")))
}

// msgsnd01.
#[test]
fn sending_adds_the_message_and_records_sender_and_time() {
    let queue = queue();
    let start = SystemTime::now();
    send(&queue, 1, b"ON");
    send(&queue, 1, b"OFF");
    let status = queue.status().unwrap();
    assert_eq!((status.messages, status.bytes), (2, 5));
    assert_eq!(
        (status.last_sender, status.last_receiver),
        (Some(process::id()), None)
    );
    assert_since(start, status.last_sent);
    assert_eq!(status.last_received, None);
}

// msgsnd02: EACCES. `msgctl` has the other permissions.
#[test]
fn sending_needs_the_permission_to_send() {
    unprivileged(|| {
        let queue = queue_with(0o400);
        assert_fails!(queue.try_send(&message(1, b"ON")), NotPermitted, EACCES);
        assert_fails!(queue.send(&message(1, b"ON")), NotPermitted, EACCES);
        assert_eq!(queue.status().unwrap().messages, 0);
    });
}

// msgsnd02: EINVAL for the identifier. message.rs tests that 0 and negative numbers are not types.
#[test]
fn sending_to_an_identifier_without_a_queue_fails() {
    assert_fails!(
        Queue::from_id(-1).try_send(&message(1, b"ON")),
        Removed,
        EINVAL
    );
    assert_fails!(
        Queue::from_id(i32::MAX).send(&message(1, b"ON")),
        Removed,
        EINVAL
    );
}

// msgsnd02: EINVAL for the length.
#[test]
fn the_longest_text_is_sent_and_one_byte_more_is_too_long() {
    let queue = queue();
    let longest = kernel("msgmax");
    queue.try_send(&of_length(longest)).unwrap();
    assert_eq!(queue.status().unwrap().bytes, longest);
    assert_fails!(queue.try_send(&of_length(longest + 1)), TooLong, EINVAL);
    assert_fails!(queue.send(&of_length(longest + 1)), TooLong, EINVAL);
    let received: Message<BEYOND> = queue.try_receive(Select::Any, Oversize::Keep).unwrap();
    assert_eq!(received.text(), of_length(longest).text());
}

#[test]
fn a_message_that_is_too_long_is_distinguished_from_a_removed_queue() {
    let too_long = of_length(kernel("msgmax") + 1);
    // Without the permission to receive, which reading its state takes.
    unprivileged(|| assert_fails!(queue_with(0o200).try_send(&too_long), TooLong, EINVAL));
    let queue = queue();
    queue.remove().unwrap();
    assert_fails!(queue.try_send(&too_long), Removed, EINVAL);
}

// msgsnd05: EAGAIN.
#[test]
fn a_full_queue_refuses_messages() {
    let queue = queue();
    let longest = message(1, &[0; TEXT_MAX]);
    let room = queue.status().unwrap().limit / TEXT_MAX as u64;
    for _ in 0..room {
        queue.try_send(&longest).unwrap();
    }
    assert_fails!(queue.try_send(&longest), Full, EAGAIN);
    take(&queue, Select::Any).unwrap();
    queue.try_send(&longest).unwrap();
    assert_eq!(queue.status().unwrap().messages, room);
}

#[test]
fn empty_messages_fill_a_queue_by_their_number() {
    let queue = queue();
    queue.set_limit(2).unwrap();
    send(&queue, 1, b"");
    send(&queue, 1, b"");
    assert_fails!(queue.try_send(&message(1, b"")), Full, EAGAIN);
    let status = queue.status().unwrap();
    assert_eq!((status.messages, status.bytes), (2, 0));
}

// msgsnd05: EINTR, which the API hides from its caller.
#[test]
fn a_sleeping_sender_continues_after_a_signal() {
    let queue = queue();
    let sender = sleeping_sender(&queue);
    sender.interrupt();
    sender.interrupt();
    assert_eq!(queue.status().unwrap().messages, 1);
    assert_eq!(take(&queue, Select::Any).unwrap().text(), b"a");
    sender.join().unwrap();
    assert_eq!(drain(&queue), [(2, b"b".to_vec())]);
}

// msgsnd06.
#[test]
fn removal_ends_a_sleeping_sender_and_the_next_call() {
    let queue = queue();
    let sender = sleeping_sender(&queue);
    queue.remove().unwrap();
    assert_fails!(sender.join(), Removed, EIDRM);
    assert_fails!(queue.send(&message(1, b"a")), Removed, EINVAL);
}

#[test]
fn a_sleeping_sender_sends_when_the_limit_is_raised() {
    let queue = queue();
    let sender = sleeping_sender(&queue);
    queue.set_limit(2).unwrap();
    sender.join().unwrap();
    assert_eq!(drain(&queue), [(1, b"a".to_vec()), (2, b"b".to_vec())]);
}

#[test]
#[ignore = "needs root"]
fn a_sleeping_sender_fails_if_it_loses_the_permission() {
    let queue = queue_with(0o602);
    queue.set_limit(1).unwrap();
    send(&queue, 1, b"a");
    let handle = *queue;
    let sender = Sleeper::in_call(SYS_msgsnd, move || {
        become_user(THIRD_USER);
        handle.send(&message(2, b"b"))
    });
    set_mode(&queue, 0o604);
    assert_eq!(drain(&queue), [(1, b"a".to_vec())]);
    assert_fails!(sender.join(), NotPermitted, EACCES);
    assert_eq!(queue.status().unwrap().messages, 0);
}
