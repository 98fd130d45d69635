//! `--initial last`: the state that the last command set, over the end of the controller.

use std::{fs, path::PathBuf};

use testing::{Fixture, Running, wait_until};

use crate::watchers::{reply, watch};

/// Starts a controller with its state in `directory`.
fn start_in(fixture: &Fixture, directory: PathBuf) -> Running {
    let mut controller = fixture.simulated(&["--initial", "last"]);
    Running::start(controller.env("STATE_DIRECTORY", directory))
}

fn start(fixture: &Fixture) -> Running {
    start_in(fixture, fixture.path().join("state"))
}

fn file(fixture: &Fixture) -> PathBuf {
    fixture.path().join(format!("state/{}.state", fixture.key))
}

#[test]
fn it_starts_with_the_state_of_the_last_command() {
    let fixture = Fixture::new();
    for (command, state) in [
        (&["on"][..], "on"),
        (&["blink", "1h", "1h"], "blink 3600s 3600s"),
        (&["blink", "1h", "--count", "9"], "off"),
        (&["toggle"], "on"),
    ] {
        let controller = start(&fixture).when_ready();
        fixture.command(command).assert_code(0);
        // exit turns the LED off, and is not the last command.
        fixture.exit(controller);
        // Nor is a signal, to a controller that got no command.
        let controller = start(&fixture).when_ready();
        fixture.assert_led(state);
        fixture.terminate(controller);
        let controller = start(&fixture).when_ready();
        fixture.assert_led(state);
        fixture.exit(controller);
    }
}

#[test]
fn a_watcher_of_saved_blinking_is_told_its_end() {
    let fixture = Fixture::new();
    let controller = start(&fixture).when_ready();
    fixture.command(&["blink", "1h", "1h"]).assert_code(0);
    fixture.exit(controller);
    let _controller = start(&fixture).when_ready();
    watch(&fixture, "BLINK 3600000 3600000", 11);
    fixture.command(&["on"]).assert_printed("on");
    assert_eq!(reply(&fixture, 11), "OK ON");
}

#[test]
fn a_state_that_was_saved_outlives_a_kill() {
    let fixture = Fixture::new();
    let controller = start(&fixture).when_ready();
    fixture.command(&["on"]).assert_printed("on");
    wait_until("it is saved", || file(&fixture).exists());
    controller.kill();
    let _controller = start(&fixture).when_ready();
    fixture.assert_led("on");
}

#[test]
fn an_unusable_file_is_off_with_a_warning() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path().join("state")).unwrap();
    let path = file(&fixture).display().to_string();
    let later = "led-controller state 2\nON\n";
    for text in [None, Some(""), Some("ON\n"), Some(later)] {
        if let Some(text) = text {
            fs::write(file(&fixture), text).unwrap();
        }
        let controller = start(&fixture);
        let warning = controller.wait_for_log("starting with the LED off");
        assert!(warning.contains(&path), "{warning}");
        controller.wait_for_log("ready");
        fixture.assert_led("off");
        fixture.exit(controller);
    }
}

#[test]
fn a_directory_that_cannot_be_written_is_one_warning() {
    let fixture = Fixture::new();
    let controller = start_in(&fixture, "/proc/self/no-such-directory".into()).when_ready();
    for state in ["on", "off", "on"] {
        fixture.command(&[state]).assert_printed(state);
    }
    let log = fixture.exit(controller).err;
    assert_eq!(log.matches("the state is not saved").count(), 1, "{log}");
}

#[test]
fn without_last_no_file_is_written() {
    let fixture = Fixture::new();
    let state = fixture.path().join("state");
    let mut controller = fixture.simulated(&["--initial", "on"]);
    let controller = Running::start(controller.env("STATE_DIRECTORY", &state)).when_ready();
    fixture.command(&["off"]).assert_printed("off");
    assert_eq!(fixture.exit(controller).out, "LED on\nLED off\n");
    assert!(!state.exists());
}
