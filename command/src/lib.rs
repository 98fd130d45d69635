//! The client: one verb, one message, one answer, one exit code.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod client;
mod deadline;
mod duration;
mod error;
mod options;

pub use error::Error;
pub use options::{Options, Verb};

use std::io::{self, Write};

use client::Answer;
use deadline::Deadline;
use shared::State;

/// Does what the options say, and prints one line: the state the LED is in now.
///
/// Ends the process by itself when no answer comes in time, with the message and the exit status of
/// [`Error::NoAnswer`] or [`Error::LeftOver`]: nothing else ends msgrcv(2).
///
/// # Errors
///
/// Why the command is not known to have taken effect.
pub fn run(options: &Options) -> Result<(), Error> {
    let (key, command) = (options.key, options.verb.into());
    if options.no_wait {
        client::send(key, command)?;
        return print("queued");
    }
    let timeout = options.timeout;
    let deadline = Deadline::start(timeout, move || client::diagnose(key, timeout))?;
    let answer = client::ask(key, command)?;
    deadline.met();
    print(match answer {
        Answer::State(State::On) => "on",
        Answer::State(State::Off) => "off",
        Answer::Ended => "ended",
    })
}

/// A reader who has seen enough is no error.
fn print(line: &str) -> Result<(), Error> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
        _ => Ok(()),
    }
}
