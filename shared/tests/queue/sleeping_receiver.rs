//! Receivers that sleep.

use libc::SYS_msgrcv;
use shared::{Error, Message, Oversize, Queue, Select};

use crate::common::*;

fn sleeping_receiver(queue: &Queue, select: Select) -> Sleeper<Result<Message, Error>> {
    let queue = *queue;
    Sleeper::in_call(SYS_msgrcv, move || queue.receive(select, Oversize::Keep))
}

// msgrcv05, which the API hides from its caller.
#[test]
fn a_sleeping_receiver_continues_after_a_signal() {
    let queue = queue();
    let receiver = sleeping_receiver(&queue, Select::Any);
    receiver.interrupt();
    receiver.interrupt();
    send(&queue, 1, b"ON");
    assert_eq!(receiver.join().unwrap().text(), b"ON");
}

// msgrcv06.
#[test]
fn removal_ends_a_sleeping_receiver_and_the_next_call() {
    let queue = queue();
    let receivers = [Select::Any, Select::Type(message_type(1))]
        .map(|select| sleeping_receiver(&queue, select));
    queue.remove().unwrap();
    for receiver in receivers {
        assert_fails!(receiver.join(), Removed, EIDRM);
    }
    assert_fails!(receive_two(&queue), Removed, EINVAL);
}

#[test]
fn a_sleeping_receiver_ignores_messages_that_it_did_not_select() {
    let queue = queue();
    let receiver = sleeping_receiver(&queue, Select::Except(message_type(1)));
    send(&queue, 1, b"a");
    receiver.interrupt();
    send(&queue, 2, b"b");
    assert_eq!(receiver.join().unwrap().text(), b"b");
    assert_eq!(drain(&queue), [(1, b"a".to_vec())]);
}

#[test]
fn a_message_longer_than_the_buffer_ends_a_sleeping_receiver() {
    let queue = queue();
    let handle = *queue;
    let receiver = Sleeper::in_call(SYS_msgrcv, move || receive_two(&handle));
    send(&queue, 1, b"OFF");
    assert_fails!(receiver.join(), TooLong, E2BIG);
    assert_eq!(drain(&queue), [(1, b"OFF".to_vec())]);
}

#[test]
#[ignore = "needs root"]
fn a_sleeping_receiver_fails_if_it_loses_the_permission() {
    let queue = queue_with(0o604);
    let handle = *queue;
    let receiver = Sleeper::in_call(SYS_msgrcv, move || {
        become_user(THIRD_USER);
        receive_two(&handle)
    });
    set_mode(&queue, 0o602);
    assert_fails!(receiver.join(), NotPermitted, EACCES);
}
