//! Blinking in the loop.

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use shared::Message;
use testing::{Fixture, Running, Signal, wait_until, wait_until_idle};

use super::ask;

#[test]
fn it_blinks_if_the_signal_of_the_timer_was_blocked_and_ignored_at_the_start() {
    let fixture = Fixture::new();
    let env = ["env", "--block-signal=URG", "--ignore-signal=URG"];
    let controller = Running::start(&mut fixture.wrapped(&env, "controller")).when_ready();
    assert_eq!(ask(&fixture, "BLINK 2 2 3"), "OK BLINK 2 2 3");
    for line in ["LED on", "LED off"].repeat(3) {
        assert_eq!(controller.line(), line);
    }
}

#[test]
fn without_a_timer_blink_is_refused_and_the_other_commands_are_applied() {
    let fixture = Fixture::new();
    let state = fixture.path().join("state");
    fs::create_dir(&state).unwrap();
    let file = state.join(format!("{}.state", fixture.key));
    fs::write(&file, "led-controller state 1\nBLINK 1 1\n").unwrap();
    let without_timers = ["bash", "-c", "ulimit -i 0; exec \"$0\" \"$@\""];
    let mut controller = fixture.wrapped(&without_timers, "controller");
    controller.args(["--initial", "last"]);
    let controller = Running::start(controller.env("STATE_DIRECTORY", &state));
    controller.wait_for_log("cannot blink or fade without a timer");
    controller.wait_for_log("LED ON");
    let reply = ask(&fixture, "BLINK 1 1");
    assert!(
        reply.starts_with("ERR cannot set the LED: it cannot blink or fade without a timer"),
        "{reply}"
    );
    assert_eq!(ask(&fixture, "STATUS"), "OK ON");
    assert_eq!(ask(&fixture, "OFF"), "OK OFF");
}

#[test]
fn a_flood_does_not_keep_it_from_blinking_nor_the_blinking_the_flood() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    assert_eq!(ask(&fixture, "BLINK 1 1"), "OK BLINK 1 1");
    let status: Message = Message::new(shared::MessageType::LED, b"STATUS").unwrap();
    let (queue, start, mut sent) = (fixture.queue(), Instant::now(), 0);
    let mut changes = 0;
    while changes < 500 || sent < 5000 {
        assert!(start.elapsed() < testing::PATIENCE, "{changes} {sent}");
        for _ in 0..100 {
            sent += u32::from(queue.try_send(&status).is_ok());
        }
        // A flood without a pause.
        if queue.status().unwrap().messages > 0 {
            changes += 1;
            let _ = controller.line();
        }
    }
}

#[test]
fn it_goes_on_after_it_was_stopped() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let left = |state: String| -> u32 {
        let (_, left) = state.rsplit_once(' ').unwrap();
        left.parse().unwrap()
    };
    let mut before = left(ask(&fixture, "BLINK 1 1 1000000"));
    for _ in 0..20 {
        controller.stop();
        controller.signal(Signal::CONT);
        wait_until("it blinks", || {
            let now = left(ask(&fixture, "STATUS"));
            now < std::mem::replace(&mut before, now)
        });
    }
}

#[test]
fn it_blinks_beside_a_log_that_nobody_reads() {
    let fixture = Fixture::new();
    let mut controller = fixture.simulated(&[]);
    controller.stdout(Stdio::piped()).stderr(
        std::io::pipe()
            .map(|(reader, writer)| {
                // Open until the end of the test, and never read.
                std::mem::forget(reader);
                writer
            })
            .unwrap(),
    );
    let controller = Running::start_with_own_output(&mut controller);
    fixture.wait_until_served();
    assert_eq!(ask(&fixture, "BLINK 1 1"), "OK BLINK 1 1");
    for _ in 0..2000 {
        fixture.send(1, &[0xff; 256]);
    }
    for _ in 0..100 {
        let _ = controller.line();
    }
    assert_eq!(ask(&fixture, "OFF"), "OK OFF");
}

#[test]
fn while_nothing_blinks_no_timer_runs() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    assert_eq!(ask(&fixture, "BLINK 1 1 5"), "OK BLINK 1 1 5");
    wait_until("it is over", || ask(&fixture, "STATUS") == "OK OFF");
    wait_until_idle(&[&controller], Duration::from_secs(1));
}
