//! `status --watch`: a line at each change.

use std::{
    io,
    os::fd::AsRawFd,
    process,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use nix::poll::{PollFd, PollFlags, poll};
use shared::{Info, State};
use signal_hook::{consts::TERM_SIGNALS, flag};

use crate::{
    Error, print,
    queues::Target,
    status::{self, Format, Sight, Words},
};

/// How often the controller is asked.
const INTERVAL: Duration = Duration::from_secs(1);

/// What was last told.
#[derive(PartialEq)]
enum Told {
    Nothing,
    State(State),
    Trouble(u8),
}

/// Prints the state at each change, and on standard error why there is no state while there is none: controllers may come and
/// go. Ends only for what will not pass, and when its reader has gone.
pub(crate) fn run(target: &Target, timeout: Duration, format: Format) -> Result<(), Error> {
    // The kernel gives the first process of a container no default action for signals.
    if process::id() == 1 {
        for &signal in TERM_SIGNALS {
            let _ = flag::register_conditional_shutdown(signal, 128 + signal, Arc::new(AtomicBool::new(true)));
        }
    }
    let (mut told, mut has_seen) = (Told::Nothing, false);
    loop {
        let sight = Sight::of(target);
        match status::ask(target, timeout) {
            Ok(message) => {
                has_seen = true;
                if let Some(info) = Info::decode(&message).filter(|info| told != Told::State(info.state)) {
                    told = Told::State(info.state);
                    match format {
                        Format::Words => print(Words(info.state))?,
                        Format::Json => print(sight.json(Some(&info)))?,
                    }
                }
            }
            Err(error) => {
                // The service takes its key back from a stranger.
                let is_reclaimed = has_seen && matches!(error, Error::Untrusted { .. });
                if !(is_reclaimed || error.may_pass()) {
                    return Err(error);
                }
                if told != Told::Trouble(error.status()) {
                    told = Told::Trouble(error.status());
                    error.report();
                    if format == Format::Json {
                        print(sight.json(None))?;
                    }
                }
            }
        }
        if !has_reader(INTERVAL) {
            return Ok(());
        }
    }
}

/// Waits this long, or until standard output is a pipe, socket or terminal whose other end has gone: while nothing changes, no
/// write would tell.
fn has_reader(patience: Duration) -> bool {
    let mut stdout = [PollFd::new(io::stdout().as_raw_fd(), PollFlags::empty())];
    let milliseconds = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
    let polled = poll(&mut stdout, milliseconds);
    let gone = PollFlags::POLLERR | PollFlags::POLLHUP;
    polled.is_err() || !stdout[0].revents().is_some_and(|events| events.intersects(gone))
}
