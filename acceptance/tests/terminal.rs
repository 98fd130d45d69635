//! The simulated LED on a terminal: a pseudo-terminal of script(1), and all that is written to it.

use std::process::{Command, Stdio};

use testing::{Fixture, Running, programs};

const ERASE_LINE: &str = "\r\x1b[K";

/// Runs a line of bash on a terminal of its own; `$CONTROLLER` and `$COMMAND` in it are the programs.
fn run_on_terminal(fixture: &Fixture, line: &str, variables: &[(&str, &str)]) -> Running {
    let mut script = Command::new("script");
    script
        .args(["--quiet", "--return", "--echo=never", "--flush"])
        .args(["--log-out=/dev/null", "--command"])
        .arg(format!("exec bash -c '{line}'"))
        .env("LED_LOCK_DIRECTORY", fixture.path());
    for (variable, program) in [("CONTROLLER", "controller"), ("COMMAND", "command")] {
        let program = programs().join(program);
        let program = format!("{} --key {}", program.display(), fixture.key);
        script.env(variable, program);
    }
    script
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .env_remove("RUST_LOG")
        .envs(variables.iter().copied());
    Running::start(script.stdin(Stdio::null()))
}

fn wait_for_output(running: Running) -> String {
    let outcome = running.wait();
    outcome.assert_code(0);
    outcome.out
}

#[test]
#[ignore = "needs script(1)"]
fn the_simulated_led_is_one_line_below_the_log() {
    let coloured = ("\x1b[1;33m●\x1b[0m LED on", "\x1b[2m○\x1b[0m LED off");
    let plain = ("● LED on", "○ LED off");
    for (variables, (on, off)) in [
        (&[][..], coloured),
        (&[("NO_COLOR", "1")], plain),
        (&[("TERM", "dumb")], plain),
    ] {
        let fixture = Fixture::new();
        let terminal = run_on_terminal(&fixture, "exec $CONTROLLER --simulate", variables);
        fixture.wait_until_served();
        fixture.command(&["on"]).assert_printed("on");
        fixture.send(1, b"FLASH");
        fixture.command(&["exit"]).assert_printed("ended");
        let written = wait_for_output(terminal);
        assert!(
            written.starts_with(&format!("{ERASE_LINE}{off}{ERASE_LINE}[")),
            "{written:?}"
        );
        for part in [
            format!("LED OFF\n{off}{ERASE_LINE}{on}{ERASE_LINE}["),
            format!("\"FLASH\"\n{on}{ERASE_LINE}{off}\n["),
        ] {
            assert!(written.contains(&part), "{written:?}");
        }
        assert!(written.ends_with("queues removed\n"), "{written:?}");
    }
}

#[test]
#[ignore = "needs script(1)"]
fn in_the_background_of_a_shell_it_prints_lines() {
    let fixture = Fixture::new();
    let line = "set -m; $CONTROLLER --simulate 2>/dev/null & until $COMMAND status >/dev/null 2>&1; do sleep 0.1; done; \
                $COMMAND on; $COMMAND exit; wait";
    let written = wait_for_output(run_on_terminal(&fixture, line, &[]));
    assert!(!written.contains(ERASE_LINE), "{written:?}");
    let (on, off) = ("\x1b[1;33m●\x1b[0m LED on", "\x1b[2m○\x1b[0m LED off");
    for line in [on, "on", off, "ended"] {
        assert!(written.lines().any(|found| found == line), "{written:?}");
    }
}
