//! Why a verb failed.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use client::{StateText, led_is};
use shared::State;

/// Why a verb failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command is not known to have been applied.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// `wait` did not see the state in time.
    #[error("the LED was not {} within {timeout:?}; {}", StateText(*state), led_is(*last))]
    NotReached {
        /// The state that it waited for.
        state: State,
        /// The last state, if it is known.
        last: Option<State>,
        /// The time.
        timeout: Duration,
    },
    /// The result cannot be printed.
    #[error("done, but cannot write to standard output: {0}")]
    Output(#[source] io::Error),
    /// `doctor` found so many problems.
    #[error("{} problem{} found", .0, if *.0 == 1 { "" } else { "s" })]
    Problems(usize),
}

impl Error {
    /// The exit status.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Error::Client(error) => error.exit_status().into(),
            Error::NotReached { .. } => 5.into(),
            Error::Output(_) | Error::Problems(_) => 1.into(),
        }
    }

    /// Prints the message to standard error, after the name of this program.
    pub fn report(&self) {
        report(self);
    }
}

/// Prints an error to standard error, after the name of this program, which may be `led`.
pub(crate) fn report(error: &dyn std::error::Error) {
    // If that fails, the exit status still tells.
    let _ = writeln!(io::stderr(), "{}: {error}", program_name().display());
}

/// The name by which this program was started.
pub(crate) fn program_name() -> OsString {
    let path = env::args_os().next().map(PathBuf::from);
    path.as_deref()
        .and_then(Path::file_name)
        .unwrap_or(OsStr::new("command"))
        .to_owned()
}
