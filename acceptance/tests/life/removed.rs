//! Queues that another process removes while the controller serves.

use std::{
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use shared::{Access, Message, MessageType, Mode, Queue};
use testing::{Fixture, Outcome, Running, SetOnDrop, Signal, remove_queue, wait_until};

#[test]
fn a_removed_queue_is_created_again_and_the_led_stays_on() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    for (key, name) in [(fixture.key, "command"), (fixture.key.reply(), "reply")] {
        let mut ipcrm = Command::new("ipcrm");
        match ipcrm.arg("-Q").arg(key.to_string()).status() {
            Ok(status) => assert!(status.success()),
            // Without util-linux, use the system call.
            Err(_) => remove_queue(key),
        }
        // The controller notices that the reply queue was removed when it sends a reply.
        fixture.wait_until_served();
        controller.wait_for_log(&format!("another process removed {name} queue"));
        fixture.assert_led("on");
    }
    assert_eq!(fixture.terminate(controller).out, "LED on\nLED off\n");
}

#[test]
#[ignore = "needs strace"]
fn if_its_queues_are_removed_each_time_at_the_start_it_says_so() {
    let fixture = Fixture::new();
    // Each attempt has five calls: two for the limits, one to open the reply queue, and two to remove both.
    let removed = "--inject=msgctl:error=EIDRM:when=3+5";
    let strace = [
        "strace",
        "-f",
        "--trace=msgctl",
        removed,
        "--output=/dev/null",
    ];
    let reason = format!("another process removes queue {} each time", fixture.key);
    Outcome::of(&mut fixture.wrapped(&strace, "controller")).assert_failed(1, &[&reason]);
    assert!(fixture.has_no_queues());
}

#[test]
fn a_queue_that_is_removed_under_load_is_created_again() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = SetOnDrop(&done);
        scope.spawn(|| {
            let status: Message = Message::new(MessageType::LED, b"STATUS").unwrap();
            while !done.load(Ordering::Relaxed) {
                if let Ok(queue) = Queue::open(fixture.key, Access::Send) {
                    let _ = queue.try_send(&status);
                }
            }
        });
        for _ in 0..200 {
            let mut old = None;
            wait_until("there is a queue to remove", || {
                old = Queue::open(fixture.key, Access::Find).ok();
                old.is_some_and(|queue| queue.remove().is_ok())
            });
            wait_until("there is another queue", || {
                Queue::open(fixture.key, Access::Find).is_ok_and(|new| Some(new) != old)
            });
        }
    });
    fixture.wait_until_served();
    fixture.terminate(controller);
}

#[test]
fn a_replaced_queue_ends_the_controller_with_that_reason() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    controller.stop();
    remove_queue(fixture.key);
    let foreign = Queue::create(fixture.key, Mode::new(0o600).unwrap()).unwrap();
    controller.signal(Signal::CONT);
    let replaced = "another process replaced this controller's queue";
    let reason = format!("{replaced}: queue {}", fixture.key);
    let ended = controller.wait();
    ended.assert_failed_after(1, "LED on\nLED off\n", &[&reason]);
    assert!(foreign.status().is_ok());
    assert!(Queue::open(fixture.key.reply(), Access::Find).is_err());
}

#[test]
fn a_removed_reply_queue_loses_no_command_and_applies_none_twice() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let client = fixture.client(&["toggle", "--timeout", "60s"]);
    fixture.wait_until_sent(1);
    // Sent without a reply type: the client would not send it again.
    fixture.send(1, b"TOGGLE");
    fixture.send(1, b"TOGGLE");
    remove_queue(fixture.key.reply());
    controller.signal(Signal::CONT);
    client.wait().assert_printed("on");
    let toggled = "LED on\nLED off\n".repeat(2);
    assert_eq!(fixture.terminate(controller).out, toggled);
}

#[test]
fn an_exit_that_was_removed_with_its_queue_is_sent_again() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    controller.stop();
    let client = fixture.client(&["exit", "--timeout", "60s"]);
    fixture.wait_until_sent(1);
    remove_queue(fixture.key);
    remove_queue(fixture.key.reply());
    controller.signal(Signal::CONT);
    client.wait().assert_printed("ended");
    // The client sent it again, so this is true.
    fixture.assert_clean_end(controller);
}

#[test]
#[ignore = "needs strace"]
fn an_exit_waits_for_the_queues_of_a_controller_that_creates_them_again() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let client = fixture.client(&["exit", "--timeout", "60s"]);
    fixture.wait_until_sent(1);
    remove_queue(fixture.key);
    // It creates both, and is slow to record them.
    let slow = "--inject=rename,renameat,renameat2:delay_enter=500000";
    let pid = controller.pid().to_string();
    let mut strace = Command::new("strace");
    strace.args([
        "--trace=rename,renameat,renameat2",
        slow,
        "--output=/dev/null",
    ]);
    let strace = Running::start(strace.args(["--attach", &pid]));
    strace.wait_for_log("attached");
    controller.signal(Signal::CONT);
    client.wait().assert_printed("ended");
    fixture.assert_clean_end(controller);
    assert_eq!(strace.wait().code, Some(0));
}
