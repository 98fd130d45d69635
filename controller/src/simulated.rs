//! The simulated LED, on standard output.

use std::io;

use logging::{PATIENCE, TimedWriter};

use crate::{OnOff, Output};

/// An LED for machines without one: a line `LED on` or `LED off` on standard output at each change.
#[derive(Debug)]
pub(crate) struct Simulated {
    level: OnOff,
    stdout: TimedWriter,
}

impl Simulated {
    /// One that is on or off.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written.
    pub(crate) fn new(initial: OnOff) -> io::Result<Self> {
        let mut simulated = Simulated {
            level: OnOff::Off,
            stdout: TimedWriter::new(io::stdout())?,
        };
        simulated.set(initial)?;
        Ok(simulated)
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
        self.stdout.write_in_time(line, PATIENCE)?;
        self.level = level;
        Ok(())
    }
}
