//! Why the controller could not begin, or had to end.

use std::{error, fmt, fs, io, process, process::ExitCode};

use shared::{
    Key, Status, TEXT_MAX,
    account::{User, own_user},
    lock::LockError,
};

use crate::gpio::GpioError;

/// Why the controller could not begin, or had to end. Each says what to do next.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Another controller serves this key.
    Lock(LockError),
    /// The LED's line cannot be had.
    Gpio(GpioError),
    /// The LED could not be turned off at the end.
    TurnOff(io::Error),
    /// The group that is to command the LED does not exist.
    NoGroup(String),
    /// The key has a queue already that this controller did not make.
    Taken(TakenBy),
    /// Another process removed a queue while the controller served it, and the key has another queue now.
    Replaced(TakenBy),
    /// The key's queue is removed as fast as it is made.
    Unstable {
        /// The key.
        key: Key,
    },
    /// The kernel's limit on a queue is too small for one message.
    Limit {
        /// The key.
        key: Key,
        /// The limit in bytes.
        limit: u64,
    },
    /// Only root can do this.
    NeedsRoot,
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

/// A queue under a key, and what can be seen of the programs that use it.
#[derive(Debug)]
pub struct TakenBy {
    key: Key,
    creator: u32,
    /// PID and name of its last sender and receiver, as far as they live.
    processes: Vec<(u32, String)>,
}

impl TakenBy {
    pub(crate) fn of(key: Key, status: &Status) -> TakenBy {
        let name = |pid| {
            let name = fs::read(format!("/proc/{pid}/comm")).ok()?;
            // Any program can give itself any name.
            Some((pid, String::from_utf8_lossy(&name).trim_end().escape_debug().to_string()))
        };
        let pids = [status.last_receiver, status.last_sender].into_iter().flatten();
        let mut processes: Vec<_> = pids.filter(|&pid| pid != process::id()).filter_map(name).collect();
        processes.dedup();
        TakenBy { key, creator: status.creator, processes }
    }
}

impl fmt::Display for TakenBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the queue with key {} belongs to user {}", self.key, User(self.creator))?;
        for (index, (pid, name)) in self.processes.iter().enumerate() {
            write!(f, "{}{name} (PID {pid})", if index == 0 { ", last used by " } else { " and " })?;
        }
        if self.processes.is_empty() && self.creator == own_user() {
            f.write_str(", perhaps left by a program of yours that was killed")?;
        }
        Ok(())
    }
}

impl Error {
    /// The same of a controller that had made its queues before.
    pub(crate) fn while_serving(self) -> Error {
        match self {
            Error::Taken(taken) => Error::Replaced(taken),
            error => error,
        }
    }

    /// The exit status: 78, `EX_CONFIG` of sysexits(3), for what stays wrong until somebody changes it, else 1.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Error::NoGroup(_) | Error::Taken(_) | Error::Limit { .. } | Error::NeedsRoot => 78.into(),
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
            Error::NoGroup(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                write!(f, "{number} is no group: --group takes the name of one, or its number")
            }
            Error::NoGroup(name) => {
                write!(f, "there is no group {name}; `sudo groupadd --system {name}` makes it, --group names another")
            }
            Error::Taken(taken) => write!(
                f,
                "{taken}; end the program that uses it, or remove it with `sudo ipcrm -Q {}`; --key chooses another",
                taken.key
            ),
            Error::Replaced(taken) => write!(
                f,
                "another process removed the controller's queue, and now {taken}; end that program, or remove its queue with \
                 `sudo ipcrm -Q {}`",
                taken.key
            ),
            Error::Unstable { key } => write!(f, "the queue with key {key} is removed as fast as it is made"),
            Error::Limit { key, limit } => write!(
                f,
                "the queue with key {key} holds {limit} bytes, and a message has up to {TEXT_MAX}; \
                 `sudo sysctl kernel.msgmnb=16384` raises the limit"
            ),
            Error::NeedsRoot => f.write_str("--reclaim removes other users' queues: run it as root"),
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
            Error::NoGroup(_)
            | Error::Taken(_)
            | Error::Replaced(_)
            | Error::Unstable { .. }
            | Error::Limit { .. }
            | Error::NeedsRoot => None,
        }
    }
}
