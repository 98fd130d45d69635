//! The verbs and options of both programs, and their exit statuses.

use std::fs::File;

use shared::{Key, Mode, Oversize, Queue, Select};
use testing::{Fixture, Outcome, Running, Signal, wait_until};

#[test]
fn each_verb_has_its_effect_and_prints_the_state() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture.assert_led("off");
    for (verb, state) in [
        ("on", "on"),
        ("toggle", "off"),
        ("toggle", "on"),
        ("off", "off"),
    ] {
        fixture.command(&[verb]).assert_printed(state);
        assert_eq!(controller.line(), format!("LED {state}"));
        fixture.assert_led(state);
    }
    fixture.command(&["on"]).assert_printed("on");
    fixture.command(&["on"]).assert_printed("on");
    assert_eq!(fixture.exit(controller).out, "LED on\nLED off\n");
}

#[test]
fn options_may_come_before_and_after_the_verb() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&["--initial", "on"]);
    assert_eq!(controller.line(), "LED on");
    let before = fixture.command(&["--timeout", "5s", "off"]);
    before.assert_printed("off");
    let after = fixture.command(&["on", "--timeout=5000ms"]);
    after.assert_printed("on");
    for verb in ["off", "exit"] {
        let queued = fixture.command(&[verb, "--no-wait"]);
        queued.assert_printed("queued");
    }
    let ended = fixture.assert_clean_end(controller);
    assert_eq!(ended.out, "LED off\nLED on\nLED off\n");
}

#[test]
fn the_exit_status_is_right_even_if_the_error_cannot_be_written() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let fixture = Fixture::new();
    let mut client = fixture.program("command", None);
    let status = client.arg("on").stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(3));
    for level in ["info", "off"] {
        let mut controller = fixture.simulated(&["--group", "no-such-group"]);
        let controller = controller.stderr(full()).env("RUST_LOG", level);
        assert_eq!(controller.status().unwrap().code(), Some(78));
    }
}

#[test]
fn the_reason_for_its_end_is_printed_even_if_the_log_is_off() {
    let fixture = Fixture::new();
    let mut controller = fixture.program("controller", None);
    controller.args(["--line", "NO SUCH LINE"]);
    let outcome = Outcome::of(controller.env("RUST_LOG", "off"));
    outcome.assert_code(1);
    // With or without a GPIO chip on this machine.
    let no_chip = "this machine has no GPIO chip (/dev/gpiochip*); --simulate runs without one";
    let reasons = [no_chip, "no line is named"];
    let has_reason = reasons.iter().any(|reason| outcome.err.contains(reason));
    assert!(has_reason, "{}", outcome.err);
}

#[test]
fn an_invalid_log_level_is_reported() {
    let fixture = Fixture::new();
    for (level, is_reported) in [("inof", true), ("off", false), ("warn", false)] {
        let controller = Running::start(fixture.simulated(&[]).env("RUST_LOG", level));
        fixture.wait_until_served();
        let log = fixture.exit(controller).err;
        assert_eq!(log.contains("RUST_LOG=inof logs nothing"), is_reported);
    }
}

#[test]
fn wrong_usage_is_exit_status_2() {
    let fixture = Fixture::new();
    let verbs = "known are on, off, toggle, blink, flash, status, wait, exit, list, doctor";
    for (arguments, parts) in [
        ("", &["<VERB>"][..]),
        ("shine", &["unknown verb shine", verbs]),
        ("blink -1", &["'-1'", "a duration is a number"]),
        ("blink 1s 0", &["1ms to 1h"]),
        ("blink --count 0", &["a count is from 1 to 1000000"]),
        ("blink --count +1", &["a count is from 1 to 1000000"]),
        ("--count 3 blink", &["--count"]),
        ("doctor --no-wait", &["--no-wait"]),
        ("list --no-wait", &["--no-wait"]),
        ("on --key Door", &["a name: a lower-case letter"]),
        ("on --timeout 0", &["1ms to 1h"]),
        ("on --key 0", &["IPC_PRIVATE"]),
        ("status --no-wait", &["--no-wait"]),
        ("on --no-wait --timeout 2s", &["--timeout"]),
        ("wait blink", &["possible values: on, off"]),
        (
            "on --owner no-such-user",
            &["there is no user no-such-user"],
        ),
    ] {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        fixture.command(&arguments).assert_failed(2, parts);
    }
    for (options, part) in [
        (["--mode", "0999"], "octal"),
        (["--mode", "+660"], "octal"),
        (["--mode", "0060"], "0600"),
        (["--key", "0"], "IPC_PRIVATE"),
        (["--initial", "dim"], "possible values: on, off"),
    ] {
        Outcome::of(&mut fixture.simulated(&options)).assert_failed(2, &[options[0], part]);
    }
}

#[test]
fn a_group_that_does_not_exist_is_reported() {
    let fixture = Fixture::new();
    for (group, advice) in [
        ("no-such-group", "groupadd --system no-such-group"),
        ("4294967295", "--group takes a name or a number"),
    ] {
        let outcome = Outcome::of(&mut fixture.simulated(&["--group", group]));
        outcome.assert_failed(78, &[&format!("there is no group {group}"), advice]);
    }
}

#[test]
fn an_empty_lock_directory_means_the_default_one() {
    let fixture = Fixture::new();
    let start = || {
        let mut controller = fixture.simulated(&[]);
        controller.env("LED_LOCK_DIRECTORY", "");
        Running::start(controller.current_dir(fixture.path()))
    };
    let controller = start();
    assert!(controller.wait_for_log("").contains("ready"));
    assert!(!fixture.lock_file("lock").exists());
    // The lock is in the default directory, and works.
    let held = format!("(PID {}) uses key", controller.pid());
    start().wait().assert_failed(1, &[&held]);
    fixture.exit(controller);
}

#[test]
fn an_explicit_timeout_waits_for_the_start_of_a_controller() {
    let fixture = Fixture::new();
    let too_early = fixture.command(&["status", "--timeout", "20ms"]);
    too_early.assert_failed(3, &["no controller is running"]);
    let early = ["on", "toggle", "off"].map(|verb| fixture.client(&[verb, "--timeout", "60s"]));
    let _controller = fixture.controller(&[]);
    for client in early {
        client.wait().assert_code(0);
    }
}

#[test]
fn without_a_controller_is_exit_status_3() {
    let fixture = Fixture::new();
    let key = fixture.key.to_string();
    for arguments in [&["on"][..], &["exit"], &["on", "--no-wait"]] {
        let outcome = fixture.command(arguments);
        outcome.assert_failed(3, &["no controller is running", &key, "--simulate"]);
    }
    fixture.controller(&[]).kill();
    let stale = "is stale, its 1 command will be discarded";
    fixture
        .command(&["on", "--timeout", "50ms"])
        .assert_failed(3, &["no controller is running", stale]);
}

#[test]
fn a_controller_that_does_not_reply_is_exit_status_5_and_its_full_queue_6() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let pid = format!("PID {}", controller.pid());
    let none = "none was ever received";
    let parts = [
        "within 50ms",
        &pid,
        "1 message is waiting",
        none,
        "kill -CONT",
    ];
    fixture
        .command(&["on", "--timeout", "50ms"])
        .assert_failed(5, &parts);
    fixture.fill(b"ON");
    for (arguments, full) in [
        (&["on", "--timeout", "50ms"][..], "was full for 50ms"),
        (&["on", "--no-wait"], "is full"),
        (&["exit", "--timeout", "2s"], "was full for 2s"),
    ] {
        let parts = [full, "nothing was sent", "messages are waiting", none];
        fixture.command(arguments).assert_failed(6, &parts);
    }
    controller.signal(Signal::CONT);
    wait_until("the controller continues", || {
        fixture.command(&["off"]).code == Some(0)
    });
    fixture.assert_led("off");
    fixture.exit(controller);
}

#[test]
fn a_queue_without_a_reply_queue_accepts_only_no_wait() {
    let fixture = Fixture::new();
    let queue = Queue::create(fixture.key, Mode::new(0o600).unwrap()).unwrap();
    fixture
        .command(&["on", "--timeout", "50ms"])
        .assert_failed(5, &[&fixture.key.reply().to_string(), "--no-wait"]);
    let queued = fixture.command(&["on", "--no-wait"]);
    queued.assert_printed("queued");
    let sent = queue.try_receive::<256>(Select::Any, Oversize::Keep);
    assert_eq!(sent.unwrap().text(), b"ON\0");
}

#[test]
fn nothing_is_sent_to_a_reply_queue() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    // A controller with the key after that of the replies: our replies have the key before its commands.
    let (ours, replies) = (fixture.key, fixture.key.reply());
    let next = Key::new(replies.get() + 1).unwrap().to_string();
    let mut neighbour = fixture.simulated(&["--key", &next]);
    let neighbour = Running::start(&mut neighbour).when_ready();
    let parts = [
        format!("queue {replies} is a reply queue; nothing was sent"),
        format!("use --key {ours}"),
    ];
    for arguments in [&["on"][..], &["on", "--no-wait"]] {
        let outcome = fixture.command(&[arguments, &["--key", &replies.to_string()]].concat());
        outcome.assert_failed(2, &[&parts[0], &parts[1]]);
    }
    // The controller marked the queue as its own.
    let status = fixture.replies().status().unwrap();
    assert_eq!(
        (status.last_sender, status.messages),
        (Some(controller.pid()), 0)
    );
    neighbour.signal(Signal::TERM);
    neighbour.wait().assert_code(0);
}
