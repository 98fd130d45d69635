//! `controller --led`, with files in the place of the kernel's. The kernel's own LEDs are on the emulated Pi.

mod failures;

use std::{fs, path::PathBuf, process::Command};

use serde_json::json;
use testing::{Fixture, Outcome, Running};

use crate::status::json;

/// A directory of LEDs. The kernel would show all triggers, and the active one in brackets.
struct Leds<'a>(&'a Fixture);

impl Leds<'_> {
    fn new(fixture: &Fixture) -> Leds<'_> {
        let leds = Leds(fixture);
        for (name, brightest, trigger) in [
            ("ACT", "1", "none [mmc0] timer"),
            ("dim", "255", "[none] mmc0 timer"),
        ] {
            fs::create_dir_all(leds.file(name, "")).unwrap();
            fs::write(leds.file(name, "max_brightness"), format!("{brightest}\n")).unwrap();
            fs::write(leds.file(name, "brightness"), "0\n").unwrap();
            fs::write(leds.file(name, "trigger"), format!("{trigger}\n")).unwrap();
        }
        leds
    }

    fn file(&self, name: &str, file: &str) -> PathBuf {
        self.0.path().join("leds").join(name).join(file)
    }

    /// The line that was written last. In a file of the kernel it is the only one.
    fn read(&self, name: &str, file: &str) -> String {
        let text = fs::read_to_string(self.file(name, file)).unwrap();
        text.lines().next().unwrap().to_owned()
    }

    fn program(&self, name: &str, arguments: &[&str]) -> Command {
        let mut program = self.0.program(name, None);
        program
            .args(arguments)
            .env("LED_CLASS_DIRECTORY", self.0.path().join("leds"));
        program
    }

    fn controller(&self, arguments: &[&str]) -> Running {
        Running::start(&mut self.program("controller", arguments)).when_ready()
    }

    fn turn_off(&self, name: &str) -> Outcome {
        Outcome::of(&mut self.program("controller", &["--led", name, "--turn-off"]))
    }
}

#[test]
fn brightness_is_linear_and_the_led_is_off_at_the_end() {
    let fixture = Fixture::new();
    let leds = Leds::new(&fixture);
    let controller = leds.controller(&["--led", "dim"]);
    for (command, level) in [
        (&["on"][..], "255"),
        (&["on", "40%"], "102"),
        (&["off"], "0"),
        (&["toggle"], "102"),
        (&["on", "1%"], "3"),
        (&["on", "99%"], "252"),
    ] {
        fixture.command(command).assert_code(0);
        assert_eq!(leds.read("dim", "brightness"), level);
    }
    let status = json(&fixture.command(&["status", "--json"]).out);
    assert_eq!(status["led"], json!("dim"));
    assert_eq!(status["levels"], json!(256));
    assert_eq!(status["brightness"], json!(99));
    assert_eq!(status["line"], json!(null));
    fixture.exit(controller);
    assert_eq!(leds.read("dim", "brightness"), "0");
}

#[test]
fn an_led_that_can_only_be_on_or_off_refuses_a_brightness_and_is_unchanged() {
    let fixture = Fixture::new();
    let leds = Leds::new(&fixture);
    let _controller = leds.controller(&["--led", "ACT"]);
    for (state, level) in [("on", "1"), ("off", "0")] {
        fixture.command(&[state]).assert_printed(state);
        let refused = fixture.command(&["on", "40%"]);
        refused.assert_failed(1, &["can only be on or off", "PWM", "controller(8)"]);
        assert_eq!(leds.read("ACT", "brightness"), level);
        fixture.assert_led(state);
    }
    // Without a brightness it changes at once.
    fixture
        .command(&["on", "--fade", "1h"])
        .assert_printed("on");
    assert_eq!(leds.read("ACT", "brightness"), "1");
    fixture.command(&["on", "100%"]).assert_printed("on");
}

#[test]
fn a_trigger_is_ended_and_set_again_at_the_end() {
    let fixture = Fixture::new();
    let leds = Leds::new(&fixture);
    let controller = Running::start(&mut leds.program("controller", &["--led", "ACT"]));
    controller.wait_for_log("ended trigger mmc0 of LED ACT");
    controller.wait_for_log("ready");
    assert_eq!(leds.read("ACT", "trigger"), "none");
    // Somebody sets one meanwhile.
    fs::write(leds.file("ACT", "trigger"), "none mmc0 [timer]\n").unwrap();
    fixture.command(&["off"]).assert_printed("off");
    let mut doctor = leds.program("command", &["doctor"]);
    let doctor = Outcome::of(&mut doctor);
    assert!(doctor.out.contains("its trigger timer"), "{doctor:?}");
    fixture.command(&["on"]).assert_printed("on");
    controller.wait_for_log("ended trigger timer of LED ACT");
    assert_eq!(leds.read("ACT", "trigger"), "none");
    let doctor = Outcome::of(&mut leds.program("command", &["doctor"]));
    assert!(
        doctor.out.contains("LED ACT can only be on or off"),
        "{doctor:?}"
    );
    fixture.exit(controller);
    assert_eq!(leds.read("ACT", "trigger"), "mmc0");
    assert_eq!(leds.read("ACT", "brightness"), "0");
}

#[test]
fn after_a_kill_it_is_off_and_has_its_trigger_again() {
    let fixture = Fixture::new();
    let leds = Leds::new(&fixture);
    let kill = || {
        let controller = leds.controller(&["--led", "ACT", "--initial", "on"]);
        assert_eq!(leds.read("ACT", "brightness"), "1");
        controller.kill();
        assert_eq!(leds.read("ACT", "trigger"), "none");
    };
    kill();
    leds.turn_off("ACT").assert_code(0);
    assert_eq!(leds.read("ACT", "brightness"), "0");
    assert_eq!(leds.read("ACT", "trigger"), "mmc0");
    // Also by the next controller, and after two kills.
    fs::write(leds.file("ACT", "trigger"), "none [mmc0] timer\n").unwrap();
    kill();
    kill();
    fixture.exit(leds.controller(&["--led", "ACT"]));
    assert_eq!(leds.read("ACT", "trigger"), "mmc0");
    // What is set again is not remembered: now somebody wants none.
    fs::write(leds.file("ACT", "trigger"), "[none] mmc0 timer\n").unwrap();
    fixture.exit(leds.controller(&["--led", "ACT"]));
    leds.turn_off("ACT").assert_code(0);
    assert_eq!(leds.read("ACT", "trigger"), "[none] mmc0 timer");
}

#[test]
fn turn_off_does_not_touch_the_led_of_a_controller_that_serves() {
    let fixture = Fixture::new();
    let leds = Leds::new(&fixture);
    let controller = leds.controller(&["--led", "dim", "--initial", "on"]);
    leds.turn_off("dim")
        .assert_failed(1, &["another controller"]);
    assert_eq!(leds.read("dim", "brightness"), "255");
    fixture.exit(controller);
}

#[test]
fn an_unknown_led_is_an_error_that_lists_those_that_exist() {
    let fixture = Fixture::new();
    let leds = Leds::new(&fixture);
    let run = |arguments: &[&str]| Outcome::of(&mut leds.program("controller", arguments));
    run(&["--led", "PWR"]).assert_failed(1, &["no LED PWR", "ACT, dim"]);
    for name in ["", "..", "../leds/ACT", "a/b"] {
        run(&["--led", name]).assert_failed(2, &["/sys/class/leds"]);
    }
    for other in [
        &["--line", "GPIO17"][..],
        &["--chip", "x"],
        &["--active-low"],
        &["--simulate"],
    ] {
        run(&[&["--led", "ACT"], other].concat()).assert_failed(2, &["cannot be used with"]);
    }
}

#[test]
fn an_led_that_cannot_be_written_is_an_error_that_names_the_file() {
    let fixture = Fixture::new();
    let leds = Leds::new(&fixture);
    // Also root cannot write to a directory.
    fs::remove_file(leds.file("dim", "brightness")).unwrap();
    fs::create_dir(leds.file("dim", "brightness")).unwrap();
    let failed = Outcome::of(&mut leds.program("controller", &["--led", "dim"]));
    failed.assert_failed(1, &["leds/dim/brightness: "]);
}
