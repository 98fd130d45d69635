//! Blinking, as the lines of the simulated LED show it.

use testing::{Fixture, wait_until};

#[test]
fn it_blinks_until_the_next_command() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let blink = fixture.command(&["blink", "1ms", "1ms"]);
    blink.assert_printed("blink 1ms 1ms");
    for expected in ["LED on", "LED off", "LED on", "LED off", "LED on"] {
        assert_eq!(controller.line(), expected);
    }
    fixture.assert_led("blink 1ms 1ms");
    fixture.command(&["on"]).assert_printed("on");
    fixture.assert_led("on");
    assert!(fixture.exit(controller).out.ends_with("LED on\nLED off\n"));
}

#[test]
fn durations_and_counts_are_accepted_as_users_write_them() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    for (arguments, state) in [
        (&["blink"][..], "blink 500ms 500ms"),
        (&["blink", "1s"], "blink 1s 500ms"),
        (
            &["blink", "0.5", "1h", "--count", "1000000"],
            "blink 500ms 3600s, 1000000 left",
        ),
    ] {
        fixture.command(arguments).assert_printed(state);
    }
}

#[test]
fn it_flashes_as_often_as_requested_and_is_off_then() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    for (phase, count) in [("2ms", 3), ("1ms", 1)] {
        let blink = ["blink", phase, phase, "--count", &count.to_string()];
        let state = format!("blink {phase} {phase}, {count} left");
        fixture.command(&blink).assert_printed(&state);
        for expected in ["LED on", "LED off"].repeat(count) {
            assert_eq!(controller.line(), expected);
        }
        wait_until("the LED is off", || {
            fixture.command(&["status"]).out.starts_with("off (")
        });
    }
    fixture.command(&["toggle"]).assert_printed("on");
    assert_eq!(fixture.exit(controller).out, "LED on\nLED off\n");
}

#[test]
fn a_new_blink_replaces_the_old_one_and_a_refused_one_changes_nothing() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let first = fixture.command(&["blink", "1h", "1h", "--count", "2"]);
    first.assert_printed("blink 3600s 3600s, 2 left");
    let second = fixture.command(&["blink", "30m", "1h"]);
    second.assert_printed("blink 1800s 3600s");
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
    assert_eq!(fixture.exit(controller).out, "LED on\nLED off\n");
}

/// Otherwise it would take an hour, and PATIENCE is a minute.
#[test]
fn toggle_exit_and_a_signal_end_blinking_within_a_phase() {
    for phases in [["1h", "1ms"], ["1ms", "1h"]] {
        for by_signal in [true, false] {
            let fixture = Fixture::new();
            let controller = fixture.controller(&[]);
            let blink = ["blink", phases[0], phases[1]];
            fixture.command(&blink).assert_code(0);
            assert_eq!(controller.line(), "LED on");
            fixture.command(&["toggle"]).assert_printed("off");
            fixture.assert_led("off");
            assert_eq!(controller.line(), "LED off");
            fixture.command(&blink).assert_code(0);
            assert_eq!(controller.line(), "LED on");
            let ended = if by_signal {
                fixture.terminate(controller)
            } else {
                fixture.exit(controller)
            };
            assert_eq!(ended.out, "LED off\n");
        }
    }
}
