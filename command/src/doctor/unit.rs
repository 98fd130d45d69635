//! The systemd unit, which serves the default key.

use std::{
    io,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use shared::Key;

use super::{Finding, Good, Problem, Skipped};

const UNIT: &str = "led-controller.service";
/// How long to wait for systemctl.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn check(key: Key, has_replied: bool) -> Finding {
    if !Path::new("/run/systemd/system").exists() {
        return Skipped("systemd does not run here".into());
    }
    if key != Key::DEFAULT {
        return Skipped(format!("{UNIT} serves key {}", Key::DEFAULT));
    }
    let properties = "--property=LoadState,UnitFileState,ActiveState,SubState,Result";
    let shown = match output_in_time(Command::new("systemctl").args(["show", UNIT, properties])) {
        Ok(Some(output)) if output.stdout.is_empty() => {
            return Problem(format!(
                "systemctl: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            ));
        }
        Ok(Some(output)) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Ok(None) => return Problem(format!("systemctl did not finish within {PATIENCE:?}")),
        Err(error) => return Problem(format!("systemctl: {error}")),
    };
    let get = |name| {
        shown
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .unwrap_or_default()
    };
    let state = format!("{} ({})", get("ActiveState"), get("SubState"));
    match (get("LoadState"), get("ActiveState")) {
        ("not-found", _) if has_replied => Skipped(format!(
            "{UNIT} is not installed; this controller runs without it"
        )),
        ("not-found", _) => Problem(format!(
            "{UNIT} is not installed: install the package led-controller"
        )),
        (_, "active") => Good(format!(
            "{UNIT} is {state}, {} at boot",
            get("UnitFileState")
        )),
        // Between two attempts to start it is activating. After the last one systemd refuses a start, and still gives the result of
        // that attempt.
        (_, active @ ("failed" | "activating")) => Problem(format!(
            "{UNIT} is {state}, {}: \"journalctl -u led-controller -n 20\" has the reason, \"{}sudo systemctl restart \
             led-controller\" tries again",
            get("Result"),
            if active == "failed" {
                "sudo systemctl reset-failed led-controller && "
            } else {
                ""
            }
        )),
        _ if has_replied => Skipped(format!(
            "{UNIT} is {state}; this controller runs without it"
        )),
        _ => Problem(format!(
            "{UNIT} is {state}: run \"sudo systemctl start led-controller\""
        )),
    }
}

/// The output of a program; none if it does not end in time. It fits into a pipe.
fn output_in_time(program: &mut Command) -> io::Result<Option<Output>> {
    let mut child = program
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(1));
    }
    child.wait_with_output().map(Some)
}
