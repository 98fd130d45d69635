//! Brightness, fades and flashes, of a simulated LED.

use std::time::{Duration, Instant};

use serde_json::json;
use shared::{Message, Oversize, Select};
use testing::{Fixture, Running, Signal, wait_until_idle};

use crate::status::json;

fn percent(line: &str) -> u32 {
    match line.strip_prefix("LED ") {
        Some("off") => 0,
        Some("on") => 100,
        Some(on) => on[3..].trim_end_matches('%').parse().unwrap(),
        None => panic!("{line}"),
    }
}

/// The percents that a simulated LED shows, up to this one.
fn shown_until(controller: &Running, last: u32) -> Vec<u32> {
    let mut shown = vec![percent(&controller.line())];
    while shown.last() != Some(&last) {
        shown.push(percent(&controller.line()));
    }
    shown
}

#[test]
fn an_led_is_dimmed_and_has_its_last_brightness_again() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    for (command, printed, shown) in [
        (&["on"][..], "on", "LED on"),
        (&["on", "40%"], "on 40%", "LED on 40%"),
        (&["off"], "off", "LED off"),
        (&["on"], "on 40%", "LED on 40%"),
        (&["toggle"], "off", "LED off"),
        (&["toggle"], "on 40%", "LED on 40%"),
        (&["on", "1"], "on 1%", "LED on 1%"),
        (&["on", "100%"], "on", "LED on"),
        (&["on", "40"], "on 40%", "LED on 40%"),
    ] {
        fixture.command(command).assert_printed(printed);
        assert_eq!(controller.line(), shown);
    }
    fixture.assert_led("on 40%");
    fixture
        .command(&["blink", "1ms", "1h"])
        .assert_printed("blink 1ms 3600s, 40%");
    assert_eq!(controller.line(), "LED off");
    let status = json(&fixture.command(&["status", "--json"]).out);
    assert_eq!(status["brightness"], json!(40));
    assert_eq!(status["levels"], json!(101));
    fixture.exit(controller);
}

#[test]
fn brightnesses_and_fades_out_of_range_are_refused() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    for arguments in ["on 0%", "on 101%", "on 40%%", "on 4.5", "on -40", "on half"] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        fixture.command(&arguments).assert_failed(2, &["1%"]);
    }
    for arguments in ["on --fade 0", "off --fade 2h", "flash 0", "on 40 40"] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        fixture.command(&arguments).assert_code(2);
    }
    fixture.assert_led("off");
}

#[test]
fn a_fade_takes_its_time_in_few_steps_and_no_wakeup_follows() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let wakeups = || controller.context_switches().iter().step_by(2).sum::<u64>();
    for (command, printed, last) in [
        (&["on", "80%", "--fade", "2s"][..], "on 80%", 80),
        (&["off", "--fade", "2s"], "off", 0),
    ] {
        let (before, start) = (wakeups(), Instant::now());
        fixture.command(command).assert_printed(printed);
        let steps = shown_until(&controller, last);
        let time = start.elapsed();
        assert!(wakeups() - before <= 110, "{}", wakeups() - before);
        // The machine may be busy, but a fade is never shorter.
        assert!(time >= Duration::from_millis(1990), "{time:?}");
        assert!(
            steps.is_sorted() || steps.iter().rev().is_sorted(),
            "{steps:?}"
        );
        // While it fades, the state is the one at its end.
        fixture.assert_led(printed);
    }
    wait_until_idle(&[&controller], Duration::from_millis(300));
}

#[test]
fn a_command_ends_a_fade_where_it_is() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture
        .command(&["on", "--fade", "10s"])
        .assert_printed("on");
    assert!(controller.line().starts_with("LED on "));
    fixture
        .command(&["off", "--fade", "1ms"])
        .assert_printed("off");
    let rest = shown_until(&controller, 0);
    assert!(rest.iter().all(|&percent| percent < 90), "{rest:?}");
    fixture.command(&["toggle"]).assert_printed("on");
}

#[test]
fn who_watches_is_told_of_the_brightness_and_older_clients_are_not() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let watch = fixture.client(&["status", "--watch"]);
    assert_eq!(watch.line(), "off");
    for (command, line) in [("40%", "on 40%"), ("41%", "on 41%"), ("100%", "on")] {
        fixture.command(&["on", command]).assert_printed(line);
        assert_eq!(watch.line(), line);
    }
    let asked = |text: &[u8]| {
        fixture.send(1, text);
        fixture.command(&["status"]).assert_code(0);
        let reply = fixture
            .replies()
            .try_receive::<256>(Select::Any, Oversize::Truncate);
        reply
            .ok()
            .map(|reply: Message| String::from_utf8(reply.text().to_vec()).unwrap())
    };
    // As an older client does.
    assert_eq!(asked(b"WATCH ON\0reply=77\0"), None);
    assert_eq!(asked(b"ON 40\0"), None);
    let reply = asked(b"OFF\0").unwrap();
    assert_eq!(reply.lines().next(), Some("OK OFF"));
    assert!(reply.contains("\nbrightness 40\nlevels 101\n"), "{reply}");
}

#[test]
fn the_brightness_outlives_the_controller_also_that_of_an_led_that_is_off() {
    let fixture = Fixture::new();
    let start = || {
        let mut controller = fixture.simulated(&["--initial", "last"]);
        Running::start(controller.env("STATE_DIRECTORY", fixture.path().join("state"))).when_ready()
    };
    let controller = start();
    fixture.command(&["on", "40%"]).assert_printed("on 40%");
    fixture.exit(controller);
    let controller = start();
    assert_eq!(controller.line(), "LED on 40%");
    fixture.command(&["off"]).assert_printed("off");
    fixture.exit(controller);
    let controller = start();
    fixture.command(&["on"]).assert_printed("on 40%");
    // What a flash returns to is what lasts.
    fixture.command(&["flash", "1h"]).assert_code(0);
    fixture.exit(controller);
    let controller = start();
    fixture.assert_led("on 40%");
    fixture.exit(controller);
}

#[test]
fn a_flash_returns_to_what_the_led_did_before() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture
        .command(&["flash", "20ms"])
        .assert_printed("blink 20ms 500ms, 1 left");
    assert_eq!(
        [controller.line(), controller.line()],
        ["LED on", "LED off"]
    );
    fixture.command(&["wait", "off"]).assert_printed("off");
    fixture.command(&["on", "40%"]).assert_printed("on 40%");
    let flash = ["flash", "10ms", "20ms", "--count", "2"];
    let flashed = fixture.command(&flash);
    flashed.assert_printed("blink 10ms 20ms, 40%, 2 left");
    fixture.command(&["wait", "on"]).assert_printed("on 40%");
    let expected = ["on 40%", "off", "on 40%", "off", "on 40%"].map(|line| format!("LED {line}"));
    assert_eq!([(); 5].map(|()| controller.line()), expected);
}

/// While the client does not ask, the LED is on at another brightness, and blinks as before.
#[test]
fn a_brightness_that_changed_between_two_equal_blinks_is_reported() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    fixture.command(&["on", "40%"]).assert_printed("on 40%");
    let blink = ["blink", "1h", "1h"];
    fixture.command(&blink).assert_code(0);
    let watch = fixture.client(&["status", "--watch"]);
    let first = watch.line();
    assert!(first.contains("40%"), "{first}");
    watch.stop();
    fixture.command(&["on", "100%"]).assert_printed("on");
    fixture.command(&blink).assert_code(0);
    watch.signal(Signal::CONT);
    let next = loop {
        let line = watch.line();
        if line != "on" {
            break line;
        }
    };
    assert_eq!(next, "blink 3600s 3600s");
}
