//! A command is applied at most once, and its reply goes to the client that sent it.

use std::{fs, process::Command};

use shared::{Access, Key, Message, MessageType, Oversize, Queue, Select};
use testing::{Fixture, Outcome, Running, Signal, wait_until};

/// A stopped client that has sent its command. Its reply is in the reply queue.
fn stopped_client(fixture: &Fixture, controller: &Running, arguments: &[&str]) -> Running {
    controller.stop();
    let client = waiting_client(fixture, arguments);
    client.stop();
    controller.signal(Signal::CONT);
    let replies = Queue::open(fixture.key.reply(), Access::Find).unwrap();
    wait_until("the reply is sent", || {
        replies.status().unwrap().messages == 1
    });
    client
}

/// A client that has sent its command to a stopped controller.
fn waiting_client(fixture: &Fixture, arguments: &[&str]) -> Running {
    let client = Running::start(
        fixture
            .program("command", None)
            .args(["--timeout", "60s"])
            .args(arguments),
    );
    wait_until("the client has sent its command", || {
        fixture.queue().status().unwrap().messages == 1
    });
    client
}

fn remove(key: Key) {
    Queue::open(key, Access::Find).unwrap().remove().unwrap();
}

#[track_caller]
fn assert_ended(client: Running, code: i32, line: Option<&str>, parts: &[&str]) {
    let (status, out, log) = client.wait();
    let log = log.join("\n");
    assert_eq!(
        (status.code(), out.first().map(String::as_str)),
        (Some(code), line),
        "{log}"
    );
    assert!(parts.iter().all(|part| log.contains(part)), "{log}");
}

#[test]
fn a_reply_that_is_removed_with_its_queue_is_requested_again() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let client = stopped_client(&fixture, &controller, &["on"]);
    remove(fixture.key.reply());
    client.signal(Signal::CONT);
    assert_ended(client, 0, Some("on"), &[]);
}

#[test]
fn a_toggle_whose_reply_is_removed_is_not_sent_again_and_the_state_is_reported() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let client = stopped_client(&fixture, &controller, &["toggle"]);
    remove(fixture.key.reply());
    client.signal(Signal::CONT);
    assert_ended(
        client,
        5,
        None,
        &["the reply was lost, and the command may have been applied; the LED is now on"],
    );
    controller.signal(Signal::TERM);
    assert_eq!(controller.wait().1, ["LED on", "LED off"]);
}

#[test]
fn a_toggle_that_a_killed_controller_applied_is_not_sent_to_the_next() {
    let fixture = Fixture::new();
    let killed = fixture.controller(&[]);
    let client = stopped_client(&fixture, &killed, &["toggle"]);
    killed.kill();
    let next = fixture.controller(&[]);
    client.signal(Signal::CONT);
    assert_ended(
        client,
        5,
        None,
        &["may have been applied; the LED is now off"],
    );
    next.signal(Signal::TERM);
    assert!(next.wait().1.is_empty());
}

#[test]
#[ignore = "needs strace"]
fn a_toggle_that_was_applied_before_a_kill_is_not_reported_as_unsent() {
    let fixture = Fixture::new();
    let program = fixture.program("controller", None);
    // Killed before it replies, or so slow that it is ended before.
    for inject in [
        "inject=msgsnd:signal=KILL:when=1",
        "inject=msgsnd:delay_enter=2000000:when=1",
    ] {
        let mut strace = Command::new("strace");
        strace.args([
            "-D",
            "-f",
            "-e",
            "trace=msgsnd",
            "-e",
            inject,
            "-o",
            "/dev/null",
        ]);
        strace
            .arg(program.get_program())
            .args(program.get_args())
            .arg("--simulate");
        let controller = Running::start(strace.env("LED_LOCK_DIRECTORY", fixture.path()));
        controller.wait_for_log("ready");
        let outcome = fixture.command(&["toggle", "--timeout", "500ms"]);
        assert_eq!(
            (outcome.code, outcome.out.as_str()),
            (Some(5), ""),
            "{outcome:?}"
        );
        assert_eq!(controller.line(), "LED on");
        drop(controller);
        let mut turn_off = fixture.program("controller", None);
        assert!(
            turn_off
                .args(["--simulate", "--turn-off"])
                .status()
                .unwrap()
                .success()
        );
    }
}

#[test]
fn a_reply_that_does_not_match_the_command_is_not_believed() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let client = waiting_client(&fixture, &["on"]);
    // A member of the group can do this under mode 0660: receive the command, and have another one replied to instead.
    let commands = Queue::open(fixture.key, Access::SendAndReceive).unwrap();
    let taken: Message = commands.receive(Select::Any, Oversize::Keep).unwrap();
    let text = String::from_utf8(taken.text().to_vec()).unwrap();
    fixture.send(1, text.replace("ON", "STATUS").as_bytes());
    controller.signal(Signal::CONT);
    assert_ended(
        client,
        5,
        None,
        &["may have been applied; the LED is now off"],
    );
}

#[test]
fn a_toggle_that_a_killed_controller_did_not_receive_is_sent_to_the_next() {
    let fixture = Fixture::new();
    let killed = fixture.controller(&[]);
    killed.stop();
    let client = waiting_client(&fixture, &["toggle"]);
    killed.kill();
    let next = fixture.controller(&[]);
    assert_ended(client, 0, Some("on"), &[]);
    next.signal(Signal::TERM);
    assert_eq!(next.wait().1, ["LED on", "LED off"]);
}

#[test]
fn a_refusal_is_reported_even_if_the_reply_queue_was_removed() {
    let fixture = Fixture::new();
    let output = fixture.write("output", "");
    let program = fixture.program("controller", None);
    let mut shell = Command::new("bash");
    shell.args([
        "-c",
        "output=$1; shift; ulimit -f 0; exec \"$0\" \"$@\" --simulate >\"$output\"",
    ]);
    shell
        .arg(program.get_program())
        .arg(output)
        .args(program.get_args());
    let controller = Running::start(shell.env("LED_LOCK_DIRECTORY", fixture.path()));
    controller.wait_for_log("ready");
    controller.stop();
    let client = waiting_client(&fixture, &["on"]);
    remove(fixture.key.reply());
    controller.signal(Signal::CONT);
    assert_ended(
        client,
        1,
        None,
        &["refused: cannot set the LED: File too large"],
    );
    // Bad messages do not hide the error in the log.
    for _ in 0..150 {
        fixture.send(1, b"FLASH");
    }
    controller.wait_for_log("refused, unknown command");
    fixture
        .command(&["on"])
        .assert_failed(1, &["cannot set the LED"]);
    controller.wait_for_log("ON: cannot set the LED");
}

#[test]
fn exit_ends_only_the_controller_that_it_was_sent_to() {
    for rest in [&[][..], &["--no-wait"]] {
        let fixture = Fixture::new();
        let killed = fixture.controller(&[]);
        killed.stop();
        let client = Running::start(fixture.program("command", None).arg("exit").args(rest));
        wait_until("the client has sent its command", || {
            fixture.queue().status().unwrap().messages == 1
        });
        killed.kill();
        let mut next = fixture.controller(&[]);
        assert_ended(
            client,
            0,
            Some(if rest.is_empty() { "ended" } else { "queued" }),
            &[],
        );
        fixture.assert_led("off");
        assert!(next.is_running());
    }
}

#[test]
fn a_client_ignores_replies_with_its_pid_as_the_type() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    // A shell that stops itself, and becomes the client when it continues: the PID is known before.
    let client = fixture.program("command", None);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "kill -STOP $$; exec \"$0\" \"$@\""])
        .arg(client.get_program())
        .args(client.get_args());
    let client = Running::start(shell.args(["on", "--timeout", "60s"]));
    client.wait_until_stopped();
    for request in [
        format!("FLASH\0{}\0", client.pid()),
        format!("FLASH\0reply={}\0", client.pid()),
    ] {
        fixture.send(1, request.as_bytes());
    }
    client.signal(Signal::CONT);
    wait_until("the client has sent its command", || {
        fixture.queue().status().unwrap().messages == 3
    });
    controller.signal(Signal::CONT);
    assert_ended(client, 0, Some("on"), &[]);
}

#[test]
#[ignore = "needs root and unshare"]
fn clients_with_the_same_pid_get_their_own_replies() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let in_pid_namespace = |arguments: &[&str]| {
        let program = fixture.program("command", None);
        let mut unshare = Command::new("unshare");
        unshare
            .args(["--pid", "--fork", "--kill-child"])
            .arg(program.get_program())
            .args(program.get_args());
        unshare
            .args(arguments)
            .env("LED_LOCK_DIRECTORY", fixture.path());
        unshare
    };
    controller.stop();
    // A client that timed out before its reply, and the next one.
    let gave_up = Outcome::from(
        in_pid_namespace(&["blink", "1h", "--timeout", "100ms"])
            .output()
            .unwrap(),
    );
    assert_eq!(gave_up.code, Some(5), "{gave_up:?}");
    let client = Running::start(&mut in_pid_namespace(&["off", "--timeout", "60s"]));
    wait_until("the client has sent its command", || {
        fixture.queue().status().unwrap().messages == 2
    });
    controller.signal(Signal::CONT);
    assert_ended(client, 0, Some("off"), &[]);
}

#[test]
fn a_full_queue_is_tried_until_the_timeout() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let (queue, status) = (
        fixture.queue(),
        Message::<8>::new(MessageType::LED, b"STATUS").unwrap(),
    );
    while queue.try_send(&status).is_ok() {}
    fixture
        .command(&["on", "--timeout", "50ms"])
        .assert_failed(6, &["was full for 50ms; nothing was sent", "kill -CONT"]);
    let client = Running::start(
        fixture
            .program("command", None)
            .args(["on", "--timeout", "60s"]),
    );
    // The client has tried when it sleeps between two attempts.
    let sleeps = || {
        fs::read_to_string(format!("/proc/{}/wchan", client.pid()))
            .is_ok_and(|name| name.contains("nanosleep"))
    };
    wait_until("the client sleeps before its next attempt", sleeps);
    controller.signal(Signal::CONT);
    assert_ended(client, 0, Some("on"), &[]);
    // The error names a limit that is too small for any command.
    queue.set_limit(5).unwrap();
    fixture.command(&["on"]).assert_failed(
        6,
        &[
            "holds only 5 bytes; nothing was sent",
            "sysctl kernel.msgmnb=16384",
        ],
    );
}
