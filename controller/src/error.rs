//! Why the controller could not begin, or had to end.

use std::{error, fmt, io, process::ExitCode};

use shared::{Key, account::User, lock::LockError};

use crate::gpio::GpioError;

/// Why the controller could not begin, or had to end. Each says what to do next.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Another controller serves this key, or that cannot be found out.
    Lock(LockError),
    /// The LED's line cannot be had.
    Gpio(GpioError),
    /// The LED could not be turned off at the end.
    TurnOff(io::Error),
    /// The group that is to command the LED does not exist.
    NoGroup(String),
    /// Another user made a queue under our key, and would keep his rights to it.
    Squatter {
        /// The key.
        key: Key,
        /// Who made it.
        creator: u32,
    },
    /// A queue cannot be made or used.
    Queue {
        /// Its key.
        key: Key,
        /// Why not.
        source: shared::Error,
    },
    /// Anything else of the system.
    Os {
        /// What failed.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// The exit status: 78, `EX_CONFIG` of sysexits(3), for what stays wrong until somebody changes it, else 1.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Error::NoGroup(_) | Error::Squatter { .. } | Error::Lock(LockError::Untrusted { .. }) => 78.into(),
            Error::Gpio(GpioError::Choose(error)) if error.is_ambiguous() => 78.into(),
            // A chip, a line or a device's group may yet come, and who holds a line may let go of it.
            _ => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Lock(source) => source.fmt(f),
            Error::Gpio(source) => source.fmt(f),
            Error::TurnOff(source) => write!(f, "the LED could not be turned off, and may be lit: {source}"),
            Error::NoGroup(name) => {
                write!(f, "there is no group {name}; `sudo groupadd --system {name}` makes it, --group names another")
            }
            Error::Squatter { key, creator } => write!(
                f,
                "the queue with key {key} belongs to user {}; if that is a controller of theirs, end it, else \
                 `sudo ipcrm -Q {key}` removes the queue; --key chooses another",
                User(*creator)
            ),
            Error::Queue { key, source } => write!(f, "queue with key {key}: {source}"),
            Error::Os { what, source } => write!(f, "{what}: {source}"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Error::Lock(source) => Some(source),
            Error::Gpio(source) => Some(source),
            Error::TurnOff(source) | Error::Os { source, .. } => Some(source),
            Error::Queue { source, .. } => Some(source),
            Error::NoGroup(_) | Error::Squatter { .. } => None,
        }
    }
}
