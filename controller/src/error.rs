//! Why the controller cannot start, or has to end.

use std::{fmt, fs, io, process, process::ExitCode};

use shared::{
    Key, Queue, QueueStatus, TEXT_MAX,
    account::{User, own_user},
    count,
    lock::{self, LockError},
};

use crate::{gpio::GpioError, led_class::LedClassError};

/// Why the controller cannot start, or has to end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another controller serves this key.
    #[error("{0}; choose another --key")]
    Lock(#[from] LockError),
    /// The LED's line is not available.
    #[error(transparent)]
    Gpio(#[from] GpioError),
    /// The LED of the kernel is not available.
    #[error(transparent)]
    LedClass(#[from] LedClassError),
    /// The LED could not be turned off at the end.
    #[error("the LED cannot be turned off and may be on: {0}")]
    TurnOff(#[source] io::Error),
    /// The group for the queues does not exist.
    #[error("there is no group {name}; {}", group_advice(name))]
    NoGroup {
        /// Its name or number.
        name: String,
    },
    /// Another program uses the key.
    #[error("{}; {}", .0, .0.advice())]
    Taken(TakenBy),
    /// Another process removed a queue of this controller, and created one with its key.
    #[error("another process replaced this controller's queue: {}; end that program (\"sudo ipcrm -Q {}\" removes the queue)", .0, .0.key.get())]
    Replaced(TakenBy),
    /// Another process removes the queue each time it is created.
    #[error("another process removes queue {key} each time it is created")]
    Unstable {
        /// The key.
        key: Key,
    },
    /// The kernel's limit of a queue is too small for one message.
    #[error(
        "a queue holds {}, and a message has up to {TEXT_MAX}; run \"sudo sysctl kernel.msgmnb=16384\"", count(*limit, "byte")
    )]
    Limit {
        /// The limit in bytes.
        limit: u64,
    },
    /// There is no directory for `--initial last`.
    #[error(
        "--initial last needs a directory for its file: set STATE_DIRECTORY, XDG_STATE_HOME or HOME"
    )]
    NoStateDirectory,
    /// Only root may do this.
    #[error("--reclaim removes queues of other users; run it as root")]
    NeedsRoot,
    /// A call on a queue failed.
    #[error("queue {key}: {source}")]
    Queue {
        /// The key.
        key: Key,
        /// The error.
        source: shared::Error,
    },
    /// Any other error.
    #[error("{what}: {source}")]
    Os {
        /// What failed.
        what: &'static str,
        /// The error.
        source: io::Error,
    },
}

impl Error {
    /// The exit status: 78, `EX_CONFIG` of sysexits(3), if a restart cannot help; otherwise 1.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Error::NoGroup { .. }
            | Error::Taken(_)
            | Error::Limit { .. }
            | Error::NoStateDirectory
            | Error::NeedsRoot => 78.into(),
            Error::Gpio(error) if error.is_ambiguous() => 78.into(),
            // A chip can appear later, and another process can release the line.
            _ => ExitCode::FAILURE,
        }
    }

    /// The error for a controller that has created its queues before: its queue was replaced.
    pub(crate) fn while_serving(self) -> Error {
        match self {
            Error::Taken(taken) => Error::Replaced(taken),
            error => error,
        }
    }
}

fn group_advice(group: &str) -> String {
    if group.bytes().all(|byte| byte.is_ascii_digit()) {
        "--group takes a name or a number".into()
    } else {
        format!("run \"sudo groupadd --system {group}\", or choose another --group")
    }
}

/// A queue of another program, and the processes that last used it.
#[derive(Debug)]
pub struct TakenBy {
    key: Key,
    creator: u32,
    /// PID and name of its controller, its last receiver and its last sender, if they still run.
    processes: Vec<(u32, String)>,
}

impl TakenBy {
    pub(crate) fn new(key: Key, queue: &Queue, status: &QueueStatus) -> TakenBy {
        let name = |pid| {
            let name = fs::read(format!("/proc/{pid}/comm")).ok()?;
            // A program can give itself any name.
            Some((
                pid,
                String::from_utf8_lossy(&name)
                    .trim_end()
                    .escape_debug()
                    .to_string(),
            ))
        };
        let server = lock::holder(key, queue, status).pid();
        let pids = [server, status.last_receiver, status.last_sender]
            .into_iter()
            .flatten();
        let mut processes: Vec<_> = pids
            .filter(|&pid| pid != process::id())
            .filter_map(name)
            .collect();
        processes.dedup();
        TakenBy {
            key,
            creator: status.creator,
            processes,
        }
    }

    /// Not how to remove a queue of which a running process is known.
    fn advice(&self) -> String {
        if self.processes.is_empty() {
            let key = self.key.get();
            return format!(
                "if no program uses it, remove it with \"sudo ipcrm -Q {key}\"; otherwise choose another --key"
            );
        }
        format!(
            "if it serves an LED, use \"led --key {}\"; otherwise end it, or choose another --key",
            self.key
        )
    }
}

impl fmt::Display for TakenBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "queue {} was created by user {}",
            self.key,
            User(self.creator)
        )?;
        for (index, (pid, name)) in self.processes.iter().enumerate() {
            write!(
                f,
                "{}{name} (PID {pid})",
                if index == 0 {
                    ", last used by "
                } else {
                    " and "
                }
            )?;
        }
        if self.processes.is_empty() && self.creator == own_user() {
            f.write_str("; a program of yours that was killed may have left it")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use shared::Mode;

    use super::*;

    #[test]
    fn ipcrm_takes_the_number_of_a_named_key() {
        let key: Key = "door".parse().unwrap();
        let queue = Queue::private(Mode::CLOSED).unwrap();
        let status = queue.status().unwrap();
        let taken = || TakenBy::new(key, &queue, &status);
        let [taken, replaced] =
            [Error::Taken(taken()), Error::Replaced(taken())].map(|it| it.to_string());
        for text in [taken, replaced] {
            let command = format!("\"sudo ipcrm -Q {}\"", key.get());
            assert!(
                text.contains(&command) && text.contains("queue door"),
                "{text}"
            );
        }
    }
}
