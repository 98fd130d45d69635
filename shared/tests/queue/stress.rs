//! Many threads at once.

use std::{collections::BTreeMap, thread};

use libc::c_long;
use shared::{Error, Message, Oversize, Queue, Select, TEXT_MAX};

use crate::common::*;

const MESSAGES: usize = 500;

/// The text of a writer's message: its number, and bytes that make it of varying length.
fn text(writer: c_long, number: usize) -> Vec<u8> {
    let seed = number * 31 + usize::try_from(writer).unwrap() * 7;
    let mut text = number.to_le_bytes().to_vec();
    text.extend(
        (0..seed % (TEXT_MAX - text.len() + 1))
            .map(|position| u8::try_from((seed + position) % 251).unwrap()),
    );
    text
}

fn write(queue: &Queue, writer: c_long) {
    for number in 0..MESSAGES {
        queue.send(&message(writer, &text(writer, number))).unwrap();
    }
}

/// The writer of the next message, and its number. Asserts its text.
fn read(queue: &Queue, select: Select) -> (c_long, usize) {
    let message: Message = queue.receive(select, Oversize::Keep).unwrap();
    let writer = message.message_type().get();
    let number = usize::from_le_bytes(*message.text().first_chunk().unwrap());
    assert_eq!(message.text(), text(writer, number));
    (writer, number)
}

// msgstress01.
#[test]
fn pairs_with_their_own_queues_receive_all_messages_in_order() {
    let queues: Vec<_> = (0..16).map(|_| queue()).collect();
    let mut threads = Vec::new();
    for (queue, writer) in queues.iter().map(|queue| **queue).zip(1..) {
        queue.set_limit(1024).unwrap();
        threads.push(thread::spawn(move || write(&queue, writer)));
        threads.push(thread::spawn(move || {
            for number in 0..MESSAGES {
                assert_eq!(read(&queue, Select::Any), (writer, number));
            }
        }));
    }
    join_all(threads);
    for queue in queues {
        assert_eq!(queue.status().unwrap().messages, 0);
    }
}

// msgstress01, with one queue for all.
#[test]
fn readers_of_one_queue_by_type_receive_all_messages_of_their_writer_in_order() {
    let owned = queue();
    let queue = *owned;
    queue.set_limit(1024).unwrap();
    let mut threads = Vec::new();
    for writer in 1..=8 {
        threads.push(thread::spawn(move || write(&queue, writer)));
        threads.push(thread::spawn(move || {
            for number in 0..MESSAGES {
                assert_eq!(
                    read(&queue, Select::Type(message_type(writer))),
                    (writer, number)
                );
            }
        }));
    }
    join_all(threads);
    assert_eq!(queue.status().unwrap().messages, 0);
}

#[test]
fn readers_of_one_queue_of_any_type_receive_each_message_once_and_in_order() {
    const WRITERS: usize = 8;
    let owned = queue();
    let queue = *owned;
    queue.set_limit(1024).unwrap();
    let (mut writers, mut readers) = (Vec::new(), Vec::new());
    for writer in (1..).take(WRITERS) {
        writers.push(thread::spawn(move || write(&queue, writer)));
        readers.push(thread::spawn(move || {
            (0..MESSAGES)
                .map(|_| read(&queue, Select::Any))
                .collect::<Vec<_>>()
        }));
    }
    let mut all = BTreeMap::new();
    for read in join_all(readers) {
        let mut last = BTreeMap::new();
        for (writer, number) in read {
            assert!(
                last.insert(writer, number) < Some(number),
                "{number} of {writer} is not in order"
            );
            *all.entry((writer, number)).or_insert(0) += 1;
        }
    }
    join_all(writers);
    assert_eq!(all.len(), WRITERS * MESSAGES);
    assert!(all.values().all(|&times| times == 1));
}

#[test]
fn a_flood_fills_a_queue_exactly_to_its_limit() {
    const LIMIT: u64 = 64;
    for (length, room) in [(0, LIMIT), (1, LIMIT), (3, LIMIT / 3), (64, 1), (65, 0)] {
        let owned = queue();
        let queue = *owned;
        queue.set_limit(LIMIT).unwrap();
        let flood = move || {
            let message = message(1, &vec![b'x'; length]);
            let mut sent = 0;
            for _ in 0..10_000 {
                match queue.try_send(&message) {
                    Ok(()) => sent += 1,
                    Err(Error::Full(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            sent
        };
        let sent: u64 = join_all((0..4).map(|_| thread::spawn(flood)).collect())
            .into_iter()
            .sum();
        assert_eq!((sent, queue.status().unwrap().messages), (room, room));
        assert_eq!(u64::try_from(drain(&queue).len()).unwrap(), room);
    }
}
