//! Queues that another process removes while the controller serves.

use std::{
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use shared::{Access, Message, MessageType, Queue};
use testing::{Fixture, Running, SetOnDrop, Signal, wait_until};

#[test]
fn a_removed_queue_is_created_again_and_the_led_stays_on() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    for (key, name) in [(fixture.key, "command"), (fixture.key.reply(), "reply")] {
        let removed = Command::new("ipcrm")
            .arg("-Q")
            .arg(key.to_string())
            .status();
        match removed {
            Ok(status) => assert!(status.success()),
            // Without util-linux, use the system call.
            Err(_) => Queue::open(key, Access::Find).unwrap().remove().unwrap(),
        }
        // The controller notices that the reply queue was removed when it sends a reply.
        wait_until("the controller serves again", || {
            fixture.command(&["status"]).code == Some(0)
        });
        controller.wait_for_log(&format!("another process removed {name} queue"));
        fixture.assert_led("on");
    }
    fixture.command(&["off"]).assert_printed("off");
    controller.signal(Signal::TERM);
    let (status, out, _) = controller.wait();
    assert!(status.success());
    assert_eq!(out, ["LED on", "LED off"]);
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
    wait_until("a command is applied", || {
        fixture.command(&["on"]).code == Some(0)
    });
    controller.signal(Signal::TERM);
    assert!(controller.wait().0.success());
    assert!(fixture.has_no_queues());
}

#[test]
fn a_replaced_queue_ends_the_controller_with_that_reason() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    controller.stop();
    let mode = shared::Mode::new(0o600).unwrap();
    Queue::open(fixture.key, Access::Find)
        .unwrap()
        .remove()
        .unwrap();
    let foreign = Queue::create(fixture.key, mode).unwrap();
    controller.signal(Signal::CONT);
    let (status, out, log) = controller.wait();
    assert_eq!(status.code(), Some(1));
    assert_eq!(out, ["LED on", "LED off"]);
    let reason = format!(
        "another process replaced this controller's queue: queue {}",
        fixture.key
    );
    assert!(log.last().unwrap().contains(&reason), "{log:?}");
    assert!(foreign.status().is_ok());
    assert!(Queue::open(fixture.key.reply(), Access::Find).is_err());
}

#[test]
fn a_removed_reply_queue_loses_no_command_and_applies_none_twice() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let client =
        Running::start(
            fixture
                .program("command", None)
                .args(["toggle", "--timeout", "60s"]),
        );
    wait_until("the client has sent its command", || {
        fixture.queue().status().unwrap().messages == 1
    });
    // Sent without a reply type: the client would not send it again.
    fixture.send(1, b"TOGGLE");
    fixture.send(1, b"TOGGLE");
    Queue::open(fixture.key.reply(), Access::Find)
        .unwrap()
        .remove()
        .unwrap();
    controller.signal(Signal::CONT);
    let (status, out, log) = client.wait();
    assert!(status.success(), "{log:?}");
    assert_eq!(out, ["on"]);
    controller.signal(Signal::TERM);
    assert_eq!(
        controller.wait().1,
        ["LED on", "LED off", "LED on", "LED off"]
    );
}

#[test]
fn an_exit_that_was_removed_with_its_queue_is_sent_again() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    controller.stop();
    let client =
        Running::start(
            fixture
                .program("command", None)
                .args(["exit", "--timeout", "60s"]),
        );
    wait_until("the client has sent its command", || {
        fixture.queue().status().unwrap().messages == 1
    });
    for key in [fixture.key, fixture.key.reply()] {
        Queue::open(key, Access::Find).unwrap().remove().unwrap();
    }
    controller.signal(Signal::CONT);
    let (status, out, _) = client.wait();
    assert!(status.success());
    assert_eq!(out, ["ended"]);
    // The client sent it again, so this is true.
    assert!(controller.wait().0.success());
    assert!(fixture.has_no_queues());
}
