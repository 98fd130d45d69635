//! A log that is written by a thread of its own, for a program that must never wait for the reader of its log.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use crate::{PATIENCE, Stderr, start_with};

/// The most lines that wait for the thread.
const LINES_MAX: usize = 64;

/// The thread that writes the log.
#[derive(Debug)]
pub struct Background {
    entries: SyncSender<Entry>,
}

#[derive(Debug)]
enum Entry {
    Line(Vec<u8>),
    /// Reports that everything before it was written.
    Flush(SyncSender<()>),
}

/// Starts the log of a program, see [`start`](crate::start), with a thread that writes it. Logging never waits: lines that find no
/// room are dropped and counted.
///
/// # Errors
///
/// The thread cannot be started.
pub fn start_in_background(program: &str, default_filter: &str) -> io::Result<Background> {
    let mut stderr = Stderr::new()?;
    let (entries, received): (_, Receiver<Entry>) = sync_channel(LINES_MAX);
    let dropped = Arc::new(AtomicU64::new(0));
    let lines = Lines {
        entries: entries.clone(),
        dropped: Arc::clone(&dropped),
    };
    thread::Builder::new().name("log".into()).spawn(move || {
        for entry in received {
            match entry {
                Entry::Line(line) => {
                    stderr.dropped += dropped.swap(0, Ordering::Relaxed);
                    // There is no other place to report an error of the log.
                    let _ = stderr.write(&line);
                }
                Entry::Flush(done) => drop(done.send(())),
            }
        }
    })?;
    start_with(program, default_filter, Some(lines));
    Ok(Background { entries })
}

impl Background {
    /// Writes a line that no filter suppresses: the reason why the program ends.
    pub fn print(&self, line: &str) {
        let _ = self.entries.try_send(Entry::Line(line.into()));
    }

    /// Waits until all lines are written, at most for [`PATIENCE`].
    pub fn flush(&self) {
        let (done, is_done) = sync_channel(1);
        if self.entries.try_send(Entry::Flush(done)).is_ok() {
            let _ = is_done.recv_timeout(PATIENCE);
        }
    }
}

/// What the log is written to.
struct Lines {
    entries: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.entries.try_send(Entry::Line(line.to_vec())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
