//! Why a command is not known to have taken effect.

use std::{
    env, error,
    ffi::{OsStr, OsString},
    fmt,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime},
};

use shared::{
    Access, Key, Permissions, State, Status, TEXT_MAX,
    account::{Group, User},
};

use crate::{queues::uptime, status::Words};

/// Why a command is not known to have taken effect. Each says what to do next.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The controller refused it, with this reason.
    Refused(String),
    /// The controller has ended as it was told to, but for this.
    Ended(String),
    /// The controller's answer is none that this client knows.
    Malformed(String),
    /// No queue has the key.
    NotRunning {
        /// The key.
        key: Key,
    },
    /// There is a queue, and nobody who serves it.
    LeftOver {
        /// Its key.
        key: Key,
        /// Its state.
        status: Box<Status>,
    },
    /// Somebody made the queue who is not to be trusted.
    Untrusted {
        /// Its key.
        key: Key,
        /// Who made it.
        creator: u32,
    },
    /// The queue stays closed to clients.
    NotReady {
        /// Its key.
        key: Key,
    },
    /// The queue is not for this user.
    NotPermitted {
        /// Its key.
        key: Key,
        /// What was tried.
        access: Access,
        /// Owner, group and mode, if they can be seen.
        status: Option<Box<Status>>,
        /// EACCES.
        source: io::Error,
    },
    /// The controller is there, and has not answered in time.
    NoAnswer {
        /// The key of its command queue.
        key: Key,
        /// What the time was.
        timeout: Duration,
        /// The state of its command queue.
        status: Box<Status>,
        /// The controller, if it can be seen.
        pid: Option<u32>,
    },
    /// The answer was lost, and the command may have been applied.
    Unconfirmed {
        /// What the LED does now, if a controller says.
        state: Option<State>,
    },
    /// The command queue is there, and no reply queue beside it.
    NoReplies {
        /// The key of the command queue.
        key: Key,
    },
    /// The command queue has no room.
    Full {
        /// Its key.
        key: Key,
        /// For how long it was tried.
        timeout: Duration,
        /// Its state.
        status: Box<Status>,
        /// The controller, if it can be seen.
        pid: Option<u32>,
    },
    /// The key is that of a controller's answers.
    ReplyQueue {
        /// The key.
        key: Key,
    },
    /// Anything else of a queue.
    Queue {
        /// Its key.
        key: Key,
        /// What it says.
        source: shared::Error,
    },
    /// All is done, and that cannot be printed.
    Output(io::Error),
    /// `doctor` has found this many things to do.
    Unwell(usize),
}

impl Error {
    /// The exit status that a script can branch on.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        self.status().into()
    }

    /// Prints the message on standard error, after the name this program was started by: it may be `led`.
    pub fn report(&self) {
        // Where that cannot be written the exit status still tells.
        let _ = writeln!(io::stderr(), "{}: {self}", program_name().display());
    }

    /// Whether it is over as soon as a controller runs and reads its queue.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self.status(), 3 | 5 | 6)
    }

    /// Whether it says that nothing was sent or applied.
    pub(crate) fn is_certain(&self) -> bool {
        matches!(self.status(), 3 | 4 | 6) || matches!(self, Error::NoReplies { .. })
    }

    pub(crate) fn status(&self) -> u8 {
        match self {
            Error::Refused(_)
            | Error::Ended(_)
            | Error::Malformed(_)
            | Error::Unwell(_)
            | Error::Queue { .. }
            | Error::Output(_) => 1,
            Error::ReplyQueue { .. } => 2,
            Error::NotRunning { .. } | Error::LeftOver { .. } | Error::NotReady { .. } => 3,
            Error::NotPermitted { .. } | Error::Untrusted { .. } => 4,
            Error::NoAnswer { .. } | Error::NoReplies { .. } | Error::Unconfirmed { .. } => 5,
            Error::Full { .. } => 6,
        }
    }
}

/// The name this program was started by.
pub(crate) fn program_name() -> OsString {
    let path = env::args_os().next().map(PathBuf::from);
    path.as_deref().and_then(Path::file_name).unwrap_or(OsStr::new("command")).to_owned()
}

/// What to do next: the service has the default key, where there is one; and the controller stands beside this program, which
/// need not be in the path.
fn start(key: Key) -> String {
    let beside =
        env::current_exe().ok().map(|program| program.with_file_name("controller")).filter(|path| path.exists());
    let controller = beside.unwrap_or_else(|| "controller".into());
    let controller = controller.display();
    match key {
        Key::DEFAULT if has_unit() => {
            format!(
                "`sudo systemctl start led-controller` starts it, `{controller} --simulate` runs one without an LED"
            )
        }
        Key::DEFAULT => format!("`{controller}` starts it; add --simulate to run without an LED"),
        key => format!("`{controller} --key {key}` starts it; add --simulate to run without an LED"),
    }
}

/// Whether systemd runs, and knows the service by a file in one of its folders.
fn has_unit() -> bool {
    let folders =
        ["/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
    Path::new("/run/systemd/system").exists()
        && folders.iter().any(|folder| Path::new(folder).join("led-controller.service").exists())
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused(reason) => write!(f, "the controller refused: {reason}"),
            Error::Ended(reason) => write!(f, "the controller has ended, but {reason}"),
            Error::Malformed(answer) => {
                write!(f, "the controller's answer is none this client knows ({answer}); are both of one version?")
            }
            Error::NotRunning { key } => write!(f, "no controller is running: no queue has key {key}; {}", start(*key)),
            Error::LeftOver { key, status } => write!(
                f,
                "no controller is running: the queue with key {key} is there ({}), but nobody serves it, and the next \
                 controller applies nothing of it; {}",
                waiting(status),
                start(*key)
            ),
            Error::NotReady { key } => write!(
                f,
                "the queue with key {key} is closed, and nothing was sent: its controller starts or ends; try again, and if it \
                 stays so, {}",
                start(*key)
            ),
            Error::Untrusted { key, creator } => {
                let name = User(*creator).name();
                write!(
                    f,
                    "the queue with key {key} was made by user {}, and nothing was sent: only root, you and the service are \
                     trusted; --owner {name} trusts that user too, `sudo ipcrm -Q {key}` removes the queue",
                    User(*creator)
                )
            }
            Error::Unconfirmed { state } => {
                f.write_str("the answer was lost, and the command may have been applied; ")?;
                match state {
                    Some(state) => write!(f, "the LED is now: {}", Words(*state)),
                    None => f.write_str("`led status` says what the LED does when a controller runs"),
                }
            }
            Error::NotPermitted { key, access, status, source } => {
                not_permitted(f, *key, *access, status.as_deref(), source)
            }
            Error::NoAnswer { key, timeout, status, pid } => {
                write!(f, "no answer within {timeout:?}: the controller for key {key} ")?;
                match pid {
                    Some(pid) => write!(f, "is running with PID {pid}, but does not answer")?,
                    None => write!(
                        f,
                        "does not answer, and whether it is running cannot be seen (`led doctor` looks further)"
                    )?,
                }
                write!(f, "; {}, {}", waiting(status), last_received(status))?;
                match pid {
                    Some(pid) => {
                        write!(f, "; if it was stopped, `kill -CONT {pid}` lets it go on, and apply what waits")
                    }
                    None => Ok(()),
                }
            }
            Error::NoReplies { key } => write!(
                f,
                "no answer: the queue with key {key} is there, but no controller's reply queue with key {}, and no controller \
                 is seen to serve it: it is another program's, and the command was not sent; if that program reads commands, \
                 --no-wait sends them, and if there is none, `ipcrm -Q {key}` removes the queue",
                key.reply()
            ),
            Error::Full { key, status, .. } if status.limit < TEXT_MAX as u64 => write!(
                f,
                "the queue with key {key} holds {} bytes, too few for a command, and nothing was sent: \
                 `sudo sysctl kernel.msgmnb=16384`, and restart the controller",
                status.limit
            ),
            Error::Full { key, timeout, status, pid } => {
                write!(f, "the queue with key {key} is full")?;
                if !timeout.is_zero() {
                    write!(f, ", and was for {timeout:?}")?;
                }
                write!(f, "; nothing was sent; {}, {}", waiting(status), last_received(status))?;
                match pid {
                    Some(pid) if !was_read_lately(status) => write!(
                        f,
                        "; the controller, PID {pid}, does not read it: if it was stopped, `kill -CONT {pid}` lets it go on"
                    ),
                    _ => Ok(()),
                }
            }
            Error::ReplyQueue { key } => write!(
                f,
                "key {key} is that of the answers: commands go to its controller with --key {}; nothing was sent",
                key.get() - 1
            ),
            Error::Queue { key, source } => write!(f, "queue with key {key}: {source}"),
            Error::Unwell(1) => f.write_str("one thing is not well"),
            Error::Unwell(count) => write!(f, "{count} things are not well"),
            Error::Output(source) => write!(f, "done, but standard output cannot be written: {source}"),
        }
    }
}

fn not_permitted(
    f: &mut fmt::Formatter<'_>,
    key: Key,
    access: Access,
    status: Option<&Status>,
    source: &io::Error,
) -> fmt::Result {
    let (what, group_bit) = match access {
        Access::Receive => ("receive answers from", 0o040),
        _ => ("send to", 0o020),
    };
    write!(f, "not permitted to {what} the queue with key {key}: {source}")?;
    let Some(permissions) = status.map(|status| status.permissions) else { return Ok(()) };
    let (owner, group) = (User(permissions.owner), Group(permissions.group));
    write!(
        f,
        "; it belongs to user {owner} and group {group}, mode {}; {}",
        permissions.mode,
        advice(&permissions, group_bit)
    )
}

/// What to do for the right of the group that this bit of the mode stands for.
pub(crate) fn advice(permissions: &Permissions, group_bit: u16) -> String {
    if permissions.mode.bits() & group_bit == 0 {
        "that gives the group no right to: run this as that user, or give the controller another --mode".into()
    } else if permissions.group == 0 {
        "run this as root, or give the controller a --group".into()
    } else {
        format!("`sudo usermod -aG {} $USER`, then log in again", Group(permissions.group).name())
    }
}

pub(crate) fn waiting(status: &Status) -> String {
    match status.messages {
        1 => "1 message waits".into(),
        messages => format!("{messages} messages wait"),
    }
}

pub(crate) fn last_received(status: &Status) -> String {
    match status.last_received {
        Some(time) => match since(time) {
            Some(ago) => format!("the last was received {} s ago", ago.as_secs()),
            None => "the last was received before the clock was set".into(),
        },
        None => "none was ever received".into(),
    }
}

/// How long ago that was; none if the clock has been set since. A Pi has no clock of its own, and sets it some time after boot.
fn since(time: SystemTime) -> Option<Duration> {
    let ago = SystemTime::now().duration_since(time).ok()?;
    let uptime = Duration::from_secs(uptime().unwrap_or(u64::MAX));
    Some(ago).filter(|ago| *ago <= uptime)
}

fn was_read_lately(status: &Status) -> bool {
    status.last_received.and_then(since).is_some_and(|ago| ago < Duration::from_secs(2))
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Error::NotPermitted { source, .. } | Error::Output(source) => Some(source),
            Error::Queue { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_before_the_boot_or_to_come_is_one_before_the_clock_was_set() {
        let now = SystemTime::now();
        let booted = Duration::from_secs(uptime().unwrap());
        assert!(since(now - booted / 2).is_some());
        assert_eq!(since(now - booted - Duration::from_secs(60)), None);
        assert_eq!(since(now + Duration::from_secs(60)), None);
    }
}
