//! `status --watch` and `wait`: the state over time.

use std::{
    io,
    os::fd::AsFd,
    process,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use client::{Event, Follower, StateText, Target};
use shared::State;
use signal_hook::{consts::TERM_SIGNALS, flag};

use crate::{
    Error,
    options::DEFAULT_TIMEOUT,
    print,
    status::{self, Format},
    view::QueueView,
};

/// Prints the state at each change. If there is no state, prints the reason to standard error. Ends at an error that does not pass,
/// or when the reader of standard output has closed it.
pub(crate) fn watch(target: &Target, timeout: Duration, format: Format) -> Result<(), Error> {
    end_on_signals();
    let stdout = io::stdout();
    let mut follower = Follower::new(target, timeout, Some(stdout.as_fd()));
    loop {
        let (info, error) = match follower.next(None)? {
            Event::State(info) => (Some(info), None),
            Event::NoState(error) => (None, Some(error)),
            Event::ReaderGone | Event::TimedOut => return Ok(()),
        };
        if let Some(error) = error {
            Error::from(error).report();
        }
        match (format, &info) {
            (Format::Text, Some(info)) => print(StateText(info.light()))?,
            (Format::Text, None) => {}
            (Format::Json, info) => print(status::json(&QueueView::new(target), info.as_ref()))?,
        }
    }
}

/// Restores the effect of signals in the first process of a container, where they have no default action.
fn end_on_signals() {
    if process::id() == 1 {
        for &signal in TERM_SIGNALS {
            let _ = flag::register_conditional_shutdown(
                signal,
                128 + signal,
                Arc::new(AtomicBool::new(true)),
            );
        }
    }
}

/// Waits until the LED has this state, at most for the timeout if there is one. Prints the state.
pub(crate) fn wait(target: &Target, state: State, timeout: Option<Duration>) -> Result<(), Error> {
    end_on_signals();
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let mut follower = Follower::new(
        target,
        timeout.map_or(DEFAULT_TIMEOUT, |timeout| timeout.min(DEFAULT_TIMEOUT)),
        None,
    );
    let mut last = None;
    loop {
        match follower.next(deadline)? {
            Event::State(info) if info.state == state => return print(StateText(info.light())),
            Event::State(info) => last = Some(info.light()),
            Event::NoState(error) => {
                last = None;
                Error::from(error).report();
            }
            Event::ReaderGone | Event::TimedOut => {
                return Err(Error::NotReached {
                    state,
                    last,
                    timeout: timeout.unwrap_or_default(),
                });
            }
        }
    }
}
