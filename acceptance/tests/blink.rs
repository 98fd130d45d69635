//! Blinking, as the lines of the simulated LED show it.

use testing::{Fixture, Signal, wait_until};

#[test]
fn it_blinks_until_the_next_command() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture
        .command(&["blink", "1ms", "1ms"])
        .assert_printed("blink 1ms 1ms");
    for expected in ["LED on", "LED off", "LED on", "LED off", "LED on"] {
        assert_eq!(controller.line(), expected);
    }
    fixture.assert_led("blink 1ms 1ms");
    fixture.command(&["on"]).assert_printed("on");
    fixture.assert_led("on");
    fixture.command(&["exit"]).assert_printed("ended");
    let (_, out, _) = controller.wait();
    assert_eq!(out.last().unwrap(), "LED off");
}

#[test]
fn durations_and_counts_are_accepted_as_users_write_them() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    fixture
        .command(&["blink"])
        .assert_printed("blink 500ms 500ms");
    fixture
        .command(&["blink", "1s"])
        .assert_printed("blink 1s 500ms");
    fixture
        .command(&["blink", "0.5", "1h", "--count", "1000000"])
        .assert_printed("blink 500ms 3600s, 1000000 left");
    fixture
        .command(&["--count", "3", "blink"])
        .assert_failed(2, &["--count"]);
}

#[test]
fn it_flashes_as_often_as_requested_and_is_off_then() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture
        .command(&["blink", "2ms", "2ms", "--count", "3"])
        .assert_printed("blink 2ms 2ms, 3 left");
    for expected in ["LED on", "LED off"].repeat(3) {
        assert_eq!(controller.line(), expected);
    }
    wait_until("the LED is off", || {
        fixture.command(&["status"]).out.starts_with("off (")
    });
    // Also without a status request in between.
    fixture
        .command(&["blink", "1ms", "1ms", "--count", "1"])
        .assert_printed("blink 1ms 1ms, 1 left");
    assert_eq!(
        [controller.line(), controller.line()],
        ["LED on", "LED off"]
    );
    wait_until("the flash ends", || {
        fixture.command(&["status"]).out.starts_with("off (")
    });
    fixture.command(&["toggle"]).assert_printed("on");
    fixture.command(&["exit"]).assert_printed("ended");
    assert_eq!(controller.wait().1, ["LED on", "LED off"]);
}

#[test]
fn a_new_blink_replaces_the_old_one_and_a_refused_one_changes_nothing() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture
        .command(&["blink", "1h", "1h", "--count", "2"])
        .assert_printed("blink 3600s 3600s, 2 left");
    fixture
        .command(&["blink", "30m", "1h"])
        .assert_printed("blink 1800s 3600s");
    for text in [
        "BLINK",
        "BLINK 0 1",
        "BLINK 1 3600001",
        "BLINK 1 1 1000001",
        "BLINK 1 1 0",
        "BLINK 1 1 1 1",
    ] {
        fixture.send(1, text.as_bytes());
        controller.wait_for_log("BLINK takes two numbers of milliseconds");
    }
    fixture.assert_led("blink 1800s 3600s");
    assert_eq!(controller.line(), "LED on");
    fixture.command(&["exit"]).assert_printed("ended");
    assert_eq!(controller.wait().1, ["LED off"]);
}

#[test]
fn toggle_turns_a_blinking_led_off_in_either_phase() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    for phases in [["1h", "1ms"], ["1ms", "1h"]] {
        assert_eq!(
            fixture.command(&["blink", phases[0], phases[1]]).code,
            Some(0)
        );
        fixture.command(&["toggle"]).assert_printed("off");
        fixture.assert_led("off");
    }
}

#[test]
fn a_signal_and_exit_end_blinking_within_a_phase() {
    for phases in [["1h", "1ms"], ["1ms", "1h"]] {
        for by_signal in [true, false] {
            let fixture = Fixture::new();
            let controller = fixture.controller(&[]);
            assert_eq!(
                fixture.command(&["blink", phases[0], phases[1]]).code,
                Some(0)
            );
            assert_eq!(controller.line(), "LED on");
            if by_signal {
                controller.signal(Signal::TERM);
            } else {
                fixture.command(&["exit"]).assert_printed("ended");
            }
            // Otherwise it would take an hour, and PATIENCE is a minute.
            let (status, out, log) = controller.wait();
            assert!(status.success(), "{log:?}");
            assert_eq!(out, ["LED off"]);
            assert!(fixture.has_no_queues());
        }
    }
}

#[test]
fn it_does_not_blink_faster_after_it_was_stopped() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture
        .command(&["blink", "20ms", "20ms"])
        .assert_printed("blink 20ms 20ms");
    assert_eq!(controller.line(), "LED on");
    controller.stop();
    let missed = std::time::Duration::from_secs(2);
    std::thread::sleep(missed);
    controller.signal(Signal::CONT);
    fixture.command(&["off"]).assert_printed("off");
    fixture.command(&["exit"]).assert_printed("ended");
    // 100 changes were missed.
    let lines = controller.wait().1.len();
    assert!(lines < 100, "{lines}");
}
