//! A command is applied at most once, and its answer goes to the client that sent it.

use std::{fs, process::Command};

use shared::{Access, Key, Message, MessageType, Oversize, Queue, Select};
use testing::{Fixture, Outcome, Running, Signal, wait_until};

/// A client that waits for its answer, and has been stopped: the answer stays in the reply queue.
fn stopped_client(fixture: &Fixture, controller: &Running, arguments: &[&str]) -> Running {
    controller.stop();
    let client = asking(fixture, arguments);
    client.stop();
    controller.signal(Signal::CONT);
    let replies = Queue::open(fixture.key.reply(), Access::Find).unwrap();
    wait_until("it is answered", || replies.status().unwrap().messages == 1);
    client
}

/// A client that has sent its command to a controller that is stopped.
fn asking(fixture: &Fixture, arguments: &[&str]) -> Running {
    let client = Running::start(fixture.program("command", None).args(["--timeout", "60s"]).args(arguments));
    wait_until("it has asked", || fixture.queue().status().unwrap().messages == 1);
    client
}

fn remove(key: Key) {
    Queue::open(key, Access::Find).unwrap().remove().unwrap();
}

#[track_caller]
fn ends(client: Running, code: i32, line: Option<&str>, said: &[&str]) {
    let (status, out, log) = client.wait();
    let log = log.join("\n");
    assert_eq!((status.code(), out.first().map(String::as_str)), (Some(code), line), "{log}");
    assert!(said.iter().all(|part| log.contains(part)), "{log}");
}

#[test]
fn an_answer_that_is_removed_with_its_queue_is_asked_for_again() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let client = stopped_client(&fixture, &controller, &["on"]);
    remove(fixture.key.reply());
    client.signal(Signal::CONT);
    ends(client, 0, Some("on"), &[]);
}

#[test]
fn a_toggle_whose_answer_is_removed_is_not_sent_again_and_the_led_is_told() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let client = stopped_client(&fixture, &controller, &["toggle"]);
    remove(fixture.key.reply());
    client.signal(Signal::CONT);
    ends(client, 5, None, &["the reply was lost, and the command may have been applied; the LED is now on"]);
    controller.signal(Signal::TERM);
    assert_eq!(controller.wait().1, ["LED on", "LED off"]);
}

#[test]
fn a_toggle_that_a_killed_controller_had_applied_is_not_sent_to_the_next() {
    let fixture = Fixture::new();
    let killed = fixture.controller(&[]);
    let client = stopped_client(&fixture, &killed, &["toggle"]);
    killed.kill();
    let next = fixture.controller(&[]);
    client.signal(Signal::CONT);
    ends(client, 5, None, &["may have been applied; the LED is now off"]);
    next.signal(Signal::TERM);
    assert!(next.wait().1.is_empty());
}

#[test]
#[ignore = "needs strace"]
fn a_toggle_that_was_applied_before_a_kill_is_not_said_to_be_unsent() {
    let fixture = Fixture::new();
    let program = fixture.program("controller", None);
    // Killed as it is about to answer, or so slow with it that it is told to end first.
    for inject in ["inject=msgsnd:signal=KILL:when=1", "inject=msgsnd:delay_enter=2000000:when=1"] {
        let mut strace = Command::new("strace");
        strace.args(["-D", "-f", "-e", "trace=msgsnd", "-e", inject, "-o", "/dev/null"]);
        strace.arg(program.get_program()).args(program.get_args()).arg("--simulate");
        let controller = Running::start(strace.env("LED_LOCK_DIRECTORY", fixture.path()));
        controller.wait_for_log("ready");
        let outcome = fixture.command(&["toggle", "--timeout", "500ms"]);
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(5), ""), "{outcome:?}");
        assert_eq!(controller.line(), "LED on");
        drop(controller);
        let mut turn_off = fixture.program("controller", None);
        assert!(turn_off.args(["--simulate", "--turn-off"]).status().unwrap().success());
    }
}

#[test]
fn an_answer_that_does_not_fit_the_command_is_not_believed() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let client = asking(&fixture, &["on"]);
    // As a member of the group can under mode 0660: takes the command, and has another one answered in its place.
    let commands = Queue::open(fixture.key, Access::SendAndReceive).unwrap();
    let taken: Message = commands.receive(Select::Any, Oversize::Keep).unwrap();
    let text = String::from_utf8(taken.text().to_vec()).unwrap();
    fixture.send(1, text.replace("ON", "STATUS").as_bytes());
    controller.signal(Signal::CONT);
    ends(client, 5, None, &["may have been applied; the LED is now off"]);
}

#[test]
fn a_toggle_that_a_killed_controller_had_not_come_to_is_sent_to_the_next() {
    let fixture = Fixture::new();
    let killed = fixture.controller(&[]);
    killed.stop();
    let client = asking(&fixture, &["toggle"]);
    killed.kill();
    let next = fixture.controller(&[]);
    ends(client, 0, Some("on"), &[]);
    next.signal(Signal::TERM);
    assert_eq!(next.wait().1, ["LED on", "LED off"]);
}

#[test]
fn a_refusal_is_told_though_the_reply_queue_is_removed_meanwhile() {
    let fixture = Fixture::new();
    let lamp = fixture.write("lamp", "");
    let program = fixture.program("controller", None);
    let mut shell = Command::new("bash");
    shell.args(["-c", "lamp=$1; shift; ulimit -f 0; exec \"$0\" \"$@\" --simulate >\"$lamp\""]);
    shell.arg(program.get_program()).arg(lamp).args(program.get_args());
    let controller = Running::start(shell.env("LED_LOCK_DIRECTORY", fixture.path()));
    controller.wait_for_log("ready");
    controller.stop();
    let client = asking(&fixture, &["on"]);
    remove(fixture.key.reply());
    controller.signal(Signal::CONT);
    ends(client, 1, None, &["refused: cannot set the LED: File too large"]);
    // Junk does not hide that in the log, either.
    for _ in 0..150 {
        fixture.send(1, b"FLASH");
    }
    controller.wait_for_log("refused, unknown command");
    fixture.command(&["on"]).assert_failed(1, &["cannot set the LED"]);
    controller.wait_for_log("ON: cannot set the LED");
}

#[test]
fn exit_ends_only_the_controller_that_it_was_sent_to() {
    for rest in [&[][..], &["--no-wait"]] {
        let fixture = Fixture::new();
        let killed = fixture.controller(&[]);
        killed.stop();
        let client = Running::start(fixture.program("command", None).arg("exit").args(rest));
        wait_until("it has asked", || fixture.queue().status().unwrap().messages == 1);
        killed.kill();
        let mut next = fixture.controller(&[]);
        ends(client, 0, Some(if rest.is_empty() { "ended" } else { "queued" }), &[]);
        fixture.assert_led("off");
        assert!(next.is_running());
    }
}

#[test]
fn what_others_have_answered_is_not_taken_for_ones_own() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    // A shell that stops itself, and becomes the client when it goes on: its PID is known before.
    let client = fixture.program("command", None);
    let mut shell = Command::new("sh");
    shell.args(["-c", "kill -STOP $$; exec \"$0\" \"$@\""]).arg(client.get_program()).args(client.get_args());
    let client = Running::start(shell.args(["on", "--timeout", "60s"]));
    client.wait_until_stopped();
    for request in [format!("FLASH\0{}\0", client.pid()), format!("FLASH\0reply={}\0", client.pid())] {
        fixture.send(1, request.as_bytes());
    }
    client.signal(Signal::CONT);
    wait_until("it has asked", || fixture.queue().status().unwrap().messages == 3);
    controller.signal(Signal::CONT);
    ends(client, 0, Some("on"), &[]);
}

#[test]
#[ignore = "needs root and unshare"]
fn clients_with_the_same_pid_get_their_own_answers() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let alone = |arguments: &[&str]| {
        let program = fixture.program("command", None);
        let mut unshare = Command::new("unshare");
        unshare.args(["--pid", "--fork", "--kill-child"]).arg(program.get_program()).args(program.get_args());
        unshare.args(arguments).env("LED_LOCK_DIRECTORY", fixture.path());
        unshare
    };
    controller.stop();
    // One that gave up before it was answered, and the next one.
    let gave_up = Outcome::from(alone(&["blink", "1h", "--timeout", "100ms"]).output().unwrap());
    assert_eq!(gave_up.code, Some(5), "{gave_up:?}");
    let client = Running::start(&mut alone(&["off", "--timeout", "60s"]));
    wait_until("it has asked", || fixture.queue().status().unwrap().messages == 2);
    controller.signal(Signal::CONT);
    ends(client, 0, Some("off"), &[]);
}

#[test]
fn a_client_that_sends_its_whole_buffer_is_understood_and_gets_no_answer() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let replies = Queue::open(fixture.key.reply(), Access::Receive).unwrap();
    let mut buffer = [0; 64];
    for (text, state) in [
        ("BLINK 1000 1000", "blink 1s 1s"),
        ("BLINK 50 50", "blink 50ms 50ms"),
        ("BLINK 500 500", "blink 500ms 500ms"),
        ("BLINK 1 1", "blink 1ms 1ms"),
        ("ON", "on"),
        ("OFF", "off"),
    ] {
        buffer[..text.len()].copy_from_slice(text.as_bytes());
        buffer[text.len()] = 0;
        fixture.send(1, &buffer);
        fixture.assert_led(state);
        assert_eq!(replies.status().unwrap().messages, 0, "{text}");
    }
    drop(controller);
}

#[test]
fn a_full_queue_is_tried_until_the_time_is_over() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let (queue, status) = (fixture.queue(), Message::<8>::new(MessageType::LED, b"STATUS").unwrap());
    while queue.try_send(&status).is_ok() {}
    fixture
        .command(&["on", "--timeout", "50ms"])
        .assert_failed(6, &["is full, and was for 50ms; nothing was sent", "kill -CONT"]);
    let client = Running::start(fixture.program("command", None).args(["on", "--timeout", "60s"]));
    // It has begun when it sleeps between two attempts.
    let sleeps =
        || fs::read_to_string(format!("/proc/{}/wchan", client.pid())).is_ok_and(|name| name.contains("nanosleep"));
    wait_until("it tries again", sleeps);
    controller.signal(Signal::CONT);
    ends(client, 0, Some("on"), &[]);
    // A limit that is too small for any command is named.
    queue.set_limit(5).unwrap();
    fixture.command(&["on"]).assert_failed(6, &["holds only 5 bytes; nothing was sent", "sysctl kernel.msgmnb=16384"]);
}

#[test]
fn the_key_is_looked_at_before_anything_is_sent() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    // A controller on the key after the answers': its commands have the key where the answers to commands on ours would be.
    let (ours, answers) = (fixture.key, fixture.key.reply());
    let next = Key::new(answers.get() + 1).unwrap();
    let mut neighbour = fixture.program("controller", None);
    let neighbour = Running::start(neighbour.args(["--simulate", "--key", &next.to_string()]));
    neighbour.wait_for_log("ready");
    for arguments in [&["on"][..], &["on", "--no-wait"]] {
        let said = [format!("queue {answers} is a reply queue; nothing was sent"), format!("use --key {ours}")];
        let outcome = fixture.command(&[arguments, &["--key", &answers.to_string()]].concat());
        outcome.assert_failed(2, &[&said[0], &said[1]]);
    }
    assert_eq!(Queue::open(answers, Access::Find).unwrap().status().unwrap().last_sender, None);
    neighbour.signal(Signal::TERM);
    assert!(neighbour.wait().0.success());
}
