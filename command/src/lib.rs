//! The client: sends the message of a verb, prints the reply, and returns an exit status.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod advice;
mod doctor;
mod duration;
mod error;
mod list;
mod options;
mod status;
mod unit;
mod view;
mod watch;

pub use error::Error;
pub use options::{Options, Verb};

use std::{
    fmt,
    io::{self, Write},
    time::Duration,
};

use client::{Outcome, Patience, StateText, Target};
use shared::{Blink, Command, Fade, Refusal};
use status::Format;

/// Does what the options say, and prints the result: one line; several with `doctor` and `status --watch`.
///
/// # Errors
///
/// The reason why the command is not known to have been applied, or the number of problems that `doctor` found.
pub fn run(options: &Options) -> Result<(), Error> {
    match run_verb(options) {
        // The reader has closed the pipe, because it has read enough.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn run_verb(options: &Options) -> Result<(), Error> {
    let (key, owner) = (options.key.unwrap_or_default(), options.owner);
    let timeout = options.timeout.unwrap_or(options::DEFAULT_TIMEOUT);
    // An explicit timeout also waits for a controller to start: a script can start one and send a command at once.
    let patience = options
        .timeout
        .map_or(Patience::ForReply(timeout), Patience::ForStart);
    let target = Target { key, owner };
    let command = match options.verb {
        Verb::On { brightness, fade } => Command::On {
            brightness,
            fade: fade.and_then(Fade::new),
        },
        Verb::Off { fade } => Command::Off {
            fade: fade.and_then(Fade::new),
        },
        Verb::Toggle => Command::Toggle,
        Verb::Blink { on, off, count } => Command::Blink(flashes(on, off, count, Refusal::Blink)?),
        Verb::Flash { on, off, count } => {
            Command::Flash(flashes(on, off, Some(count), Refusal::Flash)?)
        }
        Verb::Exit => Command::Exit,
        Verb::Status { json, watch } => {
            let format = Format::new(json);
            return if watch {
                watch::watch(&target, timeout, format)
            } else {
                status::run(&target, patience, format)
            };
        }
        Verb::Wait { state } => return watch::wait(&target, state.into(), options.timeout),
        Verb::List { json } => return list::run(owner, timeout, Format::new(json)),
        Verb::Doctor => return doctor::run(&target, timeout),
        // Parsing the command line prints the help and ends the process.
        Verb::Help { .. } => return Ok(()),
    };
    if options.no_wait {
        client::send_only(&target, command)?;
        return print("queued");
    }
    match client::ask(&target, command, patience)? {
        Outcome::Applied(light, _) => print(StateText(light)),
        Outcome::Ended => print("ended"),
    }
}

/// The blinking of a verb, whose ranges the command line has checked.
fn flashes(
    on: Duration,
    off: Duration,
    count: Option<u32>,
    refusal: Refusal,
) -> Result<Blink, client::Error> {
    Blink::new(on, off, count).ok_or_else(|| client::Error::Refused {
        reason: refusal.to_string(),
    })
}

fn print(line: impl fmt::Display) -> Result<(), Error> {
    writeln!(io::stdout(), "{line}").map_err(Error::Output)
}
