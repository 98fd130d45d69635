//! Writing to a pipe or terminal whose reader may have stopped.

use std::{
    io::{self, Write},
    os::fd::AsRawFd,
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, poll},
};

/// How long to wait for the reader of a full pipe or terminal. All that is written here is shorter than `PIPE_BUF`, so it fits
/// when poll(2) reports room.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// Writes if there is room in time.
///
/// # Errors
///
/// [`io::ErrorKind::TimedOut`] if there is not.
pub fn write_in_time(
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
