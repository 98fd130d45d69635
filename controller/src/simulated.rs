//! The simulated LED, on standard output.

use std::{
    env,
    fs::File,
    io::{self, IsTerminal, Write},
    os::{fd::AsFd, unix::fs::FileTypeExt},
    time::Duration,
};

use crate::{
    OnOff, Output,
    terminal::{ERASE_LINE, PATIENCE, is_foreground, last_line, write_in_time},
};

/// An LED for machines without one: a line `LED on` or `LED off` on standard output at each change. On a terminal it is a symbol
/// that stays the last line.
#[derive(Debug)]
pub(crate) struct Simulated {
    level: OnOff,
    /// A descriptor of its own: [`io::stdout`] would buffer the lines.
    stdout: File,
    on: &'static str,
    off: &'static str,
    is_terminal: bool,
    can_block: bool,
}

impl Simulated {
    /// An LED that is on or off.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written.
    pub(crate) fn new(initial: OnOff) -> io::Result<Self> {
        let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let is_terminal = stdout.is_terminal();
        let is_plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
        let (on, off) = match (is_terminal, is_plain) {
            (false, _) => ("LED on\n", "LED off\n"),
            (true, true) => ("● LED on\n", "○ LED off\n"),
            (true, false) => ("\x1b[1;33m●\x1b[0m LED on\n", "\x1b[2m○\x1b[0m LED off\n"),
        };
        let file = stdout.metadata()?.file_type();
        let can_block = is_terminal || file.is_fifo() || file.is_socket();
        let mut led = Simulated {
            level: OnOff::Off,
            stdout,
            on,
            off,
            is_terminal,
            can_block,
        };
        if is_terminal && is_foreground() {
            led.show(OnOff::Off)?;
        }
        led.set(initial)?;
        Ok(led)
    }

    fn show(&mut self, level: OnOff) -> io::Result<()> {
        let line = match level {
            OnOff::On => self.on,
            OnOff::Off => self.off,
        };
        if !self.can_block {
            return self.stdout.write_all(line.as_bytes());
        }
        let mut last_line = last_line();
        if self.is_terminal && is_foreground() {
            let line = line.trim_end();
            *last_line = Some(line);
            write_in_time(
                &mut self.stdout,
                format!("{ERASE_LINE}{line}").as_bytes(),
                PATIENCE,
            )
        } else {
            *last_line = None;
            write_in_time(&mut self.stdout, line.as_bytes(), PATIENCE)
        }
    }
}

impl Output for Simulated {
    fn set(&mut self, level: OnOff) -> io::Result<()> {
        if level != self.level {
            self.show(level)?;
            self.level = level;
        }
        Ok(())
    }
}

/// Ends the last line, for what is written to the terminal next.
impl Drop for Simulated {
    fn drop(&mut self) {
        if last_line().take().is_some() && is_foreground() {
            // The terminal is closed or not read: fine.
            let _ = write_in_time(&mut self.stdout, b"\n", Duration::ZERO);
        }
    }
}
