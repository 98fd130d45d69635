//! `status` as text and as JSON.

use std::{fs, process, process::Command, time::SystemTime};

use serde_json::{Value, json};
use shared::{Message, MessageType, Mode, Queue, account};
use testing::{Fixture, Outcome, Signal, remove_queue};

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_textbooks_queue_is_shown_and_nothing_is_sent_to_it() {
    let fixture = Fixture::new();
    let queue = Queue::create(fixture.key, Mode::new(0o600).unwrap()).unwrap();
    let key = fixture.key;
    let empty = format!(
        "no reply (queue {key}: 0 messages, 0 bytes; last sender none, last receiver none; served by an unknown process)\n"
    );
    let status = fixture.command(&["status"]);
    status.assert_failed_after(5, &empty, &["there is no reply queue"]);
    let message: Message = Message::new(MessageType::new(10).unwrap(), b"hello").unwrap();
    queue.send(&message).unwrap();
    let sent = fixture.command(&["status"]).out;
    let own = process::id();
    let one = format!("1 message, 5 bytes; last sender {own}, last receiver none;");
    assert!(sent.contains(&one), "{sent}");
    assert_eq!(queue.status().unwrap().messages, 1);
}

#[test]
fn nothing_is_sent_to_a_pair_of_queues_of_another_program() {
    let fixture = Fixture::new();
    let mode = Mode::new(0o666).unwrap();
    let queues = [fixture.key, fixture.key.reply()].map(|key| Queue::create(key, mode).unwrap());
    let status = fixture.command(&["status"]);
    status.assert_code(5);
    let empty = "0 messages, 0 bytes; last sender none";
    assert!(status.out.contains(empty), "{status:?}");
    fixture.command(&["doctor"]).assert_code(1);
    for queue in queues {
        assert_eq!(queue.status().unwrap().last_sender, None);
    }
}

#[test]
fn a_stopped_controller_is_shown_with_its_waiting_messages() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let status = ["status", "--timeout", "50ms", "--json"];
    let text = fixture.command(&status[..3]);
    text.assert_failed_after(5, "no reply (queue", &[]);
    let served = format!("served by {})", controller.pid());
    assert!(text.out.contains(&served), "{text:?}");
    let outcome = fixture.command(&status);
    outcome.assert_code(5);
    let status = json(&outcome.out);
    assert_eq!(status["queue"]["messages"], json!(1));
    assert_eq!(status["state"], Value::Null);
}

#[test]
fn json_has_the_documented_names_and_values() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&["--group", "daemon"]);
    fixture.command(&["on"]).assert_printed("on");
    fixture.send(1, b"SHINE");
    controller.wait_for_log("SHINE");
    let blink = fixture.command(&["blink", "1h", "1ms", "--count", "2"]);
    blink.assert_printed("blink 3600s 1ms, 2 left");
    let outcome = fixture.command(&["status", "--json"]);
    outcome.assert_code(0);
    assert_eq!(outcome.out.lines().count(), 1);
    let mut status = json(&outcome.out);
    let queue = status["queue"].as_object_mut().unwrap();
    for name in ["last_sent", "last_received", "last_changed"] {
        let time = queue.remove(name).unwrap();
        let time = time.as_str().unwrap();
        let date = Outcome::of(Command::new("date").args(["--utc", "+%s", "--date", time]));
        date.assert_code(0);
        let seconds: u64 = date.out.trim().parse().unwrap();
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        assert!((now - 3600..=now).contains(&seconds), "{name}: {time}");
        assert!(time.ends_with('Z'), "{name}: {time}");
    }
    assert!(queue.remove("last_sender").is_some());
    assert!(status["controller"]["uptime_seconds"].take().is_u64());
    let pid = controller.pid();
    let msgmnb = json(&fs::read_to_string("/proc/sys/kernel/msgmnb").unwrap());
    let owner = account::User(account::own_user()).name();
    let expected = json!({
        "state": "blink",
        "blink": { "on_ms": 3_600_000, "off_ms": 1, "left": 2 },
        "brightness": 100, "levels": 101, "led": null,
        "line": null, "offset": null, "chip": null, "label": null, "consumer": null,
        "key": fixture.key.get(), "name": null,
        "queue": { "messages": 0, "bytes": 0, "limit": msgmnb, "mode": "0660", "owner": owner, "group": "daemon",
                   "served_by": pid, "last_receiver": pid },
        "controller": { "pid": pid, "version": env!("CARGO_PKG_VERSION"), "uptime_seconds": null, "applied": 2,
                        "refused": 1, "replies_dropped": 0 },
    });
    assert_eq!(status, expected);
}

#[test]
#[ignore = "needs python3 and jq"]
fn json_is_read_by_other_programs() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let file = fixture.write("status.json", &fixture.command(&["status", "--json"]).out);
    let python = "import json, sys; status = json.load(open(sys.argv[1])); print(status['state'], status['controller']['refused'])";
    for (program, arguments, printed) in [
        ("python3", ["-c", python], "off 0"),
        ("jq", ["-r", ".state + \" \" + .queue.mode"], "off 0660"),
    ] {
        Outcome::of(Command::new(program).args(arguments).arg(&file)).assert_printed(printed);
    }
}

#[test]
fn status_gets_a_reply_even_if_the_reply_queue_is_removed() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let status = fixture.client(&["status", "--timeout", "60s"]);
    fixture.wait_until_sent(1);
    remove_queue(fixture.key.reply());
    controller.signal(Signal::CONT);
    let status = status.wait();
    status.assert_code(0);
    assert!(status.out.starts_with("off (queue "));
}
