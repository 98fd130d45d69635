//! WATCH, `led status --watch` and `led wait`: each change when it happens.

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use shared::{Access, Message, MessageType, Oversize, Queue, Select};
use testing::{Fixture, Outcome, Running, Signal, rounds, wait_until};

fn replies(fixture: &Fixture) -> Queue {
    Queue::open(fixture.key.reply(), Access::Receive).unwrap()
}

fn watch(fixture: &Fixture, state: &str, reply_type: i64) {
    fixture.send(1, format!("WATCH {state}\0reply={reply_type}\0").as_bytes());
}

/// The first line of the next reply of this type.
fn reply(fixture: &Fixture, reply_type: i64) -> String {
    let select = Select::Type(MessageType::new(reply_type).unwrap());
    let message: Message = replies(fixture).receive(select, Oversize::Keep).unwrap();
    String::from_utf8_lossy(message.text())
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Whether there is no reply of this type, after all messages before have been handled.
fn has_no_reply(fixture: &Fixture, reply_type: i64) -> bool {
    fixture.send(1, b"STATUS\0reply=999999\0");
    assert!(reply(fixture, 999_999).starts_with("OK "));
    let select = Select::Type(MessageType::new(reply_type).unwrap());
    replies(fixture)
        .try_receive::<256>(select, Oversize::Keep)
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
    for state in ["ON", "BLINK 500 500", "", "on"] {
        watch(&fixture, state, 12);
        assert_eq!(reply(&fixture, 12), "OK OFF", "{state}");
    }
    watch(&fixture, "DIM", 12);
    assert_eq!(
        reply(&fixture, 12),
        "ERR WATCH takes a state: ON, OFF or BLINK with its numbers"
    );
    // Without a reply type there is no reply.
    fixture.send(1, b"WATCH OFF");
    fixture.command(&["on"]).assert_printed("on");
    assert_eq!(replies(&fixture).status().unwrap().messages, 0);
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
    assert_eq!(replies(&fixture).status().unwrap().messages, 0);
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
        replies(&fixture).status().unwrap().messages == 2
    });
    let first: Message = replies(&fixture)
        .receive(Select::Any, Oversize::Keep)
        .unwrap();
    assert_eq!(first.message_type().get(), 15);
}

#[test]
fn watchers_watch_again_after_their_queue_was_removed() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let status = Running::start(fixture.program("command", None).args(["status", "--watch"]));
    assert_eq!(status.line(), "off");
    for state in ["on", "off", "on"] {
        replies(&fixture).remove().unwrap();
        fixture.command(&[state]).assert_printed(state);
        assert_eq!(status.line(), state);
        let old = fixture.queue();
        old.remove().unwrap();
        let new = || Queue::open(fixture.key, Access::Send).is_ok_and(|queue| queue != old);
        wait_until("the queue is created again", new);
        let toggled = if state == "on" { "off" } else { "on" };
        fixture.command(&[toggled]).assert_printed(toggled);
        let line = status.line();
        if line == state {
            // It saw that there was no queue: it reports that, and then prints the state again.
            status.wait_for_log("no controller is running");
            assert_eq!(status.line(), toggled);
        } else {
            assert_eq!(line, toggled);
        }
        fixture.command(&[state]).assert_printed(state);
        assert_eq!(status.line(), state);
    }
}

#[test]
fn the_end_of_blinking_is_reported_beside_clients_that_know_it_already() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    for _ in 0..rounds(20, 200) {
        fixture.send(1, b"BLINK 3 3 1");
        watch(&fixture, "BLINK 3 3 1", 21);
        let queue = replies(&fixture);
        let receiver = thread::spawn(move || {
            let select = Select::Type(MessageType::new(21).unwrap());
            queue.receive::<256>(select, Oversize::Keep).unwrap()
        });
        // One of them can come after the last flash and before the message that wakes the controller.
        let start = Instant::now();
        for reply_type in (31..=60).cycle() {
            if start.elapsed() > Duration::from_millis(8) {
                break;
            }
            watch(&fixture, "OFF", reply_type);
            // A full reply queue would lose the reply that the thread waits for.
            let others = Select::Except(MessageType::new(21).unwrap());
            while replies(&fixture)
                .try_receive::<256>(others, Oversize::Truncate)
                .is_ok()
            {}
        }
        wait_until("the end is reported", || receiver.is_finished());
        assert!(receiver.join().unwrap().text().starts_with(b"OK OFF\n"));
        fixture.command(&["toggle"]).assert_printed("on");
        fixture.command(&["toggle"]).assert_printed("off");
        while replies(&fixture)
            .try_receive::<256>(Select::Any, Oversize::Truncate)
            .is_ok()
        {}
    }
}

#[test]
fn more_watchers_than_the_controller_serves_sleep() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let watchers: Vec<Running> = (0..70)
        .map(|_| Running::start(fixture.program("command", None).args(["status", "--watch"])))
        .collect();
    watchers
        .iter()
        .for_each(|watcher| assert_eq!(watcher.line(), "off"));
    let switches = || controller.context_switches().iter().sum::<u64>();
    thread::sleep(Duration::from_secs(2));
    let before = switches();
    thread::sleep(Duration::from_secs(3));
    // Six have no place; each asks once a second.
    assert!(switches() - before < 200, "{}", switches() - before);
    fixture.command(&["on"]).assert_printed("on");
    watchers
        .iter()
        .for_each(|watcher| assert_eq!(watcher.line(), "on"));
}

#[test]
fn wait_sees_a_controller_with_another_lock_directory() {
    let fixture = Fixture::new();
    let mut wait = fixture.program("command", None);
    let wait = Running::start(wait.args(["wait", "on"]).env_remove("LED_LOCK_DIRECTORY"));
    wait.wait_for_log("no controller is running");
    let _controller = fixture.controller(&["--initial", "on"]);
    assert_eq!(wait.line(), "on");
    assert!(wait.wait().0.success());
}

#[test]
fn neither_program_wakes_up_while_nothing_changes() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let status = Running::start(fixture.program("command", None).args([
        "status",
        "--watch",
        "--timeout",
        "100ms",
    ]));
    assert_eq!(status.line(), "off");
    fixture.command(&["on"]).assert_printed("on");
    assert_eq!(status.line(), "on");
    let switches = || [controller.context_switches(), status.context_switches()];
    // This is not a wait for a condition: nothing may happen within this time. The first second is for the client to see that
    // its request was received.
    thread::sleep(Duration::from_secs(1));
    let before = switches();
    thread::sleep(Duration::from_secs(10));
    assert_eq!(switches(), before);
    fixture.command(&["off"]).assert_printed("off");
    assert_eq!(status.line(), "off");
}

#[test]
fn wait_ends_with_the_state() {
    let fixture = Fixture::new();
    let wait = Running::start(fixture.program("command", None).args(["wait", "on"]));
    wait.wait_for_log("no controller is running");
    let controller = fixture.controller(&[]);
    wait_until("it watches", || {
        fixture.queue().status().unwrap().last_sender == Some(wait.pid())
    });
    fixture
        .command(&["blink", "1h"])
        .assert_printed("blink 3600s 500ms");
    fixture.command(&["on"]).assert_printed("on");
    assert_eq!(wait.line(), "on");
    assert!(wait.wait().0.success());
    fixture
        .command(&["wait", "on", "--timeout", "1h"])
        .assert_printed("on");
    drop(controller);
}

#[test]
fn wait_with_a_timeout_ends_with_status_5() {
    let fixture = Fixture::new();
    let late = |parts: &[&str]| {
        fixture
            .command(&["wait", "on", "--timeout", "100ms"])
            .assert_failed(5, parts)
    };
    late(&[
        "no controller is running",
        "the LED was not on within 100ms",
    ]);
    let controller = fixture.controller(&[]);
    late(&["the LED was not on within 100ms; the LED is now off"]);
    controller.stop();
    late(&["no reply within 100ms", "the LED was not on within 100ms"]);
    let outcome = fixture.command(&["wait", "blink"]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    controller.signal(Signal::CONT);
}

#[test]
#[ignore = "needs python3-sysv-ipc"]
fn the_python_client_of_the_page_prints_each_change() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let page = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../man/led-controller.7"
    ))
    .unwrap();
    let code = page
        .split(".Bd -literal\n")
        .find(|part| part.contains("WATCH {state}"))
        .unwrap();
    let code = code.split("\n.Ed").next().unwrap().replace("\\e", "\\");
    let script = fixture.write("watch.py", &fixture.replace_keys(&code));
    let client = Running::start(Command::new("/usr/bin/python3").arg(script));
    assert_eq!(client.line(), "OFF");
    for (verb, state) in [("on", "ON"), ("off", "OFF")] {
        fixture.command(&[verb]).assert_printed(verb);
        assert_eq!(client.line(), state);
    }
    let outcome: Outcome = fixture.command(&["exit"]);
    outcome.assert_printed("ended");
    assert!(!client.wait().0.success());
    drop(controller);
}
