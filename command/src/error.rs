//! Why a verb failed.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use client::{Kind, StateText};
use shared::{Key, Light, State, count};

use crate::advice::{advice, find_or_start};

/// Why a verb failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command is not known to have been applied.
    #[error("{0}{advice}", advice = advice(.0).map_or_else(String::new, |advice| format!("; {advice}")))]
    Client(#[from] client::Error),
    /// `wait` did not see the state in time.
    #[error("the LED was not {} within {timeout:?}; {}", StateText((*state).into()), led_is(*last))]
    NotReached {
        /// The state that it waited for.
        state: State,
        /// What the LED did last, if it is known.
        last: Option<Light>,
        /// The time.
        timeout: Duration,
    },
    /// `list` found no controller.
    #[error("no controller is running; {}", find_or_start(Key::DEFAULT))]
    NoControllers,
    /// `list` cannot read which queues there are.
    #[error("/proc/sysvipc/msg: {0}")]
    List(#[source] io::Error),
    /// The result cannot be printed.
    #[error("done, but cannot write to standard output: {0}")]
    Output(#[source] io::Error),
    /// `doctor` found so many problems.
    #[error("{} found", count(*.0 as u64, "problem"))]
    Problems(usize),
}

impl Error {
    /// The exit status.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Error::Client(error) => exit_status(error.kind()).into(),
            Error::NotReached { .. } => 5.into(),
            Error::NoControllers => 3.into(),
            Error::List(_) | Error::Output(_) | Error::Problems(_) => 1.into(),
        }
    }

    /// Prints the message to standard error, after the name of this program, which may be `led`.
    pub fn report(&self) {
        // If printing fails, the exit status still reports the error.
        let _ = writeln!(io::stderr(), "{}: {self}", program_name().display());
    }
}

/// The exit status of led(1) for an error of this kind.
fn exit_status(kind: Kind) -> u8 {
    match kind {
        Kind::Refused => 1,
        Kind::WrongKey => 2,
        Kind::NoController => 3,
        Kind::NotPermitted => 4,
        Kind::NoReply => 5,
        Kind::Full => 6,
    }
}

/// The state of the LED, or how to ask for it.
fn led_is(light: Option<Light>) -> String {
    match light {
        Some(light) => format!("the LED is now {}", StateText(light)),
        None => "run \"led status\" when a controller is running".into(),
    }
}

/// The name by which this program was started.
pub(crate) fn program_name() -> OsString {
    let path = env::args_os().next().map(PathBuf::from);
    path.as_deref()
        .and_then(Path::file_name)
        .unwrap_or(OsStr::new("command"))
        .to_owned()
}
