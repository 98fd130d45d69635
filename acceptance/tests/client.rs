//! What the client concludes, prints and leaves behind, when a controller is killed, stopped, replaced or not trusted.

use std::{
    fs, io,
    process::Command,
    time::{Duration, Instant},
};

use shared::{Mode, Queue};
use testing::{Fixture, OTHER_USER, Outcome, Running, Signal, programs, rounds, wait_until};

/// A wrapper with a user namespace of its own. The kernel creates none for a process in a chroot, so this leaves it, and returns.
const USER_NAMESPACE: [&str; 3] = [
    "sh",
    "-c",
    "exec 9</ && exec nsenter --mount=/proc/self/ns/mnt unshare --user --root=/proc/self/fd/9 \"$0\" \"$@\"",
];

#[test]
#[ignore = "needs strace"]
fn a_command_whose_reply_cannot_be_received_may_have_been_applied() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let fails = "--inject=msgrcv:error=ENOSYS";
    let strace = [
        "strace",
        "--follow-forks",
        "--output=/dev/null",
        "--trace=msgrcv",
        fails,
    ];
    for (verb, line) in [("on", "LED on"), ("toggle", "LED off")] {
        let outcome = Outcome::of(fixture.wrapped(&strace, "command").arg(verb));
        outcome.assert_failed(
            5,
            &[
                "Function not implemented",
                "the command may have been applied",
            ],
        );
        assert_eq!(controller.line(), line);
    }
}

#[test]
#[ignore = "needs strace"]
fn a_toggle_of_a_controller_killed_before_its_reply_may_have_been_applied() {
    let fixture = Fixture::new();
    // A call of msgsnd(2) marks the reply queue, and each reply is one.
    let kill = "--inject=msgsnd:signal=KILL:when=3";
    let strace = ["strace", "--follow-forks", "--output=/dev/null", kill];
    let controller = Running::start(&mut fixture.wrapped(&strace, "controller")).when_ready();
    // So that the last receive before the toggle is, mostly, in the second of that of the toggle.
    fixture.assert_led("off");
    let toggle = fixture.client(&["toggle", "--timeout", "3s"]);
    assert_ne!(controller.wait().code, Some(0));
    // Another client's message waits in the queue of the killed one.
    fixture.send(1, b"ON");
    let parts = ["the reply was lost, and the command may have been applied"];
    toggle.wait().assert_failed(5, &parts);
}

#[test]
fn a_status_while_a_controller_starts_has_a_state_or_an_error() {
    for _ in 0..rounds(30, 300) {
        let fixture = Fixture::new();
        let controller = Running::start(&mut fixture.simulated(&[]));
        let outcome = fixture.command(&["status"]);
        match outcome.code {
            Some(0) => assert!(outcome.out.starts_with("off (queue "), "{outcome:?}"),
            code => assert_eq!(code, Some(3), "{outcome:?}"),
        }
        controller.wait_for_log("ready");
    }
}

#[test]
fn followers_of_a_stopped_controller_have_one_question_each_in_its_queue() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let follow = |_| fixture.client(&["status", "--watch", "--timeout", "100ms"]);
    let followers: Vec<Running> = (0..5).map(follow).collect();
    for follower in &followers {
        follower.wait_for_log("no reply within 100ms");
    }
    // Longer than any of them waits before it looks again.
    let start = Instant::now();
    wait_until("they had the time to ask again", || {
        let waiting = fixture.queue().status().unwrap().messages;
        assert!(waiting <= 5, "{waiting}");
        start.elapsed() > Duration::from_secs(3)
    });
    controller.signal(Signal::CONT);
    for follower in &followers {
        assert_eq!(follower.line(), "off");
    }
    assert_eq!(fixture.replies().status().unwrap().messages, 0);
}

#[test]
fn a_client_of_a_stopped_controller_without_a_reply_queue_asks_once_for_one() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    fixture.replies().remove().unwrap();
    let outcome = fixture.command(&["toggle", "--timeout", "1s"]);
    outcome.assert_failed(5, &["no reply within 1s", "does not read its queue"]);
    assert_eq!(fixture.queue().status().unwrap().messages, 1);
    // It was not sent.
    controller.signal(Signal::CONT);
    fixture.assert_led("off");
    // Nor is a command that may be sent again sent more often.
    controller.stop();
    let on = fixture.client(&["on", "--timeout", "1s"]);
    fixture.wait_until_sent(1);
    fixture.replies().remove().unwrap();
    on.wait().assert_failed(5, &["no reply within 1s"]);
    assert_eq!(fixture.queue().status().unwrap().messages, 2);
    controller.signal(Signal::CONT);
    fixture.assert_led("on");
}

#[test]
fn watchers_that_give_up_leave_at_most_as_many_replies_as_the_controller_knows_watchers() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    for _ in 0..rounds(100, 300) {
        let outcome = fixture.command(&["wait", "on", "--timeout", "1ms"]);
        outcome.assert_failed(5, &["the LED was not on within 1ms"]);
    }
    fixture.command(&["on"]).assert_printed("on");
    assert!(fixture.replies().status().unwrap().messages <= 64);
    let log = fixture.terminate(controller).err;
    assert!(!log.contains("dropped"), "{log}");
}

#[test]
#[ignore = "needs perl"]
fn an_alarm_that_was_set_before_its_start_ends_it() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let mut perl = fixture.wrapped(&["perl", "-e", "alarm 1; exec @ARGV"], "command");
    let outcome = Outcome::of(perl.args(["wait", "on"]));
    // Killed by SIGALRM.
    assert_eq!(outcome.code, None, "{outcome:?}");
}

#[test]
#[ignore = "needs strace"]
fn an_error_of_poll_is_no_event() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let log = fixture.path().join("polls");
    let output = format!("--output={}", log.display());
    let strace = ["strace", "--follow-forks", &output, "--trace=poll,ppoll"];
    let fails = "--inject=poll,ppoll:error=ENOMEM";
    let mut strace = fixture.wrapped(&[&strace[..], &[fails]].concat(), "command");
    let outcome = Outcome::of(strace.args(["wait", "on", "--timeout", "2s"]));
    outcome.assert_failed(5, &["the LED was not on within 2s"]);
    let polls = fs::read_to_string(&log).unwrap();
    assert!(polls.lines().count() < 50, "{polls}");
    drop(controller);
}

#[test]
fn watch_ends_with_its_reader_while_the_controller_is_stopped() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let (reader, writer) = io::pipe().unwrap();
    let mut watch = fixture.program("command", None);
    watch
        .args(["status", "--watch", "--timeout", "1h"])
        .stdout(writer);
    let watch = Running::start_with_own_output(&mut watch);
    drop(reader);
    assert_eq!(watch.wait().code, Some(0));
}

#[test]
#[ignore = "needs root and unshare"]
fn a_user_whom_the_namespace_does_not_map_is_not_trusted() {
    let fixture = Fixture::new();
    let mut controller = fixture.program("controller", Some(OTHER_USER));
    let controller = Running::start(controller.args(["--simulate", "--mode", "0666"])).when_ready();
    let outcome = Outcome::of(fixture.wrapped(&USER_NAMESPACE, "command").arg("on"));
    outcome.assert_failed(4, &["does not map", "nothing was sent"]);
    assert_eq!(fixture.queue().status().unwrap().last_sender, None);
    drop(controller);
}

#[test]
#[ignore = "needs root and unshare"]
fn in_an_ipc_namespace_of_its_own_it_says_so() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let outcome = Outcome::of(fixture.wrapped(&["unshare", "--ipc"], "command").arg("on"));
    outcome.assert_failed(3, &["namespace of its own", "--ipc=host"]);
}

#[test]
#[ignore = "needs root"]
fn a_member_waits_for_queues_that_are_closed_or_gone() {
    let fixture = Fixture::new();
    let group = OTHER_USER.to_string();
    // So that the state of a queue is found by looking at all of them.
    let others: Vec<_> = (0..200)
        .map(|_| Queue::private(Mode::new(0o600).unwrap()).unwrap())
        .collect();
    for mode in ["0620", "0660"] {
        for _ in 0..rounds(10, 200) {
            let options = ["--group", group.as_str(), "--mode", mode];
            let first = fixture.controller(&options);
            first.signal(Signal::TERM);
            let mut on = fixture.program("command", Some(OTHER_USER));
            let on = Running::start(on.args(["on", "--timeout", "10s"]));
            first.wait().assert_code(0);
            let next = fixture.controller(&options);
            let outcome = on.wait();
            assert!(matches!(outcome.code, Some(0 | 3)), "{outcome:?}");
            next.signal(Signal::TERM);
            next.wait().assert_code(0);
        }
    }
    drop(others);
}

#[test]
fn what_is_typed_wrong_is_named() {
    let fixture = Fixture::new();
    for (arguments, parts) in [
        (&["on\r"][..], &[r#""on\r""#, "line endings"][..]),
        (&["blink", "500", "500"], &["500 what?", "500ms", "500s"]),
        (&["blink", "1", "61"], &["61 what?"]),
        (&[], &["no verb given", "on, off, toggle"]),
        (&["o"], &["unknown verb o;"]),
    ] {
        fixture.command(arguments).assert_failed(2, parts);
    }
    let help = fixture.command(&["help"]);
    help.assert_code(0);
    assert!(help.out.contains("Turn the LED on"), "{help:?}");
    let version = format!("led {}", env!("CARGO_PKG_VERSION"));
    fixture.command(&["--version"]).assert_printed(&version);
}

#[test]
fn help_takes_a_verb() {
    let help =
        |arguments: &[&str]| Outcome::of(Command::new(programs().join("command")).args(arguments));
    let blink = help(&["help", "blink"]);
    blink.assert_code(0);
    assert_eq!(blink.out, help(&["blink", "-h"]).out);
    assert_eq!(help(&["help"]).out, help(&["-h"]).out);
    help(&["help", "blnik"]).assert_failed(2, &["unknown verb blnik; known are on, "]);
}

#[test]
#[ignore = "needs root and unshare"]
fn a_mistyped_key_gets_those_that_are_served() {
    let fixture = Fixture::new();
    let unshare = ["unshare", "--ipc"];
    let mut controller = fixture.wrapped(&unshare, "controller");
    let controller = Running::start(controller.args(["--key", "door"])).when_ready();
    let enter = [
        "nsenter",
        "--ipc",
        "--target",
        &controller.pid().to_string(),
    ];
    let mut led = fixture.wrapped(&enter, "command");
    let mistyped = Outcome::of(led.args(["--key", "dor", "on"]));
    mistyped.assert_failed(
        3,
        &["no queue has key dor; use a --key that \"led list\" shows (door), or run "],
    );
}

#[test]
fn a_negative_key_is_that_of_ftok() {
    let fixture = Fixture::new();
    let mut off = fixture.program("command", None);
    // The last key counts.
    let outcome = Outcome::of(off.args(["off", "--key", "-1234"]));
    outcome.assert_failed(3, &["no queue has key 4294966062"]);
}
