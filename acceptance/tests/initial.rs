//! `--initial last`: the state that the last command set, over the end of the controller.

use std::{fs, path::PathBuf};

use testing::{Fixture, Running, Signal, wait_until};

/// Starts a controller with its state in this directory.
fn start(fixture: &Fixture, directory: &str) -> Running {
    let mut program = fixture.program("controller", None);
    Running::start(
        program
            .args(["--simulate", "--initial", "last"])
            .env("STATE_DIRECTORY", directory),
    )
}

fn directory(fixture: &Fixture) -> String {
    fixture.path().join("state").display().to_string()
}

fn file(fixture: &Fixture) -> PathBuf {
    fixture.path().join(format!("state/{}.state", fixture.key))
}

fn start_ready(fixture: &Fixture) -> Running {
    let controller = start(fixture, &directory(fixture));
    controller.wait_for_log("ready");
    controller
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
        let controller = start_ready(&fixture);
        assert_eq!(fixture.command(command).code, Some(0));
        // exit turns the LED off, and is not the last command.
        fixture.command(&["exit"]).assert_printed("ended");
        assert!(controller.wait().0.success());
        // Nor is a signal, to a controller that got no command.
        let controller = start_ready(&fixture);
        fixture.assert_led(state);
        controller.signal(Signal::TERM);
        assert!(controller.wait().0.success());
        let controller = start_ready(&fixture);
        fixture.assert_led(state);
        fixture.command(&["exit"]).assert_printed("ended");
        assert!(controller.wait().0.success());
    }
}

#[test]
fn a_state_that_was_saved_outlives_a_kill() {
    let fixture = Fixture::new();
    let controller = start_ready(&fixture);
    fixture.command(&["on"]).assert_printed("on");
    wait_until("it is saved", || file(&fixture).exists());
    controller.kill();
    let _controller = start_ready(&fixture);
    fixture.assert_led("on");
}

#[test]
fn an_unusable_file_is_off_with_a_warning() {
    let fixture = Fixture::new();
    fs::create_dir(directory(&fixture)).unwrap();
    for text in [
        None,
        Some(""),
        Some("ON\n"),
        Some("led-controller state 2\nON\n"),
    ] {
        if let Some(text) = text {
            fs::write(file(&fixture), text).unwrap();
        }
        let controller = start(&fixture, &directory(&fixture));
        let warning = controller.wait_for_log("starting with the LED off");
        assert!(
            warning.contains(&file(&fixture).display().to_string()),
            "{warning}"
        );
        controller.wait_for_log("ready");
        fixture.assert_led("off");
        fixture.command(&["exit"]).assert_printed("ended");
        assert!(controller.wait().0.success());
    }
}

#[test]
fn a_directory_that_cannot_be_written_is_one_warning() {
    let fixture = Fixture::new();
    let controller = start(&fixture, "/proc/self/no-such-directory");
    controller.wait_for_log("ready");
    for state in ["on", "off", "on"] {
        fixture.command(&[state]).assert_printed(state);
    }
    fixture.command(&["exit"]).assert_printed("ended");
    let (status, _, log) = controller.wait();
    assert!(status.success());
    assert_eq!(
        log.iter()
            .filter(|line| line.contains("the state is not saved"))
            .count(),
        1,
        "{log:?}"
    );
}

#[test]
fn without_the_option_no_file_is_written() {
    let fixture = Fixture::new();
    let mut program = fixture.program("controller", None);
    program
        .args(["--simulate", "--initial", "on"])
        .env("STATE_DIRECTORY", directory(&fixture));
    let controller = Running::start(&mut program);
    controller.wait_for_log("ready");
    fixture.command(&["off"]).assert_printed("off");
    fixture.command(&["exit"]).assert_printed("ended");
    assert!(controller.wait().0.success());
    assert!(!fixture.path().join("state").exists());
}
