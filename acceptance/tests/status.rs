//! `status` as text, as JSON, and with `--watch`.

use std::{
    io::{BufRead, BufReader},
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::Command,
};

use serde_json::{Value, json};
use shared::{Message, MessageType, Mode, Queue, account};
use testing::{Fixture, Running, Signal, wait_until};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_textbooks_queue_is_shown_and_nothing_is_sent_to_it() {
    let fixture = Fixture::new();
    let queue = Queue::create(fixture.key, Mode::new(0o600).unwrap()).unwrap();
    let key = fixture.key;
    let empty = fixture.command(&["status"]);
    let expected = format!(
        "no reply (queue {key}: 0 messages, 0 bytes; last sender none, last receiver none; served by an unknown process)\n"
    );
    assert_eq!((empty.code, empty.out), (Some(5), expected));
    assert!(
        empty.err.contains("there is no reply queue"),
        "{}",
        empty.err
    );
    let message: Message = Message::new(MessageType::new(10).unwrap(), b"hello").unwrap();
    queue.send(&message).unwrap();
    let sent = fixture.command(&["status"]);
    let own = std::process::id();
    assert!(
        sent.out.contains(&format!(
            "1 message, 5 bytes; last sender {own}, last receiver none;"
        )),
        "{}",
        sent.out
    );
    assert_eq!(queue.status().unwrap().messages, 1);
}

#[test]
fn a_stopped_controller_is_shown_with_its_waiting_messages() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let outcome = fixture.command(&["status", "--timeout", "50ms"]);
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    assert!(outcome.out.starts_with("no reply (queue"), "{outcome:?}");
    assert!(
        outcome
            .out
            .contains(&format!("served by {})", controller.pid())),
        "{outcome:?}"
    );
    let outcome = fixture.command(&["status", "--timeout", "50ms", "--json"]);
    assert_eq!(
        (outcome.code, &json(&outcome.out)["queue"]["messages"]),
        (Some(5), &json!(1))
    );
    assert_eq!(json(&outcome.out)["state"], Value::Null);
}

#[test]
fn json_has_the_documented_names_and_values() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&["--group", "daemon"]);
    fixture.command(&["on"]).assert_printed("on");
    fixture.send(1, b"FLASH");
    controller.wait_for_log("FLASH");
    fixture
        .command(&["blink", "1h", "1ms", "--count", "2"])
        .assert_printed("blink 3600s 1ms, 2 left");
    let outcome = fixture.command(&["status", "--json"]);
    assert_eq!((outcome.code, outcome.out.lines().count()), (Some(0), 1));
    let mut status = json(&outcome.out);
    let time = |name: &str| status["queue"][name].as_str().unwrap().to_owned();
    for name in ["last_sent", "last_received", "last_changed"] {
        let date = Command::new("date")
            .args(["--utc", "+%s", "--date", &time(name)])
            .output()
            .unwrap();
        assert!(date.status.success(), "{name}");
        let seconds: i64 = String::from_utf8(date.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let now = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_secs()
            .cast_signed();
        assert!(
            (now - 3600..=now).contains(&seconds) && time(name).ends_with('Z'),
            "{name}: {}",
            time(name)
        );
    }
    for name in ["last_sent", "last_received", "last_changed", "last_sender"] {
        assert!(
            status["queue"]
                .as_object_mut()
                .unwrap()
                .remove(name)
                .is_some(),
            "{name}"
        );
    }
    assert!(status["controller"]["uptime_seconds"].take().is_u64());
    let pid = controller.pid();
    let msgmnb = json(&std::fs::read_to_string("/proc/sys/kernel/msgmnb").unwrap());
    let owner = account::User(account::own_user()).name();
    let expected = json!({
        "state": "blink",
        "blink": { "on_ms": 3_600_000, "off_ms": 1, "left": 2 },
        "line": null, "offset": null, "chip": null, "label": null, "consumer": null,
        "key": fixture.key.get(),
        "queue": { "messages": 0, "bytes": 0, "limit": msgmnb, "mode": "0660", "owner": owner, "group": "daemon",
                   "served_by": pid, "last_receiver": pid },
        "controller": { "pid": pid, "version": env!("CARGO_PKG_VERSION"), "uptime_seconds": null, "applied": 2,
                        "refused": 1, "answers_dropped": 0 },
    });
    assert_eq!(status, expected);
}

#[test]
#[ignore = "needs python3 and jq"]
fn json_is_read_by_other_programs() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let status = fixture
        .program("command", None)
        .arg("status")
        .arg("--json")
        .output()
        .unwrap()
        .stdout;
    let file = fixture.path().join("status.json");
    std::fs::write(&file, status).unwrap();
    let python = "import json, sys; status = json.load(open(sys.argv[1])); print(status['state'], status['controller']['refused'])";
    let run = |program: &mut Command| {
        String::from_utf8(program.arg(&file).output().unwrap().stdout).unwrap()
    };
    assert_eq!(run(Command::new("python3").args(["-c", python])), "off 0\n");
    assert_eq!(
        run(Command::new("jq").args(["-r", ".state, .queue.mode"])),
        "off\n0660\n"
    );
}

#[test]
fn watch_prints_each_change_and_outlives_the_controller() {
    let fixture = Fixture::new();
    let watch = Running::start(fixture.program("command", None).args([
        "status",
        "--watch",
        "--timeout",
        "100ms",
    ]));
    watch.wait_for_log("no controller is running");
    let controller = fixture.controller(&["--initial", "on"]);
    assert_eq!(watch.line(), "on");
    fixture.command(&["off"]).assert_printed("off");
    assert_eq!(watch.line(), "off");
    fixture
        .command(&["blink", "1h", "1h"])
        .assert_printed("blink 3600s 3600s");
    assert_eq!(watch.line(), "blink 3600s 3600s");
    controller.kill();
    watch.wait_for_log("is stale");
    let _controller = fixture.controller(&[]);
    assert_eq!(watch.line(), "off");
    watch.signal(Signal::INT);
    let (_, rest, log) = watch.wait();
    assert_eq!((rest, log), (Vec::<String>::new(), Vec::<String>::new()));
}

#[test]
fn watch_waits_for_a_controller_that_is_stopped() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let watch = Running::start(fixture.program("command", None).args([
        "status",
        "--watch",
        "--timeout",
        "100ms",
    ]));
    watch.wait_for_log("no reply within 100ms");
    controller.signal(Signal::CONT);
    assert_eq!(watch.line(), "off");
    fixture.command(&["on"]).assert_printed("on");
    assert_eq!(watch.line(), "on");
}

#[test]
fn watch_in_json_also_prints_a_line_without_a_state() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let watch = Running::start(
        fixture
            .program("command", None)
            .args(["status", "--watch", "--json"]),
    );
    assert_eq!(json(&watch.line())["state"], "off");
    fixture.command(&["exit"]).assert_printed("ended");
    assert_eq!(json(&watch.line())["state"], Value::Null);
    drop(controller);
}

#[test]
fn watch_ends_with_the_reader_of_a_pipe() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let mut shell = Command::new("bash");
    shell.args(["-c", "set -o pipefail; \"$0\" \"$@\" | head -n1"]);
    let watch = fixture.program("command", None);
    shell
        .arg(watch.get_program())
        .args(watch.get_args())
        .args(["status", "--watch"]);
    let shell = Running::start(shell.env("LED_LOCK_DIRECTORY", fixture.path()));
    assert_eq!(shell.line(), "off");
    // Even if there is no change to write.
    assert!(shell.wait().0.success());
    drop(controller);
}

#[test]
fn watch_ends_with_the_reader_of_a_socket() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let (reader, writer) = UnixStream::pair().unwrap();
    let mut watch = fixture.program("command", None);
    let watch = watch
        .args(["status", "--watch"])
        .stdout(OwnedFd::from(writer))
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(&reader).read_line(&mut line).unwrap();
    assert_eq!(line, "off\n");
    drop(reader);
    assert!(watch.wait_with_output().unwrap().status.success());
}

#[test]
fn nothing_is_sent_to_a_pair_of_queues_of_another_program() {
    let fixture = Fixture::new();
    let mode = Mode::new(0o666).unwrap();
    let queues = [fixture.key, fixture.key.reply()].map(|key| Queue::create(key, mode).unwrap());
    let outcome = fixture.command(&["status"]);
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    assert!(
        outcome
            .out
            .contains("0 messages, 0 bytes; last sender none"),
        "{outcome:?}"
    );
    assert_eq!(fixture.command(&["doctor"]).code, Some(1));
    assert!(
        queues
            .iter()
            .all(|queue| queue.status().unwrap().last_sender.is_none())
    );
}

#[test]
fn status_gets_a_reply_even_if_the_reply_queue_is_removed() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let status =
        Running::start(
            fixture
                .program("command", None)
                .args(["status", "--timeout", "60s"]),
        );
    wait_until("the client has sent its command", || {
        fixture.queue().status().unwrap().messages == 1
    });
    Queue::open(fixture.key.reply(), shared::Access::Find)
        .unwrap()
        .remove()
        .unwrap();
    controller.signal(Signal::CONT);
    assert!(status.line().starts_with("off (queue "));
    assert!(status.wait().0.success());
}
