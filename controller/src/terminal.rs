//! Standard output and standard error on one terminal: the simulated LED is its last line, and the log appears above it.

use std::{
    fs,
    io::{self, IsTerminal, Write},
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, poll},
    unistd::{getpgrp, tcgetpgrp},
};

/// Returns to the start of the line and erases it.
pub(crate) const ERASE_LINE: &str = "\r\x1b[K";

/// How long to wait for the reader of a full pipe or terminal. All that is written here is shorter than `PIPE_BUF`, so it fits
/// when poll(2) reports room.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// The terminal's last line, if the LED is drawn there. Hold the lock to write to the terminal.
static LAST_LINE: Mutex<Option<&str>> = Mutex::new(None);

pub(crate) fn last_line() -> MutexGuard<'static, Option<&'static str>> {
    LAST_LINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether this process is in the foreground of its terminal. Otherwise a shell writes there too.
pub(crate) fn is_foreground() -> bool {
    tcgetpgrp(io::stdout().as_raw_fd()) == Ok(getpgrp())
}

/// Whether standard error is the same terminal as standard output.
pub(crate) fn is_same_terminal() -> bool {
    let device = |descriptor: u8| {
        fs::metadata(format!("/proc/self/fd/{descriptor}"))
            .map(|file| file.rdev())
            .ok()
    };
    io::stderr().is_terminal() && device(1) == device(2)
}

/// Writes if there is room in time.
///
/// # Errors
///
/// [`io::ErrorKind::TimedOut`] if there is not.
pub(crate) fn write_in_time(
    to: &mut (impl Write + AsRawFd),
    bytes: &[u8],
    patience: Duration,
) -> io::Result<()> {
    let mut room = [PollFd::new(to.as_raw_fd(), PollFlags::POLLOUT)];
    let milliseconds = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
    let ready = loop {
        match poll(&mut room, milliseconds) {
            Err(Errno::EINTR) => {}
            result => break result?,
        }
    };
    if ready == 0 {
        return Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the output is not read",
        ));
    }
    to.write_all(bytes)?;
    to.flush()
}
