//! The client: one verb, one message, one answer, one exit code.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod attempt;
mod client;
mod doctor;
mod duration;
mod error;
mod options;
mod queues;
mod status;
mod wait;
mod watch;

pub use error::Error;
pub use options::{Options, Verb};

use std::{
    fmt,
    io::{self, Write},
};

use client::Answer;
use queues::Target;
use shared::{Blink, Command, Refusal};
use status::{Format, Words};

/// Does what the options say, and prints what came of it: one line, or with `doctor` and `status --watch` more.
///
/// # Errors
///
/// Why the command is not known to have taken effect, or why not all is well.
pub fn run(options: &Options) -> Result<(), Error> {
    match run_verb(options) {
        // A reader who has seen enough is no error.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn run_verb(options: &Options) -> Result<(), Error> {
    let &Options { key, owner, timeout, .. } = options;
    let target = Target { key, owner };
    let command = match options.verb {
        Verb::On => Command::On,
        Verb::Off => Command::Off,
        Verb::Toggle => Command::Toggle,
        Verb::Blink { on, off, count } => {
            let blink = Blink::new(on, off, count).ok_or_else(|| Error::Refused(Refusal::Blink.to_string()))?;
            Command::Blink(blink)
        }
        Verb::Exit => Command::Exit,
        Verb::Status { json, watch } => {
            let format = if json { Format::Json } else { Format::Words };
            return if watch { watch::run(&target, timeout, format) } else { status::run(&target, timeout, format) };
        }
        Verb::Doctor => return doctor::run(&target, timeout),
    };
    if options.no_wait {
        client::send(&target, command)?;
        return print("queued");
    }
    match client::ask(&target, command, timeout)? {
        Answer::Ok(state, _) => print(Words(state)),
        Answer::Ended => print("ended"),
    }
}

fn print(line: impl fmt::Display) -> Result<(), Error> {
    writeln!(io::stdout(), "{line}").map_err(Error::Output)
}
