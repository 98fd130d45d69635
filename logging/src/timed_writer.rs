//! Writes to a pipe or terminal whose reader may have stopped, with a timeout.

use std::{
    fs::File,
    io::{self, ErrorKind, IsTerminal, Write},
    os::{
        fd::{AsFd, AsRawFd},
        unix::fs::{FileTypeExt, OpenOptionsExt},
    },
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    libc::{O_NOCTTY, O_NONBLOCK},
    poll::{PollFd, PollFlags, poll},
};

/// How long to wait for the reader of a full pipe or terminal.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// Standard output or standard error, written without a buffer.
#[derive(Debug)]
pub struct TimedWriter {
    file: File,
    can_block: bool,
}

impl TimedWriter {
    /// A writer to the same file, pipe, socket or terminal.
    ///
    /// # Errors
    ///
    /// Those of dup(2) and fstat(2).
    pub fn new(output: impl AsFd) -> io::Result<TimedWriter> {
        let inherited = File::from(output.as_fd().try_clone_to_owned()?);
        let kind = inherited.metadata()?.file_type();
        // Only pipes and terminals are opened again: a file would have a second offset, and a socket cannot be opened.
        let can_reopen = inherited.is_terminal() || kind.is_fifo();
        let own = can_reopen.then(|| without_blocking(&inherited).ok());
        Ok(TimedWriter {
            file: own.flatten().unwrap_or(inherited),
            can_block: can_reopen || kind.is_socket(),
        })
    }

    /// Writes if there is room in time.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TimedOut`] if there is no room in time: a pipe has taken nothing then, but a terminal may have taken a part.
    pub fn write_in_time(&mut self, mut bytes: &[u8], patience: Duration) -> io::Result<()> {
        if !self.can_block {
            return self.file.write_all(bytes);
        }
        let end = Instant::now() + patience;
        while !bytes.is_empty() {
            self.wait_for_room(end)?;
            match self.file.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn wait_for_room(&self, end: Instant) -> io::Result<()> {
        let mut room = [PollFd::new(self.file.as_raw_fd(), PollFlags::POLLOUT)];
        loop {
            let remaining = end.saturating_duration_since(Instant::now()).as_millis();
            match poll(&mut room, i32::try_from(remaining).unwrap_or(i32::MAX)) {
                Ok(0) => {
                    return Err(io::Error::new(
                        ErrorKind::TimedOut,
                        "the output is not read",
                    ));
                }
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Opens the pipe or terminal again, non-blocking. The inherited description is shared with other processes, so its flags must not
/// change. poll(2) alone is not enough: a terminal that it reports as writable may take only a part of a line, and a blocking write
/// would wait for the reader with the rest.
fn without_blocking(output: &File) -> io::Result<File> {
    File::options()
        .write(true)
        .custom_flags(O_NONBLOCK | O_NOCTTY)
        .open(format!("/proc/self/fd/{}", output.as_raw_fd()))
}
