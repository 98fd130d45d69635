//! The simulated LED, on standard output.

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    os::{fd::AsFd, unix::fs::FileTypeExt},
};

use logging::{PATIENCE, write_in_time};

use crate::{OnOff, Output};

/// An LED for machines without one: a line `LED on` or `LED off` on standard output at each change.
#[derive(Debug)]
pub(crate) struct Simulated {
    level: OnOff,
    /// A descriptor of its own: [`io::stdout`] would buffer the lines.
    stdout: File,
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
        let file = stdout.metadata()?.file_type();
        let can_block = stdout.is_terminal() || file.is_fifo() || file.is_socket();
        let mut led = Simulated {
            level: OnOff::Off,
            stdout,
            can_block,
        };
        led.set(initial)?;
        Ok(led)
    }
}

impl Output for Simulated {
    fn set(&mut self, level: OnOff) -> io::Result<()> {
        if level == self.level {
            return Ok(());
        }
        let line: &[u8] = match level {
            OnOff::On => b"LED on\n",
            OnOff::Off => b"LED off\n",
        };
        if self.can_block {
            write_in_time(&mut self.stdout, line, PATIENCE)?;
        } else {
            self.stdout.write_all(line)?;
        }
        self.level = level;
        Ok(())
    }
}
