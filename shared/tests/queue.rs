//! What the kernel does with a queue, and what the API makes of it. Every queue here is private, so that tests may run
//! side by side, and is removed when it goes out of scope.

use std::{
    process::id,
    sync::mpsc,
    thread,
    time::{Duration, SystemTime},
};

use shared::{
    Access, Error, Key, Message, MessageType, Mode, Oversize, OwnedQueue, Permissions, Queue, Select, TEXT_MAX,
};

const MODE: Mode = Mode::new(0o600).unwrap();

fn queue() -> OwnedQueue {
    Queue::private(MODE).unwrap()
}

fn message_type(number: libc::c_long) -> MessageType {
    MessageType::new(number).unwrap()
}

fn send(queue: &Queue, number: libc::c_long, text: &[u8]) {
    queue.try_send(&Message::<TEXT_MAX>::new(message_type(number), text).unwrap()).unwrap();
}

fn take(queue: &Queue, select: Select) -> Result<Message, Error> {
    queue.try_receive(select, Oversize::Keep)
}

#[test]
fn a_message_comes_out_as_it_went_in() {
    let queue = queue();
    for text in [&b"ON"[..], b"", b"\0\xff\0", &[7; TEXT_MAX]] {
        send(&queue, 5, text);
        let message = take(&queue, Select::Any).unwrap();
        assert_eq!((message.message_type(), message.text()), (message_type(5), text));
    }
}

#[test]
fn any_takes_the_oldest_type_the_oldest_of_it_and_up_to_the_lowest() {
    let queue = queue();
    for (number, text) in [(3, b"a"), (2, b"b"), (1, b"c"), (2, b"d"), (4, b"e")] {
        send(&queue, number, text);
    }
    let mut order = Vec::new();
    for select in
        [Select::Any, Select::Type(message_type(2)), Select::UpTo(message_type(3)), Select::UpTo(message_type(3))]
    {
        order.extend_from_slice(take(&queue, select).unwrap().text());
    }
    assert_eq!(order, b"abcd");
    assert!(matches!(take(&queue, Select::UpTo(message_type(3))), Err(Error::Empty(_))));
    assert_eq!(take(&queue, Select::Any).unwrap().text(), b"e");
    assert!(matches!(take(&queue, Select::Any), Err(Error::Empty(_))));
}

#[test]
fn a_message_longer_than_the_buffer_is_kept_or_cut_as_asked() {
    let queue = queue();
    send(&queue, 1, b"OFF");
    assert!(matches!(queue.try_receive::<2>(Select::Any, Oversize::Keep), Err(Error::TooLong(_))));
    assert_eq!(queue.try_receive::<2>(Select::Any, Oversize::Truncate).unwrap().text(), b"OF");
    assert!(matches!(take(&queue, Select::Any), Err(Error::Empty(_))));
}

#[test]
fn a_message_longer_than_the_system_sends_is_told_from_a_removed_queue() {
    let queue = queue();
    let long: Message<65_536> = Message::new(MessageType::LED, &[0; 65_536]).unwrap();
    assert!(matches!(queue.try_send(&long), Err(Error::TooLong(_))));
    queue.remove().unwrap();
    assert!(matches!(queue.try_send(&long), Err(Error::Removed(_))));
}

#[test]
fn a_full_queue_refuses_and_says_so() {
    let queue = queue();
    let message: Message = Message::new(MessageType::LED, &[0; TEXT_MAX]).unwrap();
    let limit = queue.status().unwrap().limit;
    for _ in 0..limit / TEXT_MAX as u64 {
        queue.try_send(&message).unwrap();
    }
    assert!(matches!(queue.try_send(&message), Err(Error::Full(_))));
}

#[test]
fn a_sleeping_receiver_and_the_next_one_see_that_the_queue_is_gone() {
    let queue = queue();
    let (handle, (ready, started)) = (*queue, mpsc::channel());
    let receiver = thread::spawn(move || {
        ready.send(()).unwrap();
        let sleeping = handle.receive::<TEXT_MAX>(Select::Any, Oversize::Keep).unwrap_err();
        (sleeping, handle.receive::<TEXT_MAX>(Select::Any, Oversize::Keep).unwrap_err())
    });
    started.recv().unwrap();
    // Whether it sleeps already or is about to: both ways must end.
    queue.remove().unwrap();
    let (first, second) = receiver.join().unwrap();
    assert!(matches!(first, Error::Removed(_)), "{first}");
    assert!(matches!(second, Error::Removed(_)), "{second}");
}

#[test]
fn status_counts_what_waits_and_names_who_came_last() {
    let queue = queue();
    let new = queue.status().unwrap();
    assert_eq!((new.messages, new.bytes, new.last_sender, new.last_receiver), (0, 0, None, None));
    assert_eq!((new.last_sent, new.last_received), (None, None));
    assert_eq!(new.permissions.mode, MODE);
    send(&queue, 1, b"ON");
    send(&queue, 1, b"OFF");
    take(&queue, Select::Any).unwrap();
    let used = queue.status().unwrap();
    assert_eq!((used.messages, used.bytes), (1, 3));
    assert_eq!((used.last_sender, used.last_receiver), (Some(id()), Some(id())));
    let ago = SystemTime::now().duration_since(used.last_sent.unwrap()).unwrap();
    assert!(ago < Duration::from_secs(60), "{ago:?}");
}

#[test]
fn permissions_are_set_as_given() {
    let queue = queue();
    let before = queue.status().unwrap().permissions;
    let after = Permissions { mode: Mode::new(0o620).unwrap(), ..before };
    queue.set_permissions(after).unwrap();
    assert_eq!(queue.status().unwrap().permissions, after);
}

#[test]
fn a_key_leads_to_the_queue_that_was_created_under_it_until_it_is_removed() {
    // Of the upper half, where the kernel sees a negative number.
    let key = Key::new(0x8000_0000 | id()).unwrap();
    assert!(matches!(Queue::open(key, Access::Find), Err(Error::NotFound(_))));
    let queue = Queue::create(key, MODE).unwrap();
    assert!(matches!(Queue::create(key, MODE), Err(Error::Exists(_))));
    assert_eq!(Queue::open(key, Access::SendAndReceive).unwrap(), *queue);
    assert_eq!(Queue::create_or_open(key, MODE).unwrap(), *queue);
    drop(queue);
    assert!(matches!(Queue::open(key, Access::Find), Err(Error::NotFound(_))));
}

#[test]
fn an_error_says_what_it_means_and_keeps_the_errno() {
    let error = take(&queue(), Select::Any).unwrap_err();
    assert_eq!(error.to_string(), "no such message is waiting: No message of desired type (os error 42)");
    assert!(std::error::Error::source(&error).is_some());
}
