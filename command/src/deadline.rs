//! An end to the wait for an answer.

use std::{
    io,
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::Error;

/// Ends the process if it is not met in time.
///
/// There is no msgrcv(2) with a timeout. The alternatives are worse: `IPC_NOWAIT` in a loop polls, an alarm signal is
/// missed if it comes just before the call, and a thread that receives costs every answer a change of threads.
pub(crate) struct Deadline {
    met: Sender<()>,
    watch: JoinHandle<()>,
}

impl Deadline {
    /// Starts to wait; after `timeout` the process ends with the error that `expired` makes then.
    pub(crate) fn start(timeout: Duration, expired: impl FnOnce() -> Error + Send + 'static) -> Result<Self, Error> {
        let (met, is_met) = mpsc::channel();
        let watch = thread::Builder::new().spawn(move || {
            if is_met.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout) {
                expired().end();
            }
        });
        Ok(Deadline { met, watch: watch.map_err(Error::thread)? })
    }

    /// Returns if the answer was in time; a deadline that has just passed ends the process instead.
    pub(crate) fn met(self) {
        drop(self.met);
        let _ = self.watch.join();
    }
}

impl Error {
    fn thread(source: io::Error) -> Error {
        Error::Os { what: "cannot start a thread", source }
    }
}
