//! Whatever a client sends: it is refused with a reason, taken off the queue, answered if it can be, and the next
//! command works.

use shared::{Access, Message, MessageType, Oversize, Queue, Select};
use testing::{Fixture, PATIENCE, Running};

/// Sends a message, waits for the log to say why it was refused, and sees that the next command works.
#[track_caller]
fn refused(fixture: &Fixture, controller: &Running, message_type: i64, text: &[u8], logged: &[&str]) {
    fixture.send(message_type, text);
    let line = controller.wait_for_log("refused");
    for part in logged {
        assert!(line.contains(part), "{part:?} is not in {line:?}");
    }
    assert!(line.contains("WARN"), "{line}");
    fixture.assert_led("off");
}

#[test]
fn what_is_no_command_is_refused() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    for (message_type, text, logged) in [
        (1, &b""[..], &["there is no text", "type 1, 0 bytes, \"\""][..]),
        (1, b"  \n", &["there is no text"]),
        (1, b"\0", &["there is no text"]),
        (1, b"\xff\xfeON", &["not UTF-8", r#""\xff\xfeON""#]),
        (1, b"FLASH", &["unknown command; known are ON, OFF, TOGGLE, STATUS, BLINK", "\"FLASH\""]),
        (1, b"ON\x1b[31m", &["unknown command", r#""ON\x1b[31m""#]),
        (1, b"99999999999999999999", &["unknown command"]),
        (3, b"ON", &["unknown message type", "type 3, 2 bytes"]),
        (5_136_161_122_235_187_201, b"ON", &["unknown message type", "type 5136161122235187201"]),
        (i64::MAX, b"ON", &["unknown message type"]),
        (1, b"ON\0reply=0\0", &["message type after reply="]),
        (1, b"ON\0reply=-5\0", &["message type after reply="]),
        (1, b"ON\0reply=99999999999999999999\0", &["message type after reply="]),
        (9, b"EXIT", &["unknown message type"]),
    ] {
        refused(&fixture, &controller, message_type, text, logged);
    }
}

#[test]
fn a_text_that_is_too_long_is_refused_and_the_longest_is_not() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    for length in [257, 258, 4096, 8192] {
        refused(&fixture, &controller, 1, &vec![b' '; length], &["longer than 256 bytes", "type 1, 257 bytes"]);
        refused(&fixture, &controller, 2, &vec![b' '; length], &["longer than 256 bytes", "type 2"]);
    }
    fixture.send(1, format!("{:<256}", "ON").as_bytes());
    assert_eq!(controller.line(), "LED on");
}

#[test]
fn verbs_are_read_in_any_case_with_what_clients_leave_at_their_end() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    for (on, off) in [
        (&b"ON"[..], &b"OFF"[..]),
        (b"ON\0", b"OFF\0"),
        (b"on", b"off"),
        (b"On\n", b"oFF\r\n"),
        (b"ON  \t", b"OFF "),
        // A reply type that is text is none: what an earlier command left in the sender's buffer.
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
fn whoever_asks_for_an_answer_is_told_why_it_was_refused() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let replies = Queue::open(fixture.key.reply(), Access::Receive).unwrap();
    let mut long = b"ON\0reply=77\0".to_vec();
    long.resize(300, 0);
    for (message_type, text, answer) in [
        (1, &b"FLASH\0reply=77\0"[..], "ERR unknown command; known are ON, OFF, TOGGLE, STATUS, BLINK"),
        (1, b"\0reply=77\0", "ERR there is no text"),
        (9, b"ON\0reply=77\0", "ERR unknown message type; known are 1 (LED) and 2 (exit)"),
        (1, &long, "ERR the text is longer than 256 bytes"),
        (1, b"OFF\0reply=77\0", "OK OFF"),
    ] {
        fixture.send(message_type, text);
        let reply: Message = replies.receive(Select::Type(MessageType::new(77).unwrap()), Oversize::Truncate).unwrap();
        assert_eq!(reply.text(), answer.as_bytes());
    }
}

#[test]
fn answers_that_nobody_collects_neither_slow_nor_stop_it() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let replies = Queue::open(fixture.key.reply(), Access::Receive).unwrap();
    let limit = replies.status().unwrap().limit;
    // More than fit, each of 6 bytes.
    let answers = limit / 6 + 1000;
    for number in 0..answers {
        fixture.send(1, format!("OFF\0reply={}\0", 1_000_000 + number).as_bytes());
    }
    fixture.command(&["on"]).assert_printed("on");
    assert_eq!(controller.line(), "LED on");
    controller.wait_for_log("512 replies dropped");
    let full = replies.status().unwrap();
    assert!(full.bytes <= limit && full.bytes > limit - 20, "{full:?}");
}

#[test]
fn answers_to_an_earlier_process_with_the_same_pid_are_not_taken_for_ones_own() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    // A shell that stops itself, and becomes the client when it goes on: its PID is known before the client asks.
    let client = fixture.program("command", None);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "kill -STOP $$; exec \"$0\" \"$@\""]).arg(client.get_program()).args(client.get_args());
    let client = Running::start(shell.arg("off"));
    client.wait_until_stopped();
    let stale: Message = Message::new(MessageType::new(client.pid().into()).unwrap(), b"OK ON").unwrap();
    Queue::open(fixture.key.reply(), Access::Send).unwrap().send(&stale).unwrap();
    client.signal(testing::Signal::CONT);
    assert_eq!(client.line(), "off");
    assert!(client.wait().0.success());
}

#[test]
fn any_text_of_type_2_ends_it() {
    for text in [&b""[..], b"EXIT", b"\xff", b"EXIT\0reply=0\0"] {
        let fixture = Fixture::new();
        let controller = fixture.controller(&[]);
        fixture.send(2, text);
        assert!(controller.wait().0.success());
        assert!(fixture.has_no_queues());
    }
}

#[test]
fn a_flood_of_junk_leaves_a_polite_client_served() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let junk: Message = Message::new(MessageType::new(7).unwrap(), b"junk").unwrap();
    let queue = fixture.queue();
    let flood = std::thread::spawn(move || while queue.send(&junk).is_ok() {});
    let start = std::time::Instant::now();
    let mut applied = 0;
    while applied < 20 {
        assert!(start.elapsed() < PATIENCE, "{applied} of 20 commands in all that time");
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
    let refused = log.iter().filter(|line| line.contains("refused, unknown message type")).count();
    assert!(refused <= 100, "{refused} lines");
    assert!(
        log.iter().any(|line| line.contains("WARN ] suppressed ") && line.contains(" similar lines within ")),
        "{log:?}"
    );
    flood.join().unwrap();
    assert!(fixture.has_no_queues());
}
