//! Any message is refused with a reason, removed from the queue and replied to if requested, and the next command works.

use std::{thread, time::Instant};

use shared::{Message, MessageType, Oversize, Select};
use testing::{Fixture, PATIENCE};

#[test]
fn an_invalid_message_is_refused_with_a_reason() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let known = "unknown command; known are ON, OFF, TOGGLE, STATUS, WATCH, BLINK, FLASH";
    let bad_reply_type = "message type after reply=";
    let too_long = "longer than 256 bytes";
    for (message_type, text, reason, message) in [
        (1, &b""[..], "there is no text", "type 1, 0 bytes, \"\""),
        (1, b"  \n", "there is no text", ""),
        (1, b"\0", "there is no text", ""),
        (1, b"\xff\xfeON", "not UTF-8", r#""\xff\xfeON""#),
        (1, b"SHINE", known, "\"SHINE\""),
        (1, b"ON\x1b[31m", known, r#""ON\x1b[31m""#),
        (1, b"99999999999999999999", known, ""),
        (3, b"ON", "unknown message type", "type 3, 2 bytes"),
        (
            5_136_161_122_235_187_201,
            b"ON",
            "unknown message type",
            "type 5136161122235187201",
        ),
        (i64::MAX, b"ON", "unknown message type", ""),
        (1, b"ON\0reply=0\0", bad_reply_type, ""),
        (1, b"ON\0reply=-5\0", bad_reply_type, ""),
        (1, b"ON\0reply=99999999999999999999\0", bad_reply_type, ""),
        (9, b"EXIT", "unknown message type", ""),
        (1, &[b' '; 257], too_long, "type 1, 257 bytes"),
        (1, &[b' '; 258], too_long, "type 1, 257 bytes"),
        (1, &[b' '; 8192], too_long, "type 1, 257 bytes"),
        (2, &[b' '; 257], too_long, "type 2"),
        (2, &[b' '; 8192], too_long, "type 2"),
    ] {
        fixture.send(message_type, text);
        let line = controller.wait_for_log("refused");
        for part in [reason, message, "WARN"] {
            assert!(line.contains(part), "{part:?} is not in {line:?}");
        }
        fixture.assert_led("off");
    }
}

#[test]
fn a_whole_buffer_is_accepted_up_to_its_first_newline_or_nul() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    // The sender of a textbook: msgsnd(id, &data, 512, 0).
    for (text, line) in [
        ("ON\n", "LED on"),
        ("OFF\n\0", "LED off"),
        ("on\0", "LED on"),
    ] {
        let mut buffer = text.as_bytes().to_vec();
        buffer.resize(512, b'x');
        fixture.send(1, &buffer);
        assert_eq!(controller.line(), line);
    }
    fixture.send(2, &[b'\n'; 512]);
    controller.wait().assert_code(0);
}

#[test]
fn the_log_shows_the_beginning_of_a_buffer_of_junk() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture.send(1, &[1; 512]);
    let line = controller.wait_for_log("refused");
    assert_eq!(line.matches(r"\x01").count(), 40, "{line}");
}

#[test]
fn a_refused_request_gets_the_reason() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let mut long = b"ON\0reply=77\0".to_vec();
    long.resize(300, 0);
    let known = "ERR unknown command; known are ON, OFF, TOGGLE, STATUS, WATCH, BLINK, FLASH";
    let types = "ERR unknown message type; known are 1 (LED) and 2 (exit)";
    let serialized =
        "ERR the text is serialized: in PHP, the fourth argument of msg_send must be false";
    for (message_type, text, expected) in [
        (1, &b"SHINE\0reply=77\0"[..], known),
        (1, b"\0reply=77\0", "ERR there is no text"),
        (9, b"ON\0reply=77\0", types),
        (1, b"s:2:\"ON\";\0reply=77\0", serialized),
        (1, &long, "OK ON"),
        (1, b"OFF\0reply=77\0", "OK OFF"),
    ] {
        fixture.send(message_type, text);
        let own = Select::Type(MessageType::new(77).unwrap());
        let reply: Message = fixture.replies().receive(own, Oversize::Truncate).unwrap();
        assert_eq!(reply.text(), expected.as_bytes());
    }
}

#[test]
fn replies_that_no_client_receives_neither_slow_nor_stop_it() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let limit = fixture.replies().status().unwrap().limit;
    // More replies than fit, of 6 bytes each.
    let count = limit / 6 + 1000;
    for number in 0..count {
        fixture.send(1, format!("OFF\0reply={}\0", 1_000_000 + number).as_bytes());
    }
    fixture.command(&["on"]).assert_printed("on");
    assert_eq!(controller.line(), "LED on");
    controller.wait_for_log("replies dropped: 512,");
    let full = fixture.replies().status().unwrap();
    assert!(full.bytes <= limit && full.bytes > limit - 20, "{full:?}");
}

#[test]
fn a_client_is_served_during_a_flood_of_invalid_messages() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let junk: Message = Message::new(MessageType::new(7).unwrap(), b"junk").unwrap();
    let queue = fixture.queue();
    let flood = thread::spawn(move || while queue.send(&junk).is_ok() {});
    let (start, mut applied) = (Instant::now(), 0);
    while applied < 20 {
        assert!(start.elapsed() < PATIENCE, "only {applied} were applied");
        let outcome = fixture.command(&["status", "--timeout", "60s"]);
        match outcome.code {
            Some(0) => applied += 1,
            Some(6) => {}
            _ => panic!("{outcome:?}"),
        }
    }
    let log = fixture.terminate(controller).err;
    let refused = log.matches("refused, unknown message type").count();
    assert!(refused <= 100, "{refused} lines");
    let is_counted = |line: &str| line.contains("WARN ] similar lines suppressed within ");
    assert!(log.lines().any(is_counted), "{log}");
    flood.join().unwrap();
}

#[test]
fn a_client_may_send_its_whole_buffer_and_gets_no_reply() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let mut buffer = [0; 64];
    for (text, state) in [
        ("BLINK 1000 1000", "blink 1s 1s"),
        ("BLINK 50 50", "blink 50ms 50ms"),
        ("BLINK 500 500", "blink 500ms 500ms"),
        ("BLINK 1 1", "blink 1ms 1ms"),
        ("ON", "on"),
        ("OFF", "off"),
    ] {
        buffer[..text.len()].copy_from_slice(text.as_bytes());
        buffer[text.len()] = 0;
        fixture.send(1, &buffer);
        fixture.assert_led(state);
        assert_eq!(fixture.replies().status().unwrap().messages, 0, "{text}");
    }
}
