//! WATCH, as the controller replies to it.

use std::{
    thread,
    time::{Duration, Instant},
};

use shared::{Message, MessageType, Oversize, Select};
use testing::{Fixture, Signal, rounds, wait_until};

fn own(reply_type: i64) -> Select {
    Select::Type(MessageType::new(reply_type).unwrap())
}

pub(crate) fn watch(fixture: &Fixture, state: &str, reply_type: i64) {
    fixture.send(1, format!("WATCH {state}\0reply={reply_type}\0").as_bytes());
}

/// The first line of the next reply of this type.
pub(crate) fn reply(fixture: &Fixture, reply_type: i64) -> String {
    let message = fixture.reply(own(reply_type));
    let text = String::from_utf8_lossy(message.text());
    text.lines().next().unwrap_or_default().to_owned()
}

/// Whether there is no reply of this type, after all messages before have been handled.
fn has_no_reply(fixture: &Fixture, reply_type: i64) -> bool {
    fixture.send(1, b"STATUS\0reply=999999\0");
    assert!(reply(fixture, 999_999).starts_with("OK "));
    let replies = fixture.replies();
    replies
        .try_receive::<256>(own(reply_type), Oversize::Keep)
        .is_err()
}

#[test]
fn a_watcher_gets_one_reply_at_the_next_change() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    watch(&fixture, "OFF", 11);
    fixture.command(&["off"]).assert_printed("off");
    assert!(has_no_reply(&fixture, 11));
    fixture.command(&["on"]).assert_printed("on");
    assert_eq!(reply(&fixture, 11), "OK ON");
    fixture.command(&["off"]).assert_printed("off");
    assert!(has_no_reply(&fixture, 11));
}

#[test]
fn a_watcher_with_another_state_or_none_gets_its_reply_at_once() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let refused = "ERR WATCH takes a state: ON, OFF or BLINK with its numbers";
    for (state, replied) in [
        ("ON", "OK OFF"),
        ("BLINK 500 500", "OK OFF"),
        ("", "OK OFF"),
        ("on", "OK OFF"),
        ("DIM", refused),
    ] {
        watch(&fixture, state, 12);
        assert_eq!(reply(&fixture, 12), replied, "{state}");
    }
    // Without a reply type there is no reply.
    fixture.send(1, b"WATCH OFF");
    fixture.command(&["on"]).assert_printed("on");
    assert_eq!(fixture.replies().status().unwrap().messages, 0);
}

#[test]
fn the_flashes_left_are_no_change_and_the_end_of_blinking_is() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    fixture.send(1, b"BLINK 20 20 5");
    watch(&fixture, "BLINK 20 20 5", 13);
    // The controller sleeps in msgrcv(2) meanwhile.
    assert_eq!(reply(&fixture, 13), "OK OFF");
    fixture.send(1, b"BLINK 3600000 1");
    watch(&fixture, "BLINK 3600000 1", 13);
    fixture.send(1, b"BLINK 3600000 1");
    assert!(has_no_reply(&fixture, 13));
    fixture.send(1, b"BLINK 3600000 1 7");
    assert_eq!(reply(&fixture, 13), "OK BLINK 3600000 1 7");
}

#[test]
fn sixty_four_clients_can_watch_and_a_further_one_replaces_the_oldest() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    for reply_type in 101..=164 {
        watch(&fixture, "OFF", reply_type);
    }
    // The same type again replaces the first request.
    watch(&fixture, "OFF", 101);
    assert!((101..=164).all(|reply_type| has_no_reply(&fixture, reply_type)));
    watch(&fixture, "OFF", 165);
    assert_eq!(reply(&fixture, 102), "OK OFF");
    fixture.command(&["on"]).assert_printed("on");
    for reply_type in [101].into_iter().chain(103..=165) {
        assert_eq!(reply(&fixture, reply_type), "OK ON", "{reply_type}");
    }
    assert_eq!(fixture.replies().status().unwrap().messages, 0);
}

#[test]
fn the_reply_to_the_command_comes_before_those_to_watchers() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    watch(&fixture, "OFF", 14);
    assert!(has_no_reply(&fixture, 14));
    controller.stop();
    fixture.send(1, b"ON\0reply=15\0");
    controller.signal(Signal::CONT);
    wait_until("both replies are sent", || {
        fixture.replies().status().unwrap().messages == 2
    });
    let first = fixture.replies().receive(Select::Any, Oversize::Keep);
    let first: Message = first.unwrap();
    assert_eq!(first.message_type().get(), 15);
}

#[test]
fn the_end_of_blinking_is_reported_beside_clients_that_know_it_already() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let drain = |select: Select| {
        let next = || {
            fixture
                .replies()
                .try_receive::<256>(select, Oversize::Truncate)
        };
        while next().is_ok() {}
    };
    for _ in 0..rounds(20, 200) {
        fixture.send(1, b"BLINK 3 3 1");
        watch(&fixture, "BLINK 3 3 1", 21);
        let queue = fixture.replies();
        let receiver = thread::spawn(move || queue.receive::<256>(own(21), Oversize::Keep));
        // One of them can come after the last flash and before the message that wakes the controller.
        let start = Instant::now();
        for reply_type in (31..=60).cycle() {
            if start.elapsed() > Duration::from_millis(8) {
                break;
            }
            watch(&fixture, "OFF", reply_type);
            // A full reply queue would lose the reply that the thread waits for.
            drain(Select::Except(MessageType::new(21).unwrap()));
        }
        wait_until("the end is reported", || receiver.is_finished());
        let reported = receiver.join().unwrap().unwrap();
        assert!(reported.text().starts_with(b"OK OFF\n"));
        fixture.command(&["toggle"]).assert_printed("on");
        fixture.command(&["toggle"]).assert_printed("off");
        drain(Select::Any);
    }
}
