//! What a person types, and what happens.

use std::fs::File;

use acceptance::{Place, Running, Signal, wait_until};
use shared::{Access, Queue};

#[test]
fn each_verb_has_its_effect_and_prints_the_state() {
    let place = Place::new();
    let controller = place.controller(&[]);
    place.led_is("off");
    place.command(&["on"]).printed("on");
    assert_eq!(controller.line(), "LED on");
    place.led_is("on");
    place.command(&["toggle"]).printed("off");
    assert_eq!(controller.line(), "LED off");
    place.command(&["toggle"]).printed("on");
    assert_eq!(controller.line(), "LED on");
    place.command(&["off"]).printed("off");
    assert_eq!(controller.line(), "LED off");
    place.command(&["on"]).printed("on");
    place.command(&["on"]).printed("on");
    place.command(&["exit"]).printed("ended");
    let (status, out, log) = controller.end();
    assert!(status.success(), "{log:?}");
    assert_eq!(out, ["LED on", "LED off"]);
    assert!(place.is_clean());
}

#[test]
fn options_may_stand_before_and_after_the_verb() {
    let place = Place::new();
    let _controller = place.controller(&[]);
    place.command(&["--timeout", "5s", "on"]).printed("on");
    place.command(&["off", "--timeout=5000ms"]).printed("off");
}

#[test]
fn the_exit_status_tells_where_the_error_cannot_be_written() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let place = Place::new();
    let client = place.program("command", None).arg("on").stderr(full()).status().unwrap();
    assert_eq!(client.code(), Some(3));
    let mut controller = place.program("controller", None);
    let controller = controller.args(["--simulate", "--group", "no-such-group"]).stderr(full());
    for level in ["info", "off"] {
        assert_eq!(controller.env("RUST_LOG", level).status().unwrap().code(), Some(78));
    }
}

#[test]
fn commands_are_not_put_among_the_answers() {
    let place = Place::new();
    let _controller = place.controller(&[]);
    let (key, reply) = (place.key.to_string(), place.key.reply().to_string());
    for arguments in [&["on", "--key", &reply][..], &["on", "--no-wait", "--key", &reply]] {
        place
            .command(arguments)
            .failed(2, &[&format!("queue {reply} is a reply queue; nothing was sent"), &format!("use --key {key}")]);
    }
    let replies = Queue::open(place.key.reply(), Access::Find).unwrap();
    assert_eq!(replies.status().unwrap().messages, 0);
}

#[test]
fn a_level_that_is_none_is_named() {
    let place = Place::new();
    for (level, is_named) in [("inof", true), ("off", false), ("warn", false)] {
        let mut controller = place.program("controller", None);
        let mut controller = Running::start(controller.arg("--simulate").env("RUST_LOG", level));
        wait_until("it serves", || !controller.is_running() || place.command(&["status"]).code == Some(0));
        place.command(&["exit"]).printed("ended");
        let log = controller.end().2;
        assert_eq!(log.first().is_some_and(|line| line.contains("RUST_LOG=inof logs nothing")), is_named, "{log:?}");
    }
}

#[test]
fn no_wait_queues_the_command_and_returns() {
    let place = Place::new();
    let controller = place.controller(&[]);
    place.command(&["on", "--no-wait"]).printed("queued");
    assert_eq!(controller.line(), "LED on");
    place.command(&["exit", "--no-wait"]).printed("queued");
    assert!(controller.end().0.success());
}

#[test]
fn the_led_is_lit_from_the_start_where_that_is_asked_for() {
    let place = Place::new();
    let controller = place.controller(&["--initial", "on"]);
    assert_eq!(controller.line(), "LED on");
    place.led_is("on");
    controller.signal(Signal::TERM);
    let (status, out, _) = controller.end();
    assert!(status.success());
    assert_eq!(out, ["LED off"]);
}

#[test]
fn wrong_usage_is_exit_status_2() {
    let place = Place::new();
    place.command(&[]).failed(2, &["<VERB>"]);
    let verbs = "known are on, off, toggle, blink, status, exit, doctor";
    place.command(&["shine"]).failed(2, &["unknown verb shine", verbs]);
    place.command(&["blink", "-1"]).failed(2, &["'-1'", "a duration is a number"]);
    place.command(&["blink", "1s", "0"]).failed(2, &["1ms to 1h"]);
    place.command(&["blink", "--count", "0"]).failed(2, &["a count is from 1 to 1000000"]);
    place.command(&["blink", "--count", "+1"]).failed(2, &["a count is from 1 to 1000000"]);
    place.command(&["doctor", "--no-wait"]).failed(2, &["--no-wait"]);
    place.command(&["on", "--timeout", "0"]).failed(2, &["1ms to 1h"]);
    place.command(&["on", "--key", "0"]).failed(2, &["IPC_PRIVATE"]);
    place.command(&["status", "--no-wait"]).failed(2, &["--no-wait"]);
    place.command(&["on", "--no-wait", "--timeout", "2s"]).failed(2, &["--timeout"]);
    for (options, said) in [
        (["--mode", "0999"], "octal"),
        (["--mode", "+660"], "octal"),
        (["--mode", "0060"], "0600"),
        (["--key", "0"], "IPC_PRIVATE"),
        (["--initial", "dim"], "possible values: on, off"),
    ] {
        let outcome = place.program("controller", None).arg("--simulate").args(options).output().unwrap();
        acceptance::Outcome::from(outcome).failed(2, &[options[0], said]);
    }
}

#[test]
fn a_number_that_is_no_group_is_named() {
    let place = Place::new();
    let mut controller = place.program("controller", None);
    let outcome = controller.args(["--simulate", "--group", "4294967295"]).output().unwrap();
    acceptance::Outcome::from(outcome)
        .failed(78, &["there is no group 4294967295", "--group takes a name or a number"]);
}

#[test]
fn an_empty_lock_directory_is_as_good_as_none() {
    let place = Place::new();
    let start = || {
        let mut controller = place.program("controller", None);
        Running::start(controller.arg("--simulate").env("LED_LOCK_DIRECTORY", "").current_dir(place.path()))
    };
    let controller = start();
    assert!(controller.wait_for_log("").contains("ready"));
    assert!(!place.lock_file("lock").exists());
    // The lock is in the usual directory, and works.
    assert!(start().end().2.concat().contains(&format!("(PID {}) uses key", controller.pid())));
    place.command(&["exit"]).printed("ended");
    assert!(controller.end().0.success());
}

#[test]
fn without_a_controller_is_exit_status_3() {
    let place = Place::new();
    let key = place.key.to_string();
    for arguments in [&["on"][..], &["exit"], &["on", "--no-wait"]] {
        place.command(arguments).failed(3, &["no controller is running", &key, "--simulate"]);
    }
}

#[test]
fn a_queue_that_nobody_serves_is_exit_status_3_too() {
    let place = Place::new();
    place.controller(&[]).kill();
    place
        .command(&["on", "--timeout", "50ms"])
        .failed(3, &["no controller is running", "is stale, its commands (1) will be discarded"]);
}

#[test]
fn a_controller_that_does_not_answer_is_exit_status_5_and_its_full_queue_6() {
    let place = Place::new();
    let controller = place.controller(&[]);
    controller.stop();
    let pid = controller.pid();
    place.command(&["on", "--timeout", "50ms"]).failed(
        5,
        &["within 50ms", &format!("PID {pid}"), "1 message is waiting", "none was ever received", "kill -CONT"],
    );
    let on = shared::Message::<8>::new(shared::MessageType::LED, b"ON").unwrap();
    let queue = place.queue();
    while queue.try_send(&on).is_ok() {}
    for arguments in [&["on"][..], &["on", "--no-wait"], &["exit"]] {
        place
            .command(arguments)
            .failed(6, &["is full", "nothing was sent", "messages are waiting", "none was ever received"]);
    }
    controller.signal(Signal::CONT);
    wait_until("the queue is read again", || place.command(&["off"]).code == Some(0));
    place.led_is("off");
    place.command(&["exit"]).printed("ended");
    assert!(controller.end().0.success());
}

#[test]
fn a_queue_without_a_reply_queue_is_a_controller_that_cannot_answer() {
    let place = Place::new();
    let mode = shared::Mode::new(0o600).unwrap();
    let queue = shared::Queue::create(place.key, mode).unwrap();
    place.command(&["on", "--timeout", "50ms"]).failed(5, &[&place.key.reply().to_string(), "--no-wait"]);
    place.command(&["on", "--no-wait"]).printed("queued");
    let sent = queue.try_receive::<256>(shared::Select::Any, shared::Oversize::Keep).unwrap();
    assert_eq!(sent.text(), b"ON\0");
}
