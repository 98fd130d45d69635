//! Blinking, as the lines of the simulated LED show it.

use acceptance::{Place, Signal, wait_until};

#[test]
fn it_blinks_until_the_next_command() {
    let place = Place::new();
    let controller = place.controller(&[]);
    place.command(&["blink", "1ms", "1ms"]).printed("blink 1ms 1ms");
    for expected in ["LED on", "LED off", "LED on", "LED off", "LED on"] {
        assert_eq!(controller.line(), expected);
    }
    place.led_is("blink 1ms 1ms");
    place.command(&["on"]).printed("on");
    place.led_is("on");
    place.command(&["exit"]).printed("ended");
    let (_, out, _) = controller.end();
    assert_eq!(out.last().unwrap(), "LED off");
}

#[test]
fn durations_and_counts_are_read_as_people_write_them() {
    let place = Place::new();
    let _controller = place.controller(&[]);
    place.command(&["blink"]).printed("blink 500ms 500ms");
    place.command(&["blink", "1s"]).printed("blink 1s 500ms");
    place.command(&["blink", "0.5", "1h", "--count", "1000000"]).printed("blink 500ms 3600s, 1000000 left");
    place.command(&["--count", "3", "blink"]).failed(2, &["--count"]);
}

#[test]
fn counted_flashes_are_counted_and_then_it_is_off() {
    let place = Place::new();
    let controller = place.controller(&[]);
    place.command(&["blink", "2ms", "2ms", "--count", "3"]).printed("blink 2ms 2ms, 3 left");
    for expected in ["LED on", "LED off"].repeat(3) {
        assert_eq!(controller.line(), expected);
    }
    wait_until("it is off", || place.command(&["status"]).out.starts_with("off ("));
    // It is told so too without a question in between, and owns its LED again.
    place.command(&["blink", "1ms", "1ms", "--count", "1"]).printed("blink 1ms 1ms, 1 left");
    assert_eq!([controller.line(), controller.line()], ["LED on", "LED off"]);
    wait_until("the flash is over", || place.command(&["status"]).out.starts_with("off ("));
    place.command(&["toggle"]).printed("on");
    place.command(&["exit"]).printed("ended");
    assert_eq!(controller.end().1, ["LED on", "LED off"]);
}

#[test]
fn another_blink_begins_anew_and_a_refused_one_changes_nothing() {
    let place = Place::new();
    let controller = place.controller(&[]);
    place.command(&["blink", "1h", "1h", "--count", "2"]).printed("blink 3600s 3600s, 2 left");
    place.command(&["blink", "30m", "1h"]).printed("blink 1800s 3600s");
    for text in ["BLINK", "BLINK 0 1", "BLINK 1 3600001", "BLINK 1 1 1000001", "BLINK 1 1 0", "BLINK 1 1 1 1"] {
        place.send(1, text.as_bytes());
        controller.wait_for_log("BLINK takes two numbers of milliseconds");
    }
    place.led_is("blink 1800s 3600s");
    assert_eq!(controller.line(), "LED on");
    place.command(&["exit"]).printed("ended");
    assert_eq!(controller.end().1, ["LED off"]);
}

#[test]
fn toggle_ends_it_in_the_dark_whatever_its_phase() {
    let place = Place::new();
    let _controller = place.controller(&[]);
    for phases in [["1h", "1ms"], ["1ms", "1h"]] {
        assert_eq!(place.command(&["blink", phases[0], phases[1]]).code, Some(0));
        place.command(&["toggle"]).printed("off");
        place.led_is("off");
    }
}

#[test]
fn a_signal_and_exit_end_it_in_the_middle_of_a_phase() {
    for phases in [["1h", "1ms"], ["1ms", "1h"]] {
        for by_signal in [true, false] {
            let place = Place::new();
            let controller = place.controller(&[]);
            assert_eq!(place.command(&["blink", phases[0], phases[1]]).code, Some(0));
            assert_eq!(controller.line(), "LED on");
            if by_signal {
                controller.signal(Signal::TERM);
            } else {
                place.command(&["exit"]).printed("ended");
            }
            // It would be an hour otherwise; and PATIENCE is a minute.
            let (status, out, log) = controller.end();
            assert!(status.success(), "{log:?}");
            assert_eq!(out, ["LED off"]);
            assert!(place.is_clean());
        }
    }
}

#[test]
fn it_does_not_blink_faster_after_it_was_stopped() {
    let place = Place::new();
    let controller = place.controller(&[]);
    place.command(&["blink", "20ms", "20ms"]).printed("blink 20ms 20ms");
    assert_eq!(controller.line(), "LED on");
    controller.stop();
    let missed = std::time::Duration::from_secs(2);
    std::thread::sleep(missed);
    controller.signal(Signal::CONT);
    place.command(&["off"]).printed("off");
    place.command(&["exit"]).printed("ended");
    // 100 changes were missed.
    let lines = controller.end().1.len();
    assert!(lines < 100, "{lines}");
}
