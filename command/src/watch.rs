//! `status --watch`: a line at each change.

use std::{
    io,
    os::fd::AsRawFd,
    process,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use nix::poll::{PollFd, PollFlags, poll};
use shared::State;
use signal_hook::{consts::TERM_SIGNALS, flag};

use crate::{
    Error, print,
    status::{self, Format, StateText},
    target::Target,
    view::QueueView,
};

/// How often the controller is asked.
const INTERVAL: Duration = Duration::from_secs(1);

/// What was printed last.
#[derive(PartialEq)]
enum Printed {
    Nothing,
    State(State),
    /// An error with this exit status.
    Error(u8),
}

/// Prints the state at each change, and to standard error why there is no state. Ends at an error that does not pass, and when
/// the reader of standard output has gone.
pub(crate) fn run(target: &Target, timeout: Duration, format: Format) -> Result<(), Error> {
    // For the first process of a container, signals have no default action.
    if process::id() == 1 {
        for &signal in TERM_SIGNALS {
            let _ = flag::register_conditional_shutdown(signal, 128 + signal, Arc::new(AtomicBool::new(true)));
        }
    }
    let (mut printed, mut has_seen) = (Printed::Nothing, false);
    loop {
        let view = QueueView::new(target);
        match status::ask(target, timeout) {
            Ok(info) => {
                has_seen = true;
                if printed != Printed::State(info.state) {
                    printed = Printed::State(info.state);
                    match format {
                        Format::Text => print(StateText(info.state))?,
                        Format::Json => print(status::json(&view, Some(&info)))?,
                    }
                }
            }
            Err(error) => {
                // When the service starts, it takes its key back from another user.
                let is_reclaimed = has_seen && matches!(error, Error::Untrusted { .. });
                if !(is_reclaimed || error.is_temporary()) {
                    return Err(error);
                }
                if printed != Printed::Error(error.exit_status()) {
                    printed = Printed::Error(error.exit_status());
                    error.report();
                    if format == Format::Json {
                        print(status::json(&view, None))?;
                    }
                }
            }
        }
        if !has_reader(INTERVAL) {
            return Ok(());
        }
    }
}

/// Waits for this time, or until standard output is a pipe, socket or terminal that is closed at the other end. While nothing
/// changes, no write would fail.
fn has_reader(patience: Duration) -> bool {
    let mut stdout = [PollFd::new(io::stdout().as_raw_fd(), PollFlags::empty())];
    let milliseconds = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
    let polled = poll(&mut stdout, milliseconds);
    let gone = PollFlags::POLLERR | PollFlags::POLLHUP;
    polled.is_err() || !stdout[0].revents().is_some_and(|events| events.intersects(gone))
}
