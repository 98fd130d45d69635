//! What can go wrong with a queue, by meaning.

use std::{error, fmt, io};

/// Why a call on a queue failed.
///
/// Each variant keeps the errno it came from, as [`error::Error::source`]; compare meanings by variant, not by
/// [`io::ErrorKind`], which has none for EIDRM and ENOMSG and one for EACCES and EPERM together.
///
/// ```
/// use std::error::Error as _;
/// use shared::{Error, Message, Mode, Oversize, Queue, Select};
///
/// # fn main() -> Result<(), Error> {
/// let queue = Queue::private(Mode::new(0o600).unwrap())?;
/// let nothing = queue.try_receive::<8>(Select::Any, Oversize::Truncate).unwrap_err();
/// assert!(matches!(nothing, Error::Empty(_)));
/// assert!(nothing.to_string().starts_with("no such message is waiting: "));
/// assert!(nothing.source().is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// No queue has this key: ENOENT of msgget(2).
    NotFound(io::Error),
    /// A queue with this key exists already: EEXIST of msgget(2).
    Exists(io::Error),
    /// The queue's owner, group and mode do not allow this: EACCES of msgget(2), msgop(2) and msgctl(2), EPERM of
    /// msgctl(2).
    NotPermitted(io::Error),
    /// The kernel has no memory for it: ENOMEM of msgget(2) and msgsnd(2).
    NoMemory(io::Error),
    /// The system's limit on queues (`kernel.msgmni`) is reached: ENOSPC of msgget(2).
    NoSpace(io::Error),
    /// The queue holds as much as it may: EAGAIN of msgsnd(2).
    Full(io::Error),
    /// No message that was asked for is waiting: ENOMSG of msgrcv(2).
    Empty(io::Error),
    /// A signal came first: EINTR of msgrcv(2).
    Interrupted(io::Error),
    /// The queue is gone: EIDRM to whoever slept in a call, EINVAL from the next one on.
    Removed(io::Error),
    /// The message is longer than the system sends or copies (`kernel.msgmax`), EINVAL of msgsnd(2) and of msgrcv(2) with
    /// `MSG_COPY`, or than the receiver's buffer, E2BIG of msgrcv(2).
    TooLong(io::Error),
    /// The kernel is built without this: ENOSYS of msgrcv(2) with `MSG_COPY`.
    Unsupported(io::Error),
    /// Anything else, by the call that said it.
    Os {
        /// The call: `msgget`, `msgsnd`, `msgrcv` or `msgctl`.
        call: &'static str,
        /// Its errno.
        source: io::Error,
    },
}

impl Error {
    fn os_error(&self) -> &io::Error {
        match self {
            Error::NotFound(source)
            | Error::Exists(source)
            | Error::NotPermitted(source)
            | Error::NoMemory(source)
            | Error::NoSpace(source)
            | Error::Full(source)
            | Error::Empty(source)
            | Error::Interrupted(source)
            | Error::Removed(source)
            | Error::TooLong(source)
            | Error::Unsupported(source)
            | Error::Os { source, .. } => source,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meaning = match self {
            Error::NotFound(_) => "no queue has this key",
            Error::Exists(_) => "a queue with this key exists already",
            Error::NotPermitted(_) => "the queue's owner, group and mode do not allow this",
            Error::NoMemory(_) => "the kernel has no memory for this",
            Error::NoSpace(_) => {
                "the system has as many queues as it allows (kernel.msgmni); `ipcs -q` lists them, `ipcrm -q` removes one"
            }
            Error::Full(_) => "the queue is full",
            Error::Empty(_) => "no such message is waiting",
            Error::Interrupted(_) => "a signal came first",
            Error::Removed(_) => "the queue has been removed",
            Error::TooLong(_) => "the message is too long",
            Error::Unsupported(_) => "this kernel cannot do that",
            Error::Os { call, .. } => call,
        };
        write!(f, "{meaning}: {}", self.os_error())
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(self.os_error())
    }
}
