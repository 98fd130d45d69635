//! Receiving, and copying messages.

use std::{fs, process, time::SystemTime};

use libc::c_long;
use shared::{Error, Message, Oversize, Queue, Select, TEXT_MAX};

use crate::common::*;

// msgrcv01.
#[test]
fn a_message_is_received_as_it_was_sent() {
    let queue = queue();
    for text in [&b"ON"[..], b"", b"\0\xff\0", &[7; TEXT_MAX]] {
        send(&queue, 5, text);
        let message = take(&queue, Select::Any).unwrap();
        assert_eq!(
            (message.message_type(), message.text()),
            (message_type(5), text)
        );
    }
}

// msgrcv01.
#[test]
fn receiving_removes_the_message_and_records_receiver_and_time() {
    let queue = queue();
    send(&queue, 1, b"ON");
    send(&queue, 2, b"OFF");
    let start = SystemTime::now();
    assert_eq!(
        take(&queue, Select::Type(message_type(1))).unwrap().text(),
        b"ON"
    );
    let status = queue.status().unwrap();
    assert_eq!((status.messages, status.bytes), (1, 3));
    assert_eq!(status.last_receiver, Some(process::id()));
    assert_since(start, status.last_received);
}

// msgrcv07: types of all signs. msgrcv08: the lowest type first, up to a maximum.
#[test]
fn each_selector_takes_the_message_that_it_names() {
    let queue = queue();
    for (number, text) in [(3, b"a"), (2, b"b"), (1, b"c"), (2, b"d"), (4, b"e")] {
        send(&queue, number, text);
    }
    let up_to = Select::UpTo(message_type(3));
    let selects = [Select::Any, Select::Type(message_type(2)), up_to, up_to];
    let order = selects.map(|select| take(&queue, select).unwrap().text()[0]);
    assert_eq!(order, *b"abcd");
    assert_fails!(take(&queue, up_to), Empty, ENOMSG);
    assert_eq!(take(&queue, Select::Any).unwrap().text(), b"e");
    assert_fails!(take(&queue, Select::Any), Empty, ENOMSG);
}

#[test]
fn any_takes_messages_of_all_types_in_the_order_of_sending() {
    let queue = queue();
    let sent: Vec<_> = [9, 1, c_long::MAX, 1, 5]
        .into_iter()
        .zip(0_u8..)
        .map(|(n, byte)| (n, vec![byte]))
        .collect();
    for (number, text) in &sent {
        send(&queue, *number, text);
    }
    assert_eq!(drain(&queue), sent);
}

// msgrcv08: the ends of the range, which were once cut to 32 bits.
#[test]
fn types_are_distinguished_over_their_whole_range() {
    let queue = queue();
    let beyond_32_bits = c_long::try_from((1_i64 << 32) + 1).unwrap_or(c_long::MAX - 1);
    let numbers = [c_long::MAX, beyond_32_bits, 2];
    let send_all = || numbers.map(|number| send(&queue, number, b""));
    let take = |select| match take(&queue, select) {
        Ok(message) => Some(message.message_type().get()),
        Err(Error::Empty(_)) => None,
        Err(error) => panic!("{error}"),
    };
    send_all();
    assert_eq!(take(Select::Type(message_type(1))), None);
    assert_eq!(take(Select::UpTo(message_type(1))), None);
    for number in [2, beyond_32_bits, c_long::MAX] {
        let lowest = take(Select::UpTo(message_type(c_long::MAX)));
        assert_eq!(lowest, Some(number));
    }
    send_all();
    let except = Select::Except(message_type(c_long::MAX));
    assert_eq!(take(except), Some(beyond_32_bits));
    send(&queue, beyond_32_bits, b"");
    for number in numbers {
        assert_eq!(take(Select::Type(message_type(number))), Some(number));
    }
}

// msgrcv07: MSG_EXCEPT.
#[test]
fn except_takes_the_oldest_of_any_other_type() {
    let queue = queue();
    for (number, text) in [(2, b"a"), (3, b"b"), (2, b"c"), (1, b"d")] {
        send(&queue, number, text);
    }
    let except = Select::Except(message_type(2));
    assert_eq!(take(&queue, except).unwrap().text(), b"b");
    assert_eq!(take(&queue, except).unwrap().text(), b"d");
    assert_fails!(take(&queue, except), Empty, ENOMSG);
    assert_eq!(drain(&queue), [(2, b"a".to_vec()), (2, b"c".to_vec())]);
}

// msgrcv02: E2BIG. msgrcv07: MSG_NOERROR.
#[test]
fn a_message_longer_than_the_buffer_is_kept_or_cut_as_requested() {
    let queue = queue();
    send(&queue, 1, b"OFF");
    send(&queue, 2, b"ON");
    for _ in 0..3 {
        assert_fails!(
            queue.try_receive::<2>(Select::Any, Oversize::Keep),
            TooLong,
            E2BIG
        );
        assert_fails!(receive_two(&queue), TooLong, E2BIG);
    }
    // It does not block a receiver of another type.
    for (select, text) in [(Select::Type(message_type(2)), b"ON"), (Select::Any, b"OF")] {
        let received = queue.try_receive::<2>(select, Oversize::Truncate);
        assert_eq!(received.unwrap().text(), text);
    }
    assert_fails!(take(&queue, Select::Any), Empty, ENOMSG);
}

#[test]
fn a_buffer_one_byte_longer_shows_that_a_message_was_cut() {
    let queue = queue();
    send(&queue, 1, b"OFF");
    send(&queue, 1, b"OFFLINE");
    for length in [3, 4] {
        let received = queue.try_receive::<4>(Select::Any, Oversize::Truncate);
        assert_eq!(received.unwrap().text().len(), length);
    }
}

#[test]
fn no_bytes_of_an_earlier_longer_message_remain() {
    let queue = queue();
    send(&queue, 1, &[b'x'; TEXT_MAX]);
    send(&queue, 1, b"ON");
    send(&queue, 1, b"");
    let mut received = message(1, b"");
    for text in [&[b'x'; TEXT_MAX][..], b"ON", b""] {
        received = take(&queue, Select::Any).unwrap();
        assert_eq!(received.text(), text);
    }
    assert_eq!(received.to_string(), r#"type 1, 0 bytes, """#);
}

// msgrcv02: EACCES.
#[test]
fn receiving_and_peeking_need_the_permission_to_receive() {
    unprivileged(|| {
        let queue = queue_with(0o200);
        send(&queue, 1, b"ON");
        assert_fails!(take(&queue, Select::Any), NotPermitted, EACCES);
        assert_fails!(receive_two(&queue), NotPermitted, EACCES);
        assert_fails!(queue.peek::<2>(0), NotPermitted, EACCES);
        assert_eq!(queue.status().unwrap().messages, 1);
    });
}

// msgrcv02, msgrcv03: EINVAL for the identifier.
#[test]
fn receiving_from_an_identifier_without_a_queue_fails() {
    for none in [Queue::from_id(-1), Queue::from_id(i32::MAX)] {
        assert_fails!(take(&none, Select::Any), Removed, EINVAL);
        assert_fails!(receive_two(&none), Removed, EINVAL);
        assert_fails!(none.peek::<2>(0), Removed, EINVAL);
    }
}

// msgrcv02: ENOMSG.
#[test]
fn an_error_has_its_meaning_and_the_errno() {
    let error = take(&queue(), Select::Any).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no such message: No message of desired type (os error 42)"
    );
    assert_eq!(errno(&error), Some(libc::ENOMSG));
}

// msgrcv03: ENOMSG. msgrcv07: MSG_COPY.
#[test]
fn peeking_copies_by_index_and_changes_nothing() {
    let queue = queue();
    send(&queue, 3, b"a");
    send(&queue, 1, b"");
    send(&queue, 2, b"cc");
    let before = queue.status().unwrap();
    for (index, number, text) in [(2, 2, &b"cc"[..]), (0, 3, b"a"), (1, 1, b""), (0, 3, b"a")] {
        let peeked: Message<2> = queue.peek(index).unwrap();
        assert_eq!(
            (peeked.message_type(), peeked.text()),
            (message_type(number), text)
        );
    }
    for beyond in [3, u32::MAX] {
        assert_fails!(queue.peek::<2>(beyond), Empty, ENOMSG);
    }
    assert_fails!(queue.peek::<1>(2), TooLong, E2BIG);
    assert_eq!(queue.status().unwrap(), before);
    assert_eq!(
        drain(&queue),
        [(3, b"a".to_vec()), (1, Vec::new()), (2, b"cc".to_vec())]
    );
}

#[test]
#[ignore = "needs root"]
fn peeking_at_a_message_above_a_lowered_limit_is_distinguished_from_a_removed_queue() {
    in_new_ipc_namespace(|| {
        let queue = queue();
        send(&queue, 1, b"OFF");
        fs::write("/proc/sys/kernel/msgmax", "2").unwrap();
        assert_fails!(queue.peek::<3>(0), TooLong, EINVAL);
        assert_eq!(drain(&queue), [(1, b"OFF".to_vec())]);
        queue.remove().unwrap();
        assert_fails!(queue.peek::<3>(0), Removed, EINVAL);
    });
}
