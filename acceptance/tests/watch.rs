//! `led status --watch` and `led wait`: each change when it happens.

use std::{
    io::{BufRead, BufReader},
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;
use shared::{Access, Message, MessageType, Mode, Oversize, Queue, Select};
use testing::{Fixture, Outcome, Running, Signal, wait_until, wait_until_idle};

use crate::{
    manual::{code, page},
    status::json,
};

pub(crate) const WATCH: [&str; 4] = ["status", "--watch", "--timeout", "100ms"];

#[test]
fn it_prints_each_change_and_outlives_the_controller() {
    let fixture = Fixture::new();
    let watch = fixture.client(&WATCH);
    watch.wait_for_log("no controller is running");
    let controller = fixture.controller(&["--initial", "on"]);
    assert_eq!(watch.line(), "on");
    fixture.command(&["off"]).assert_printed("off");
    assert_eq!(watch.line(), "off");
    let blink = fixture.command(&["blink", "1h", "1h"]);
    blink.assert_printed("blink 3600s 3600s");
    assert_eq!(watch.line(), "blink 3600s 3600s");
    controller.kill();
    watch.wait_for_log("is stale");
    let _controller = fixture.controller(&[]);
    assert_eq!(watch.line(), "off");
    watch.signal(Signal::INT);
    let ended = watch.wait();
    assert_eq!((ended.out, ended.err), (String::new(), String::new()));
}

#[test]
fn it_waits_for_a_controller_that_is_stopped() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let watch = fixture.client(&WATCH);
    watch.wait_for_log("no reply within 100ms");
    controller.signal(Signal::CONT);
    assert_eq!(watch.line(), "off");
    fixture.command(&["on"]).assert_printed("on");
    assert_eq!(watch.line(), "on");
}

#[test]
fn a_queue_that_is_full_and_read_is_no_news_until_nobody_reads_it() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture.send(1, b"STATUS\0reply=7\0");
    let state = fixture.reply(Select::Type(MessageType::new(7).unwrap()));
    controller.stop();
    let watch = fixture.client(&WATCH);
    fixture.wait_until_sent(1);
    // The test reads and replies in place of the controller, and has filled its queue before.
    let commands = Queue::open(fixture.key, Access::Receive).unwrap();
    let request: Message = commands.receive(Select::Any, Oversize::Keep).unwrap();
    let request = String::from_utf8_lossy(request.text()).into_owned();
    let reply_type = request.split("reply=").nth(1).unwrap();
    let reply_type: i64 = reply_type.trim_end_matches('\0').parse().unwrap();
    fixture.fill(b"STATUS");
    let reply: Message = Message::new(MessageType::new(reply_type).unwrap(), state.text()).unwrap();
    let replies = Queue::open(fixture.key.reply(), Access::Send).unwrap();
    replies.send(&reply).unwrap();
    assert_eq!(watch.line(), "off");
    let line = watch.wait_for_log("is full");
    assert!(line.contains("does not read its queue"), "{line}");
}

#[test]
fn in_json_it_also_prints_a_line_without_a_state() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let watch = fixture.client(&["status", "--watch", "--json"]);
    assert_eq!(json(&watch.line())["state"], "off");
    fixture.exit(controller);
    assert_eq!(json(&watch.line())["state"], Value::Null);
}

/// Even if there is no change to write.
#[test]
fn it_ends_with_the_reader_of_a_pipe_or_a_socket() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let head = "set -o pipefail; \"$0\" \"$@\" | head -n1";
    let mut shell = fixture.wrapped(&["bash", "-c", head], "command");
    Outcome::of(shell.args(["status", "--watch"])).assert_printed("off");

    let (reader, writer) = UnixStream::pair().unwrap();
    let mut watch = fixture.program("command", None);
    watch
        .args(["status", "--watch"])
        .stdout(OwnedFd::from(writer))
        .stderr(Stdio::piped());
    let running = Running::start_with_own_output(&mut watch);
    // It has the other end too.
    drop(watch);
    let mut line = String::new();
    BufReader::new(&reader).read_line(&mut line).unwrap();
    assert_eq!(line, "off\n");
    drop(reader);
    running.wait().assert_code(0);
}

#[test]
fn it_watches_again_after_a_queue_was_removed() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let status = fixture.client(&["status", "--watch"]);
    assert_eq!(status.line(), "off");
    for (state, other) in [("on", "off"), ("off", "on"), ("on", "off")] {
        fixture.replies().remove().unwrap();
        fixture.command(&[state]).assert_printed(state);
        assert_eq!(status.line(), state);
        let old = fixture.queue();
        old.remove().unwrap();
        let new = || Queue::open(fixture.key, Access::Send).is_ok_and(|queue| queue != old);
        wait_until("the queue is created again", new);
        fixture.command(&[other]).assert_printed(other);
        let line = status.line();
        if line == state {
            // It saw that there was no queue: it reports that, and then prints the state again.
            status.wait_for_log("no controller is running");
            assert_eq!(status.line(), other);
        } else {
            assert_eq!(line, other);
        }
        fixture.command(&[state]).assert_printed(state);
        assert_eq!(status.line(), state);
    }
}

#[test]
fn it_has_each_reply_queue_that_was_removed_created_again() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let status = fixture.client(&["status", "--watch"]);
    assert_eq!(status.line(), "off");
    // More than once before it sees the new one.
    for _ in 0..5 {
        wait_until("there is a reply queue", || {
            Queue::open(fixture.key.reply(), Access::Find).is_ok_and(|queue| queue.remove().is_ok())
        });
    }
    wait_until("it watches", || {
        let found = Queue::open(fixture.key.reply(), Access::Find);
        found.is_ok_and(|queue| {
            queue
                .status()
                .is_ok_and(|status| status.last_sent.is_some())
        })
    });
    fixture.send(1, b"ON");
    assert_eq!(status.line(), "on");
}

#[test]
fn a_queue_that_stays_closed_is_looked_at_once_a_second() {
    let fixture = Fixture::new();
    let closed = Queue::create(fixture.key, Mode::CLOSED).unwrap();
    let watch = fixture.client(&WATCH);
    watch.wait_for_log("is closed");
    let switches = || watch.context_switches().iter().sum::<u64>();
    let before = switches();
    thread::sleep(Duration::from_secs(2));
    assert!(switches() - before < 20, "{}", switches() - before);
    drop(closed);
    let _controller = fixture.controller(&[]);
    assert_eq!(watch.line(), "off");
}

#[test]
fn more_clients_than_the_controller_serves_sleep() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let all: Vec<Running> = (0..70)
        .map(|_| fixture.client(&["status", "--watch"]))
        .collect();
    all.iter().for_each(|one| assert_eq!(one.line(), "off"));
    let switches = || controller.context_switches().iter().sum::<u64>();
    thread::sleep(Duration::from_secs(2));
    let before = switches();
    thread::sleep(Duration::from_secs(2));
    // Six have no place; each asks once a second.
    assert!(switches() - before < 130, "{}", switches() - before);
    fixture.command(&["on"]).assert_printed("on");
    all.iter().for_each(|one| assert_eq!(one.line(), "on"));
}

#[test]
fn neither_program_wakes_up_while_nothing_changes() {
    let (fixture, other) = (Fixture::new(), Fixture::new());
    let (controller, unwatched) = (fixture.controller(&[]), other.controller(&[]));
    other.command(&["on"]).assert_printed("on");
    let status = fixture.client(&WATCH);
    assert_eq!(status.line(), "off");
    fixture.command(&["on"]).assert_printed("on");
    assert_eq!(status.line(), "on");
    let all = [&controller, &status, &unwatched];
    wait_until_idle(&all, Duration::from_secs(10));
    let threads = unwatched.context_switches().len();
    assert_eq!(threads, 4, "two threads, two counters each");
    fixture.command(&["off"]).assert_printed("off");
    assert_eq!(status.line(), "off");
}

#[test]
fn wait_ends_with_the_state() {
    let fixture = Fixture::new();
    let wait = fixture.client(&["wait", "on"]);
    wait.wait_for_log("no controller is running");
    let _controller = fixture.controller(&[]);
    wait_until("it watches", || {
        fixture.queue().status().unwrap().last_sender == Some(wait.pid())
    });
    let blink = fixture.command(&["blink", "1h"]);
    blink.assert_printed("blink 3600s 500ms");
    fixture.command(&["on"]).assert_printed("on");
    wait.wait().assert_printed("on");
    let late = fixture.command(&["wait", "on", "--timeout", "1h"]);
    late.assert_printed("on");
}

#[test]
fn wait_sees_a_controller_with_another_lock_directory() {
    let fixture = Fixture::new();
    let mut wait = fixture.program("command", None);
    let wait = Running::start(wait.args(["wait", "on"]).env_remove("LED_LOCK_DIRECTORY"));
    wait.wait_for_log("no controller is running");
    let _controller = fixture.controller(&["--initial", "on"]);
    wait.wait().assert_printed("on");
}

#[test]
fn wait_with_a_timeout_ends_with_status_5() {
    let fixture = Fixture::new();
    let assert_late = |timeout: &str, part: &str| {
        let late = fixture.command(&["wait", "on", "--timeout", timeout]);
        let reason = format!("the LED was not on within {timeout}");
        late.assert_failed(5, &[&reason, part]);
    };
    assert_late("100ms", "no controller is running");
    let controller = fixture.controller(&[]);
    // The reply may take its time.
    assert_late("3s", "within 3s; the LED is now off");
    controller.stop();
    assert_late("100ms", "no reply within 100ms");
}

#[test]
#[ignore = "needs python3-sysv-ipc"]
fn the_python_client_of_the_page_prints_each_change() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let code = code(&page("led-controller.7"), "WATCH {state}");
    let script = fixture.write("watch.py", &fixture.replace_keys(&code));
    let client = Running::start(Command::new("/usr/bin/python3").arg(script));
    assert_eq!(client.line(), "OFF");
    for (verb, state) in [("on", "ON"), ("off", "OFF")] {
        fixture.command(&[verb]).assert_printed(verb);
        assert_eq!(client.line(), state);
    }
    fixture.exit(controller);
    let gone = "LED controller: The queue no longer exists\n";
    let outcome = client.wait();
    outcome.assert_code(1);
    assert_eq!(outcome.err, gone);
}
