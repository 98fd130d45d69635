//! The systemd unit of the controller.

use std::{
    io,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use shared::Key;

use super::{Finding, Good, Problem, Skipped};
use crate::unit::{Unit, systemd_runs};

/// How long to wait for systemctl.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn check(key: Key, has_replied: bool) -> Finding {
    if !systemd_runs() {
        return Skipped("systemd does not run here".into());
    }
    let Some(unit) = Unit::of(key) else {
        return Skipped(format!("no unit has --key {key} in its options"));
    };
    let shown = match show(&unit) {
        Ok(shown) => shown,
        Err(problem) => return Problem(problem),
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
            "{unit}.service is not installed; this controller runs without it"
        )),
        ("not-found", _) => Problem(format!(
            "{unit}.service is not installed: install the package led-controller"
        )),
        (_, "active") => Good(format!(
            "{unit}.service is {state}, {} at boot",
            get("UnitFileState")
        )),
        // Between two attempts to start it is activating. After the last one systemd refuses a start, and still gives the result of
        // that attempt.
        (_, active @ ("failed" | "activating")) => Problem(format!(
            "{unit}.service is {state}, {}: \"journalctl -u {unit} -n 20\" has the reason, \"{}sudo systemctl restart {unit}\" \
             tries again",
            get("Result"),
            if active == "failed" {
                format!("sudo systemctl reset-failed {unit} && ")
            } else {
                String::new()
            }
        )),
        _ if has_replied => Skipped(format!(
            "{unit}.service is {state}; this controller runs without it"
        )),
        _ => Problem(format!(
            "{unit}.service is {state}: run \"sudo systemctl start {unit}\""
        )),
    }
}

/// The properties of a unit, one per line, or why they cannot be read.
fn show(unit: &Unit) -> Result<String, String> {
    let properties = "--property=LoadState,UnitFileState,ActiveState,SubState,Result";
    let mut systemctl = Command::new("systemctl");
    systemctl.args(["show", &unit.to_string(), properties]);
    match output_in_time(&mut systemctl) {
        Ok(Some(output)) if output.stdout.is_empty() => Err(format!(
            "systemctl: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Ok(Some(output)) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(None) => Err(format!("systemctl did not finish within {PATIENCE:?}")),
        Err(error) => Err(format!("systemctl: {error}")),
    }
}

/// The output of a program; none if the program does not end in time. The output must fit into a pipe, which is read at the end.
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
