//! Where a simulated LED is seen: lines on standard output, or on a terminal a lamp that stays the last line while the log
//! goes on above it.

use std::{
    env,
    fs::{self, File},
    io::{self, IsTerminal, Write},
    os::{
        fd::{AsFd, AsRawFd},
        unix::fs::{FileTypeExt, MetadataExt},
    },
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, poll},
    unistd::{getpgrp, tcgetpgrp},
};

use crate::Light;

/// Back to the begin of the line, which is wiped.
const WIPE: &str = "\r\x1b[K";

/// How long a reader who has let a pipe or a terminal run full is waited for. What is written here is far shorter than
/// `PIPE_BUF`, so that it fits where poll(2) says that there is room.
const PATIENCE: Duration = Duration::from_secs(1);

/// The lamp that is the terminal's last line now, if it is. Only who holds this writes there.
static LAMP: Mutex<Option<&str>> = Mutex::new(None);

fn lamp() -> MutexGuard<'static, Option<&'static str>> {
    LAMP.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the terminal is ours alone: while we are in the background, a shell writes lines of its own.
fn is_ours() -> bool {
    tcgetpgrp(io::stdout().as_raw_fd()) == Ok(getpgrp())
}

/// Writes, if there is room for it in time.
fn write_in_time(to: &mut (impl Write + AsRawFd), bytes: &[u8], patience: Duration) -> io::Result<()> {
    let mut room = [PollFd::new(to.as_raw_fd(), PollFlags::POLLOUT)];
    let milliseconds = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
    let ready = loop {
        match poll(&mut room, milliseconds) {
            Err(Errno::EINTR) => {}
            result => break result?,
        }
    };
    if ready == 0 {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads what is written"));
    }
    to.write_all(bytes)?;
    to.flush()
}

/// Standard output, and how an LED is shown there.
#[derive(Debug)]
pub(crate) struct Screen {
    /// Another descriptor of it: each line is written as it comes, where [`io::stdout`] would gather it first.
    stdout: File,
    on: &'static str,
    off: &'static str,
    is_terminal: bool,
    may_stall: bool,
}

impl Screen {
    /// With the lamp of a dark LED, where it is one.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written.
    pub(crate) fn open() -> io::Result<Screen> {
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
        let may_stall = is_terminal || file.is_fifo() || file.is_socket();
        let mut screen = Screen { stdout, on, off, is_terminal, may_stall };
        if is_terminal && is_ours() {
            screen.show(Light::Off)?;
        }
        Ok(screen)
    }

    /// Draws the lamp, or writes a line where this is no terminal, or not ours now.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written, or nobody reads it.
    pub(crate) fn show(&mut self, light: Light) -> io::Result<()> {
        let line = match light {
            Light::On => self.on,
            Light::Off => self.off,
        };
        let stdout = &mut self.stdout;
        if !self.may_stall {
            return stdout.write_all(line.as_bytes());
        }
        let mut lamp = lamp();
        if self.is_terminal && is_ours() {
            let drawn = line.trim_end();
            *lamp = Some(drawn);
            write_in_time(stdout, format!("{WIPE}{drawn}").as_bytes(), PATIENCE)
        } else {
            *lamp = None;
            write_in_time(stdout, line.as_bytes(), PATIENCE)
        }
    }
}

impl Drop for Screen {
    /// Goes on to the next line, for whoever writes to the terminal after us.
    fn drop(&mut self) {
        if lamp().take().is_some() && is_ours() {
            // The terminal is gone with what was on it, or stands still.
            let _ = write_in_time(&mut self.stdout, b"\n", Duration::ZERO);
        }
    }
}

/// Standard error, for the log: above the lamp where both are on one terminal, and never waited for long.
///
/// Whoever stalls it, as a pager or Ctrl-S does, shall not keep the LED lit: what there is no room for is dropped, and
/// counted.
#[derive(Debug, Default)]
pub(crate) struct Log {
    dropped: u64,
}

impl Write for Log {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        // Held to the end: nobody draws another lamp meanwhile.
        let lamp = lamp();
        let drawn = lamp.filter(|_| is_beside_lamp() && is_ours());
        let mut stderr = io::stderr().lock();
        let lost = match self.dropped {
            0 => String::new(),
            dropped => format!("{dropped} lines of the log were dropped, as nobody read them\n"),
        };
        let (before, after) = drawn.map_or(("", ""), |drawn| (WIPE, drawn));
        let text = [before.as_bytes(), lost.as_bytes(), lines, after.as_bytes()].concat();
        let patience = if self.dropped == 0 { PATIENCE } else { Duration::ZERO };
        self.dropped = match write_in_time(&mut stderr, &text, patience) {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => self.dropped + 1,
            // There is nowhere to tell of anything else.
            _ => 0,
        };
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether the log goes to the terminal that the lamp is on.
fn is_beside_lamp() -> bool {
    let device = |descriptor: u8| fs::metadata(format!("/proc/self/fd/{descriptor}")).map(|file| file.rdev()).ok();
    io::stderr().is_terminal() && device(1) == device(2)
}
