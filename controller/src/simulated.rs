//! The simulated LED, on standard output.

use std::io;

use logging::{PATIENCE, TimedWriter};
use shared::Light;

use crate::{Output, output::first_level};

/// The highest level: one for each percent.
const BRIGHTEST: u32 = 100;

/// An LED for machines without one: a line `LED on`, `LED on 40%` or `LED off` on standard output at each change.
#[derive(Debug)]
pub(crate) struct Simulated {
    level: u32,
    stdout: TimedWriter,
}

impl Simulated {
    /// A simulated LED with this state.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written.
    pub(crate) fn new(initial: Light) -> io::Result<Self> {
        let mut simulated = Simulated {
            level: 0,
            stdout: TimedWriter::new(io::stdout())?,
        };
        simulated.set(first_level(initial, BRIGHTEST))?;
        Ok(simulated)
    }
}

impl Output for Simulated {
    fn brightest(&self) -> u32 {
        BRIGHTEST
    }

    fn set(&mut self, level: u32) -> io::Result<()> {
        if level == self.level {
            return Ok(());
        }
        let line = match level {
            BRIGHTEST => "LED on\n".into(),
            0 => "LED off\n".into(),
            percent => format!("LED on {percent}%\n"),
        };
        self.stdout.write_in_time(line.as_bytes(), PATIENCE)?;
        self.level = level;
        Ok(())
    }
}
