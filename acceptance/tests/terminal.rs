//! The simulated LED on a terminal: a pseudo-terminal of script(1), and all that is written to it.

use std::process::Command;

use testing::{Fixture, Running, programs, wait_until};

const ERASE_LINE: &str = "\r\x1b[K";

/// Runs a line of bash on a terminal of its own; `$CONTROLLER` and `$COMMAND` in it are the programs.
fn run_on_terminal(fixture: &Fixture, line: &str, variables: &[(&str, &str)]) -> Running {
    let mut script = Command::new("script");
    script.args([
        "--quiet",
        "--return",
        "--echo",
        "never",
        "--flush",
        "--log-out",
        "/dev/null",
        "--command",
    ]);
    script
        .arg(format!("exec bash -c '{line}'"))
        .env("LED_LOCK_DIRECTORY", fixture.path());
    for (variable, program) in [("CONTROLLER", "controller"), ("COMMAND", "command")] {
        script.env(
            variable,
            format!(
                "{} --key {}",
                programs().join(program).display(),
                fixture.key
            ),
        );
    }
    script
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .env_remove("RUST_LOG")
        .envs(variables.iter().copied());
    Running::start(script.stdin(std::process::Stdio::null()))
}

fn wait_for_output(running: Running) -> String {
    let (status, out, err) = running.wait();
    assert!(status.success(), "{out:?} {err:?}");
    out.join("\n")
}

#[test]
#[ignore = "needs script(1)"]
fn the_simulated_led_is_one_line_below_the_log() {
    for (variables, on, off) in [
        (
            &[][..],
            "\x1b[1;33m●\x1b[0m LED on",
            "\x1b[2m○\x1b[0m LED off",
        ),
        (&[("NO_COLOR", "1")], "● LED on", "○ LED off"),
        (&[("TERM", "dumb")], "● LED on", "○ LED off"),
    ] {
        let fixture = Fixture::new();
        let terminal = run_on_terminal(&fixture, "exec $CONTROLLER --simulate", variables);
        wait_until("the controller serves", || {
            fixture.command(&["status"]).code == Some(0)
        });
        fixture.command(&["on"]).assert_printed("on");
        fixture.send(1, b"FLASH");
        fixture.command(&["exit"]).assert_printed("ended");
        let written = wait_for_output(terminal);
        assert!(
            written.starts_with(&format!("{ERASE_LINE}{off}{ERASE_LINE}[")),
            "{written:?}"
        );
        assert!(
            written.contains(&format!("LED OFF\n{off}{ERASE_LINE}{on}{ERASE_LINE}[")),
            "{written:?}"
        );
        assert!(
            written.contains(&format!("\"FLASH\"\n{on}{ERASE_LINE}{off}\n[")),
            "{written:?}"
        );
        assert!(written.ends_with("queues removed"), "{written:?}");
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
    for line in [
        "\x1b[1;33m●\x1b[0m LED on",
        "on",
        "\x1b[2m○\x1b[0m LED off",
        "ended",
    ] {
        assert!(
            written.lines().any(|found| found == line),
            "{line:?} in {written:?}"
        );
    }
}
