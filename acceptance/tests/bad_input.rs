//! Any message is refused with a reason, removed from the queue and replied to if requested, and the next command works.

use shared::{Access, Message, MessageType, Oversize, Queue, Select};
use testing::{Fixture, PATIENCE, Running};

/// Sends a message, and asserts the reason in the log and that the next command works.
#[track_caller]
fn assert_refused(
    fixture: &Fixture,
    controller: &Running,
    message_type: i64,
    text: &[u8],
    parts: &[&str],
) {
    fixture.send(message_type, text);
    let line = controller.wait_for_log("refused");
    for part in parts {
        assert!(line.contains(part), "{part:?} is not in {line:?}");
    }
    assert!(line.contains("WARN"), "{line}");
    fixture.assert_led("off");
}

#[test]
fn an_invalid_message_is_refused_with_a_reason() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    for (message_type, text, parts) in [
        (
            1,
            &b""[..],
            &["there is no text", "type 1, 0 bytes, \"\""][..],
        ),
        (1, b"  \n", &["there is no text"]),
        (1, b"\0", &["there is no text"]),
        (1, b"\xff\xfeON", &["not UTF-8", r#""\xff\xfeON""#]),
        (
            1,
            b"FLASH",
            &[
                "unknown command; known are ON, OFF, TOGGLE, STATUS, WATCH, BLINK",
                "\"FLASH\"",
            ],
        ),
        (1, b"ON\x1b[31m", &["unknown command", r#""ON\x1b[31m""#]),
        (1, b"99999999999999999999", &["unknown command"]),
        (3, b"ON", &["unknown message type", "type 3, 2 bytes"]),
        (
            5_136_161_122_235_187_201,
            b"ON",
            &["unknown message type", "type 5136161122235187201"],
        ),
        (i64::MAX, b"ON", &["unknown message type"]),
        (1, b"ON\0reply=0\0", &["message type after reply="]),
        (1, b"ON\0reply=-5\0", &["message type after reply="]),
        (
            1,
            b"ON\0reply=99999999999999999999\0",
            &["message type after reply="],
        ),
        (9, b"EXIT", &["unknown message type"]),
    ] {
        assert_refused(&fixture, &controller, message_type, text, parts);
    }
}

#[test]
fn a_text_of_256_bytes_is_accepted_and_a_longer_one_refused() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    for length in [257, 258, 4096, 8192] {
        assert_refused(
            &fixture,
            &controller,
            1,
            &vec![b' '; length],
            &["longer than 256 bytes", "type 1, 257 bytes"],
        );
        assert_refused(
            &fixture,
            &controller,
            2,
            &vec![b' '; length],
            &["longer than 256 bytes", "type 2"],
        );
    }
    fixture.send(1, format!("{:<256}", "ON").as_bytes());
    assert_eq!(controller.line(), "LED on");
}

#[test]
fn verbs_are_accepted_in_any_case_with_blanks_newline_and_nul_at_the_end() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    for (on, off) in [
        (&b"ON"[..], &b"OFF"[..]),
        (b"ON\0", b"OFF\0"),
        (b"on", b"off"),
        (b"On\n", b"oFF\r\n"),
        (b"ON  \t", b"OFF "),
        // Text after the NUL that is not a reply type is what an earlier command left in the sender's buffer.
        (b"ON\0GLE\0", b"OFF\0LE\0"),
        (b"ON\0\xff\xff\xff", b"OFF\0\x7f\0\x01\0"),
    ] {
        fixture.send(1, on);
        assert_eq!(controller.line(), "LED on");
        fixture.send(1, off);
        assert_eq!(controller.line(), "LED off");
    }
}

#[test]
fn a_refused_request_gets_the_reason() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let replies = Queue::open(fixture.key.reply(), Access::Receive).unwrap();
    let mut long = b"ON\0reply=77\0".to_vec();
    long.resize(300, 0);
    for (message_type, text, expected) in [
        (
            1,
            &b"FLASH\0reply=77\0"[..],
            "ERR unknown command; known are ON, OFF, TOGGLE, STATUS, WATCH, BLINK",
        ),
        (1, b"\0reply=77\0", "ERR there is no text"),
        (
            9,
            b"ON\0reply=77\0",
            "ERR unknown message type; known are 1 (LED) and 2 (exit)",
        ),
        (1, &long, "ERR the text is longer than 256 bytes"),
        (1, b"OFF\0reply=77\0", "OK OFF"),
    ] {
        fixture.send(message_type, text);
        let reply: Message = replies
            .receive(
                Select::Type(MessageType::new(77).unwrap()),
                Oversize::Truncate,
            )
            .unwrap();
        assert_eq!(reply.text(), expected.as_bytes());
    }
}

#[test]
fn replies_that_no_client_receives_neither_slow_nor_stop_it() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let replies = Queue::open(fixture.key.reply(), Access::Receive).unwrap();
    let limit = replies.status().unwrap().limit;
    // More replies than fit, of 6 bytes each.
    let count = limit / 6 + 1000;
    for number in 0..count {
        fixture.send(1, format!("OFF\0reply={}\0", 1_000_000 + number).as_bytes());
    }
    fixture.command(&["on"]).assert_printed("on");
    assert_eq!(controller.line(), "LED on");
    controller.wait_for_log("512 replies dropped");
    let full = replies.status().unwrap();
    assert!(full.bytes <= limit && full.bytes > limit - 20, "{full:?}");
}

#[test]
fn a_client_ignores_replies_to_an_earlier_process_with_its_pid() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    // A shell that stops itself, and becomes the client when it continues: the PID is known before the client sends.
    let client = fixture.program("command", None);
    let mut shell = std::process::Command::new("sh");
    shell
        .args(["-c", "kill -STOP $$; exec \"$0\" \"$@\""])
        .arg(client.get_program())
        .args(client.get_args());
    let client = Running::start(shell.arg("off"));
    client.wait_until_stopped();
    let stale: Message =
        Message::new(MessageType::new(client.pid().into()).unwrap(), b"OK ON").unwrap();
    Queue::open(fixture.key.reply(), Access::Send)
        .unwrap()
        .send(&stale)
        .unwrap();
    client.signal(testing::Signal::CONT);
    assert_eq!(client.line(), "off");
    assert!(client.wait().0.success());
}

#[test]
fn any_text_of_type_2_ends_the_controller() {
    for text in [&b""[..], b"EXIT", b"\xff", b"EXIT\0reply=0\0"] {
        let fixture = Fixture::new();
        let controller = fixture.controller(&[]);
        fixture.send(2, text);
        assert!(controller.wait().0.success());
        assert!(fixture.has_no_queues());
    }
}

#[test]
fn a_client_is_served_during_a_flood_of_invalid_messages() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let junk: Message = Message::new(MessageType::new(7).unwrap(), b"junk").unwrap();
    let queue = fixture.queue();
    let flood = std::thread::spawn(move || while queue.send(&junk).is_ok() {});
    let start = std::time::Instant::now();
    let mut applied = 0;
    while applied < 20 {
        assert!(
            start.elapsed() < PATIENCE,
            "only {applied} of 20 commands were applied"
        );
        let outcome = fixture.command(&["status", "--timeout", "60s"]);
        match outcome.code {
            Some(0) => applied += 1,
            Some(6) => {}
            _ => panic!("{outcome:?}"),
        }
    }
    controller.signal(testing::Signal::TERM);
    let (status, _, log) = controller.wait();
    assert!(status.success());
    let refused = log
        .iter()
        .filter(|line| line.contains("refused, unknown message type"))
        .count();
    assert!(refused <= 100, "{refused} lines");
    assert!(
        log.iter()
            .any(|line| line.contains("WARN ] suppressed ")
                && line.contains(" similar lines within ")),
        "{log:?}"
    );
    flood.join().unwrap();
    assert!(fixture.has_no_queues());
}

#[test]
fn a_client_may_send_its_whole_buffer_and_gets_no_reply() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let replies = Queue::open(fixture.key.reply(), Access::Receive).unwrap();
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
        assert_eq!(replies.status().unwrap().messages, 0, "{text}");
    }
    drop(controller);
}
