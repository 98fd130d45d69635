//! A command is applied at most once, and its reply goes to the client that sent it.

use std::fs;

use shared::{Access, Message, MessageType, Oversize, Queue, Select};
use testing::{Fixture, Outcome, Running, Signal, remove_queue, wait_until};

/// A client that has sent its command to a stopped controller.
fn waiting_client(fixture: &Fixture, arguments: &[&str]) -> Running {
    let client = fixture.client(&[arguments, &["--timeout", "60s"]].concat());
    fixture.wait_until_sent(1);
    client
}

/// A stopped client that has sent its command. Its reply is in the reply queue.
fn stopped_client(fixture: &Fixture, controller: &Running, arguments: &[&str]) -> Running {
    controller.stop();
    let client = waiting_client(fixture, arguments);
    client.stop();
    controller.signal(Signal::CONT);
    wait_until("the reply is sent", || {
        fixture.replies().status().unwrap().messages == 1
    });
    client
}

#[test]
fn a_reply_that_is_removed_with_its_queue_is_requested_again() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let client = stopped_client(&fixture, &controller, &["on"]);
    remove_queue(fixture.key.reply());
    client.signal(Signal::CONT);
    client.wait().assert_printed("on");
}

#[test]
fn a_toggle_whose_reply_is_removed_is_not_sent_again_and_the_state_is_reported() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let client = stopped_client(&fixture, &controller, &["toggle"]);
    remove_queue(fixture.key.reply());
    client.signal(Signal::CONT);
    let reason = "the reply was lost, and the command may have been applied; the LED is now on";
    client.wait().assert_failed(5, &[reason]);
    assert_eq!(fixture.terminate(controller).out, "LED on\nLED off\n");
}

#[test]
fn a_toggle_that_a_killed_controller_applied_is_not_sent_to_the_next() {
    let fixture = Fixture::new();
    let killed = fixture.controller(&[]);
    let client = stopped_client(&fixture, &killed, &["toggle"]);
    killed.kill();
    let next = fixture.controller(&[]);
    client.signal(Signal::CONT);
    let reason = "may have been applied; the LED is now off";
    client.wait().assert_failed(5, &[reason]);
    assert_eq!(fixture.terminate(next).out, "");
}

#[test]
#[ignore = "needs strace"]
fn a_toggle_that_was_applied_before_a_kill_is_not_reported_as_unsent() {
    // Killed before it replies, or so slow that it is ended before. Its first message marks its queue.
    for inject in ["signal=KILL:when=2", "delay_enter=2000000:when=2"] {
        let fixture = Fixture::new();
        let inject = format!("--inject=msgsnd:{inject}");
        let trace = ["--trace=msgsnd", &inject, "--output=/dev/null"];
        let strace = [&["strace", "-D", "-f"][..], &trace].concat();
        let mut controller = fixture.wrapped(&strace, "controller");
        let controller = Running::start(&mut controller).when_ready();
        let outcome = fixture.command(&["toggle", "--timeout", "500ms"]);
        outcome.assert_failed(5, &[]);
        assert_eq!(controller.line(), "LED on");
    }
}

#[test]
#[ignore = "needs strace"]
fn a_toggle_that_is_applied_after_its_timeout_and_before_a_kill_is_not_reported_as_unsent() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    // After the timeout it looks at the queue, and asks whether the controller lives: 434 in all architectures.
    let slow = "--inject=pidfd_open:delay_enter=2000000";
    let strace = [
        "strace",
        "-D",
        "--trace=pidfd_open",
        slow,
        "--output=/dev/null",
    ];
    let mut client = fixture.wrapped(&strace, "command");
    let client = Running::start(client.args(["toggle", "--timeout", "100ms"]));
    let syscall = format!("/proc/{}/syscall", client.pid());
    wait_until("it asks whether the controller lives", || {
        fs::read_to_string(&syscall).is_ok_and(|call| call.starts_with("434 "))
    });
    assert_eq!(fixture.queue().status().unwrap().messages, 1);
    controller.signal(Signal::CONT);
    assert_eq!(controller.line(), "LED on");
    controller.kill();
    client.wait().assert_failed(5, &[]);
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
    let reason = "may have been applied; the LED is now off";
    client.wait().assert_failed(5, &[reason]);
}

#[test]
fn a_toggle_that_a_killed_controller_did_not_receive_is_sent_to_the_next() {
    let fixture = Fixture::new();
    let killed = fixture.controller(&[]);
    killed.stop();
    let client = waiting_client(&fixture, &["toggle"]);
    killed.kill();
    let next = fixture.controller(&[]);
    client.wait().assert_printed("on");
    assert_eq!(fixture.terminate(next).out, "LED on\nLED off\n");
}

#[test]
fn a_refusal_is_reported_even_if_the_reply_queue_was_removed() {
    let fixture = Fixture::new();
    let output = fixture.write("output", "");
    let full = format!("ulimit -f 0; exec \"$0\" \"$@\" >{}", output.display());
    let mut controller = fixture.wrapped(&["bash", "-c", &full], "controller");
    let controller = Running::start(&mut controller).when_ready();
    controller.stop();
    let client = waiting_client(&fixture, &["on"]);
    remove_queue(fixture.key.reply());
    controller.signal(Signal::CONT);
    let refused = "refused: cannot set the LED: File too large";
    client.wait().assert_failed(1, &[refused]);
    // Bad messages do not hide the error in the log.
    for _ in 0..150 {
        fixture.send(1, b"SHINE");
    }
    controller.wait_for_log("refused, unknown command");
    fixture.command(&["on"]).assert_failed(1, &[refused]);
    controller.wait_for_log("ON: cannot set the LED");
}

#[test]
fn exit_ends_only_the_controller_that_it_was_sent_to() {
    for (arguments, printed) in [(&["exit"][..], "ended"), (&["exit", "--no-wait"], "queued")] {
        let fixture = Fixture::new();
        let killed = fixture.controller(&[]);
        killed.stop();
        let client = fixture.client(arguments);
        fixture.wait_until_sent(1);
        killed.kill();
        let mut next = fixture.controller(&[]);
        client.wait().assert_printed(printed);
        fixture.assert_led("off");
        assert!(next.is_running());
    }
}

/// Replies to an earlier process with this PID, and to other clients that chose it as a type.
#[test]
fn a_client_ignores_replies_with_its_pid_as_the_type() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    // A shell that stops itself, and becomes the client when it continues: the PID is known before.
    let stopped = ["sh", "-c", "kill -STOP $$; exec \"$0\" \"$@\""];
    let mut client = fixture.wrapped(&stopped, "command");
    let client = Running::start(client.args(["on", "--timeout", "60s"]));
    testing::process::wait_until_stopped(client.pid());
    let reply = MessageType::new(client.pid().into()).unwrap();
    let earlier: Message = Message::new(reply, b"OK OFF").unwrap();
    Queue::open(fixture.key.reply(), Access::Send)
        .unwrap()
        .try_send(&earlier)
        .unwrap();
    fixture.send(1, format!("SHINE\0{}\0", client.pid()).as_bytes());
    fixture.send(1, format!("SHINE\0reply={}\0", client.pid()).as_bytes());
    client.signal(Signal::CONT);
    fixture.wait_until_sent(3);
    controller.signal(Signal::CONT);
    client.wait().assert_printed("on");
}

#[test]
#[ignore = "needs root and unshare"]
fn clients_with_the_same_pid_get_their_own_replies() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let client = || fixture.wrapped(&["unshare", "--pid", "--fork", "--kill-child"], "command");
    controller.stop();
    // A client that timed out before its reply, and the next one.
    Outcome::of(client().args(["blink", "1h", "--timeout", "100ms"])).assert_failed(5, &[]);
    let next = Running::start(client().args(["off", "--timeout", "60s"]));
    fixture.wait_until_sent(2);
    controller.signal(Signal::CONT);
    next.wait().assert_printed("off");
}

#[test]
fn a_full_queue_is_tried_until_the_timeout() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    fixture.fill(b"STATUS");
    let full = ["was full for 50ms; nothing was sent", "kill -CONT"];
    fixture
        .command(&["on", "--timeout", "50ms"])
        .assert_failed(6, &full);
    let client = fixture.client(&["on", "--timeout", "60s"]);
    // The client has tried when it sleeps between two attempts.
    let sleeps = || {
        fs::read_to_string(format!("/proc/{}/wchan", client.pid()))
            .is_ok_and(|name| name.contains("nanosleep"))
    };
    wait_until("the client sleeps before its next attempt", sleeps);
    controller.signal(Signal::CONT);
    client.wait().assert_printed("on");
    // The error names a limit that is too small for any command.
    fixture.queue().set_limit(5).unwrap();
    let small = "holds only 5 bytes; nothing was sent";
    let advice = "sysctl kernel.msgmnb=16384";
    fixture.command(&["on"]).assert_failed(6, &[small, advice]);
}
