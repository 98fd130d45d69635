//! The verbs and options of both programs, and their exit statuses.

use std::fs::File;

use shared::{Access, Key, Queue};
use testing::{Fixture, Outcome, Running, Signal, wait_until};

#[test]
fn each_verb_has_its_effect_and_prints_the_state() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture.assert_led("off");
    fixture.command(&["on"]).assert_printed("on");
    assert_eq!(controller.line(), "LED on");
    fixture.assert_led("on");
    fixture.command(&["toggle"]).assert_printed("off");
    assert_eq!(controller.line(), "LED off");
    fixture.command(&["toggle"]).assert_printed("on");
    assert_eq!(controller.line(), "LED on");
    fixture.command(&["off"]).assert_printed("off");
    assert_eq!(controller.line(), "LED off");
    fixture.command(&["on"]).assert_printed("on");
    fixture.command(&["on"]).assert_printed("on");
    fixture.command(&["exit"]).assert_printed("ended");
    let (status, out, log) = controller.wait();
    assert!(status.success(), "{log:?}");
    assert_eq!(out, ["LED on", "LED off"]);
    assert!(fixture.has_no_queues());
}

#[test]
fn options_may_come_before_and_after_the_verb() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    fixture
        .command(&["--timeout", "5s", "on"])
        .assert_printed("on");
    fixture
        .command(&["off", "--timeout=5000ms"])
        .assert_printed("off");
}

#[test]
fn the_exit_status_is_right_even_if_the_error_cannot_be_written() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let fixture = Fixture::new();
    let client = fixture
        .program("command", None)
        .arg("on")
        .stderr(full())
        .status()
        .unwrap();
    assert_eq!(client.code(), Some(3));
    let mut controller = fixture.program("controller", None);
    let controller = controller
        .args(["--simulate", "--group", "no-such-group"])
        .stderr(full());
    for level in ["info", "off"] {
        assert_eq!(
            controller.env("RUST_LOG", level).status().unwrap().code(),
            Some(78)
        );
    }
}

#[test]
fn commands_are_not_sent_to_the_reply_queue() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let (key, reply) = (fixture.key.to_string(), fixture.key.reply().to_string());
    for arguments in [
        &["on", "--key", &reply][..],
        &["on", "--no-wait", "--key", &reply],
    ] {
        fixture.command(arguments).assert_failed(
            2,
            &[
                &format!("queue {reply} is a reply queue; nothing was sent"),
                &format!("use --key {key}"),
            ],
        );
    }
    let replies = Queue::open(fixture.key.reply(), Access::Find).unwrap();
    assert_eq!(replies.status().unwrap().messages, 0);
}

#[test]
fn an_invalid_log_level_is_reported() {
    let fixture = Fixture::new();
    for (level, is_reported) in [("inof", true), ("off", false), ("warn", false)] {
        let mut controller = fixture.program("controller", None);
        let mut controller = Running::start(controller.arg("--simulate").env("RUST_LOG", level));
        wait_until("the controller serves", || {
            !controller.is_running() || fixture.command(&["status"]).code == Some(0)
        });
        fixture.command(&["exit"]).assert_printed("ended");
        let log = controller.wait().2;
        assert_eq!(
            log.first()
                .is_some_and(|line| line.contains("RUST_LOG=inof logs nothing")),
            is_reported,
            "{log:?}"
        );
    }
}

#[test]
fn no_wait_queues_the_command_and_returns() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture
        .command(&["on", "--no-wait"])
        .assert_printed("queued");
    assert_eq!(controller.line(), "LED on");
    fixture
        .command(&["exit", "--no-wait"])
        .assert_printed("queued");
    assert!(controller.wait().0.success());
}

#[test]
fn initial_on_turns_the_led_on_at_the_start() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&["--initial", "on"]);
    assert_eq!(controller.line(), "LED on");
    fixture.assert_led("on");
    controller.signal(Signal::TERM);
    let (status, out, _) = controller.wait();
    assert!(status.success());
    assert_eq!(out, ["LED off"]);
}

#[test]
fn wrong_usage_is_exit_status_2() {
    let fixture = Fixture::new();
    fixture.command(&[]).assert_failed(2, &["<VERB>"]);
    let verbs = "known are on, off, toggle, blink, status, wait, exit, doctor";
    fixture
        .command(&["shine"])
        .assert_failed(2, &["unknown verb shine", verbs]);
    fixture
        .command(&["blink", "-1"])
        .assert_failed(2, &["'-1'", "a duration is a number"]);
    fixture
        .command(&["blink", "1s", "0"])
        .assert_failed(2, &["1ms to 1h"]);
    fixture
        .command(&["blink", "--count", "0"])
        .assert_failed(2, &["a count is from 1 to 1000000"]);
    fixture
        .command(&["blink", "--count", "+1"])
        .assert_failed(2, &["a count is from 1 to 1000000"]);
    fixture
        .command(&["doctor", "--no-wait"])
        .assert_failed(2, &["--no-wait"]);
    fixture
        .command(&["on", "--timeout", "0"])
        .assert_failed(2, &["1ms to 1h"]);
    fixture
        .command(&["on", "--key", "0"])
        .assert_failed(2, &["IPC_PRIVATE"]);
    fixture
        .command(&["status", "--no-wait"])
        .assert_failed(2, &["--no-wait"]);
    fixture
        .command(&["on", "--no-wait", "--timeout", "2s"])
        .assert_failed(2, &["--timeout"]);
    for (options, part) in [
        (["--mode", "0999"], "octal"),
        (["--mode", "+660"], "octal"),
        (["--mode", "0060"], "0600"),
        (["--key", "0"], "IPC_PRIVATE"),
        (["--initial", "dim"], "possible values: on, off"),
    ] {
        let outcome = fixture
            .program("controller", None)
            .arg("--simulate")
            .args(options)
            .output()
            .unwrap();
        Outcome::from(outcome).assert_failed(2, &[options[0], part]);
    }
}

#[test]
fn a_number_that_is_not_a_group_is_reported() {
    let fixture = Fixture::new();
    let mut controller = fixture.program("controller", None);
    let outcome = controller
        .args(["--simulate", "--group", "4294967295"])
        .output()
        .unwrap();
    Outcome::from(outcome).assert_failed(
        78,
        &[
            "there is no group 4294967295",
            "--group takes a name or a number",
        ],
    );
}

#[test]
fn an_empty_lock_directory_means_the_default_one() {
    let fixture = Fixture::new();
    let start = || {
        let mut controller = fixture.program("controller", None);
        Running::start(
            controller
                .arg("--simulate")
                .env("LED_LOCK_DIRECTORY", "")
                .current_dir(fixture.path()),
        )
    };
    let controller = start();
    assert!(controller.wait_for_log("").contains("ready"));
    assert!(!fixture.lock_file("lock").exists());
    // The lock is in the default directory, and works.
    assert!(
        start()
            .wait()
            .2
            .concat()
            .contains(&format!("(PID {}) uses key", controller.pid()))
    );
    fixture.command(&["exit"]).assert_printed("ended");
    assert!(controller.wait().0.success());
}

#[test]
fn without_a_controller_is_exit_status_3() {
    let fixture = Fixture::new();
    let key = fixture.key.to_string();
    for arguments in [&["on"][..], &["exit"], &["on", "--no-wait"]] {
        fixture
            .command(arguments)
            .assert_failed(3, &["no controller is running", &key, "--simulate"]);
    }
}

#[test]
fn a_stale_queue_is_exit_status_3_too() {
    let fixture = Fixture::new();
    fixture.controller(&[]).kill();
    fixture.command(&["on", "--timeout", "50ms"]).assert_failed(
        3,
        &[
            "no controller is running",
            "is stale, its 1 commands will be discarded",
        ],
    );
}

#[test]
fn a_controller_that_does_not_reply_is_exit_status_5_and_its_full_queue_6() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let pid = controller.pid();
    fixture.command(&["on", "--timeout", "50ms"]).assert_failed(
        5,
        &[
            "within 50ms",
            &format!("PID {pid}"),
            "1 message is waiting",
            "none was ever received",
            "kill -CONT",
        ],
    );
    let on = shared::Message::<8>::new(shared::MessageType::LED, b"ON").unwrap();
    let queue = fixture.queue();
    while queue.try_send(&on).is_ok() {}
    for (arguments, full) in [
        (&["on"][..], "was full for 2s"),
        (&["on", "--no-wait"], "is full"),
        (&["exit"], "was full"),
    ] {
        fixture.command(arguments).assert_failed(
            6,
            &[
                full,
                "nothing was sent",
                "messages are waiting",
                "none was ever received",
            ],
        );
    }
    controller.signal(Signal::CONT);
    wait_until("the controller continues", || {
        fixture.command(&["off"]).code == Some(0)
    });
    fixture.assert_led("off");
    fixture.command(&["exit"]).assert_printed("ended");
    assert!(controller.wait().0.success());
}

#[test]
fn a_queue_without_a_reply_queue_accepts_only_no_wait() {
    let fixture = Fixture::new();
    let mode = shared::Mode::new(0o600).unwrap();
    let queue = shared::Queue::create(fixture.key, mode).unwrap();
    fixture
        .command(&["on", "--timeout", "50ms"])
        .assert_failed(5, &[&fixture.key.reply().to_string(), "--no-wait"]);
    fixture
        .command(&["on", "--no-wait"])
        .assert_printed("queued");
    let sent = queue
        .try_receive::<256>(shared::Select::Any, shared::Oversize::Keep)
        .unwrap();
    assert_eq!(sent.text(), b"ON\0");
}

#[test]
fn nothing_is_sent_to_a_neighbours_reply_queue() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    // A controller with the key after that of the replies: our replies have the key before its commands.
    let (ours, replies) = (fixture.key, fixture.key.reply());
    let next = Key::new(replies.get() + 1).unwrap();
    let mut neighbour = fixture.program("controller", None);
    let neighbour = Running::start(neighbour.args(["--simulate", "--key", &next.to_string()]));
    neighbour.wait_for_log("ready");
    for arguments in [&["on"][..], &["on", "--no-wait"]] {
        let parts = [
            format!("queue {replies} is a reply queue; nothing was sent"),
            format!("use --key {ours}"),
        ];
        let outcome = fixture.command(&[arguments, &["--key", &replies.to_string()]].concat());
        outcome.assert_failed(2, &[&parts[0], &parts[1]]);
    }
    assert_eq!(
        Queue::open(replies, Access::Find)
            .unwrap()
            .status()
            .unwrap()
            .last_sender,
        None
    );
    neighbour.signal(Signal::TERM);
    assert!(neighbour.wait().0.success());
}
