//! The lamp of a simulated LED: on a terminal one line, which stays the last one while the log goes on above it.

use std::{
    env,
    io::{self, IsTerminal, Write},
    os::fd::AsRawFd,
    sync::{Mutex, MutexGuard, PoisonError},
};

use nix::unistd::{getpgrp, tcgetpgrp};

use crate::Light;

/// Back to the begin of the line, which is wiped.
const WIPE: &str = "\r\x1b[K";

/// The lamp that is the terminal's last line now, if it is. Only who holds this writes there.
static LAMP: Mutex<Option<&str>> = Mutex::new(None);

fn lamp() -> MutexGuard<'static, Option<&'static str>> {
    LAMP.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the terminal is ours alone: while we are in the background, a shell writes lines of its own.
pub(crate) fn is_ours() -> bool {
    tcgetpgrp(io::stdout().as_raw_fd()) == Ok(getpgrp())
}

/// Draws the lamp, or writes a line where standard output is no terminal or not ours.
///
/// # Errors
///
/// What standard output says.
pub(crate) fn draw(light: Light) -> io::Result<()> {
    let mut lamp = lamp();
    let mut stdout = io::stdout().lock();
    let text = text(light, stdout.is_terminal());
    if is_ours() {
        *lamp = Some(text);
        stdout.write_all(format!("{WIPE}{text}").as_bytes())?;
    } else {
        *lamp = None;
        writeln!(stdout, "{text}")?;
    }
    stdout.flush()
}

fn text(light: Light, is_terminal: bool) -> &'static str {
    let is_plain = || {
        env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_none_or(|terminal| terminal == "dumb")
    };
    match (light, is_terminal) {
        (Light::On, false) => "LED on",
        (Light::Off, false) => "LED off",
        (Light::On, true) if is_plain() => "● LED on",
        (Light::Off, true) if is_plain() => "○ LED off",
        (Light::On, true) => "\x1b[1;33m●\x1b[0m LED on",
        (Light::Off, true) => "\x1b[2m○\x1b[0m LED off",
    }
}

/// Goes on to the next line, for whoever writes to the terminal after us.
pub(crate) fn leave() {
    if lamp().take().is_some() && is_ours() {
        // The terminal is gone with what was on it.
        let _ = writeln!(io::stdout());
    }
}

/// Standard error, where it is the terminal that the lamp is on: what is written goes above the lamp.
pub(crate) struct AboveLamp;

impl AboveLamp {
    /// Whether both are terminals.
    pub(crate) fn applies() -> bool {
        io::stdout().is_terminal() && io::stderr().is_terminal()
    }
}

impl Write for AboveLamp {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let lamp = lamp();
        let mut stderr = io::stderr().lock();
        match *lamp {
            Some(lamp) if is_ours() => stderr.write_all(&[WIPE.as_bytes(), lines, lamp.as_bytes()].concat())?,
            _ => stderr.write_all(lines)?,
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
