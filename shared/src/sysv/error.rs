//! Errors of the calls on queues, one variant for each cause.

use std::io;

/// Why a call on a queue failed.
///
/// Each variant has the error of the system as its [`source`](std::error::Error::source). Compare variants, not
/// [`io::ErrorKind`]: it has no kind for EIDRM and ENOMSG, and one for both EACCES and EPERM.
///
/// ```
/// use std::error::Error as _;
/// use shared::{Error, Message, Mode, Oversize, Queue, Select};
///
/// # fn main() -> Result<(), Error> {
/// let queue = Queue::private(Mode::new(0o600).unwrap())?;
/// let error = queue.try_receive::<8>(Select::Any, Oversize::Truncate).unwrap_err();
/// assert!(matches!(error, Error::Empty(_)));
/// assert!(error.to_string().starts_with("no such message: "));
/// assert!(error.source().is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No queue has this key: ENOENT of msgget(2).
    #[error("no queue has this key: {0}")]
    NotFound(#[source] io::Error),
    /// A queue with this key exists: EEXIST of msgget(2).
    #[error("a queue with this key exists: {0}")]
    Exists(#[source] io::Error),
    /// Owner, group and mode of the queue do not permit the call: EACCES, or EPERM of msgctl(2).
    #[error("owner, group and mode of the queue do not permit this: {0}")]
    NotPermitted(#[source] io::Error),
    /// The kernel is out of memory: ENOMEM.
    #[error("the kernel is out of memory: {0}")]
    NoMemory(#[source] io::Error),
    /// The system has as many queues as `kernel.msgmni` allows: ENOSPC of msgget(2).
    #[error(
        "the system has as many queues as it allows (kernel.msgmni); \"ipcs -q\" lists them, \"ipcrm -q\" removes one: {0}"
    )]
    NoSpace(#[source] io::Error),
    /// The queue is full: EAGAIN of msgsnd(2).
    #[error("the queue is full: {0}")]
    Full(#[source] io::Error),
    /// The queue has no message of the requested type: ENOMSG of msgrcv(2).
    #[error("no such message: {0}")]
    Empty(#[source] io::Error),
    /// A signal interrupted the call: EINTR of msgrcv(2) and msgsnd(2).
    #[error("interrupted by a signal: {0}")]
    Interrupted(#[source] io::Error),
    /// The queue was removed: EIDRM in a call that sleeps, EINVAL in later calls.
    #[error("the queue was removed: {0}")]
    Removed(#[source] io::Error),
    /// The message is longer than `kernel.msgmax`, EINVAL of msgsnd(2) and of msgrcv(2) with `MSG_COPY`, or than the
    /// receiver's buffer, E2BIG of msgrcv(2).
    #[error("the message is too long: {0}")]
    TooLong(#[source] io::Error),
    /// The kernel was built without this function: ENOSYS.
    #[error("the kernel does not support this: {0}")]
    Unsupported(#[source] io::Error),
    /// Any other error.
    #[error("{call}: {source}")]
    Os {
        /// The call: `msgget`, `msgsnd`, `msgrcv`, `msgctl` or `timer_settime`.
        call: &'static str,
        /// Its error.
        source: io::Error,
    },
}

impl Error {
    /// What an errno means, for all calls that return it. `Queue::error` decides what EINVAL means.
    pub(super) fn new(call: Call, source: io::Error) -> Error {
        match source.raw_os_error() {
            Some(libc::EPERM) if call == Call::Control => Error::NotPermitted(source),
            Some(libc::ENOENT) => Error::NotFound(source),
            Some(libc::EEXIST) => Error::Exists(source),
            Some(libc::EACCES) => Error::NotPermitted(source),
            Some(libc::ENOMEM) => Error::NoMemory(source),
            Some(libc::ENOSPC) => Error::NoSpace(source),
            Some(libc::EAGAIN) => Error::Full(source),
            Some(libc::ENOMSG) => Error::Empty(source),
            Some(libc::EINTR) => Error::Interrupted(source),
            Some(libc::EIDRM) => Error::Removed(source),
            Some(libc::E2BIG) => Error::TooLong(source),
            Some(libc::ENOSYS) => Error::Unsupported(source),
            _ => Error::Os {
                call: call.name(),
                source,
            },
        }
    }
}

/// One of the four system calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Call {
    Get,
    Send,
    Receive,
    Control,
}

impl Call {
    fn name(self) -> &'static str {
        match self {
            Call::Get => "msgget",
            Call::Send => "msgsnd",
            Call::Receive => "msgrcv",
            Call::Control => "msgctl",
        }
    }
}
