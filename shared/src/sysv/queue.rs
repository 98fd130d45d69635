//! A queue: creating, opening and removing it.

use std::{io, ops::Deref};

use libc::{c_int, key_t};

use super::{Error, Mode, error::Call, sys};

/// The permission that [msgget(2)] checks when a process opens a queue.
///
/// The kernel checks again at each call, so this only decides how early an error comes.
///
/// ```
/// use shared::{Access, Error, Key, Queue};
///
/// let unused = Key::new(0x7fff_fff1).unwrap();
/// assert!(matches!(Queue::open(unused, Access::Send), Err(Error::NotFound(_))));
/// ```
///
/// [msgget(2)]: https://man7.org/linux/man-pages/man2/msgget.2.html
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// None: the queue is only looked up.
    Find,
    /// Send (0200).
    Send,
    /// Receive (0400).
    Receive,
    /// Send and receive (0600).
    SendAndReceive,
}

impl Access {
    fn bits(self) -> c_int {
        match self {
            Access::Find => 0,
            Access::Send => 0o200,
            Access::Receive => 0o400,
            Access::SendAndReceive => 0o600,
        }
    }
}

/// A queue, by its identifier. The kernel does not soon use an identifier again.
///
/// Keys are of type `key_t`, as msgget(2) takes them. A [`Key`](crate::Key) converts to one. Key 0 is `IPC_PRIVATE`: use
/// [`Queue::private`] instead.
///
/// A call that sleeps is repeated after a signal (EINTR). To end it, remove the queue. A flag that a handler sets is not enough: the
/// signal may come just before the call, which then sleeps.
///
/// ```
/// use shared::{Message, MessageType, Mode, Oversize, Queue, Select};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let queue = Queue::private(Mode::new(0o600).ok_or("mode")?)?;
/// let message: Message = Message::new(MessageType::LED, b"ON").ok_or("too long")?;
/// queue.send(&message)?;
/// let received: Message = queue.receive(Select::Any, Oversize::Truncate)?;
/// assert_eq!(received.text(), b"ON");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Queue {
    pub(super) id: c_int,
}

impl Queue {
    /// Creates a queue, owned by this process's user and group: msgget(2) with `IPC_CREAT | IPC_EXCL`.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] (EEXIST), [`Error::NoMemory`] (ENOMEM), [`Error::NoSpace`] (ENOSPC).
    pub fn create(key: impl Into<key_t>, mode: Mode) -> Result<OwnedQueue, Error> {
        Self::get(
            key.into(),
            libc::IPC_CREAT | libc::IPC_EXCL | c_int::from(mode.bits()),
        )
        .map(OwnedQueue)
    }

    /// Opens the queue with this key for sending and receiving, or creates it: msgget(2) with `IPC_CREAT`.
    ///
    /// Any user may have created the queue, see [`QueueStatus::creator`](crate::QueueStatus::creator).
    ///
    /// # Errors
    ///
    /// [`Error::NotPermitted`] (EACCES: the queue exists, and its mode does not grant all bits of `mode`),
    /// [`Error::NoMemory`] (ENOMEM), [`Error::NoSpace`] (ENOSPC).
    pub fn create_or_open(key: impl Into<key_t>, mode: Mode) -> Result<Queue, Error> {
        Self::get(key.into(), libc::IPC_CREAT | c_int::from(mode.bits()))
    }

    /// Creates a queue without a key: msgget(2) with `IPC_PRIVATE`.
    ///
    /// A process that knows its identifier can use it as far as its mode permits.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`] (ENOMEM), [`Error::NoSpace`] (ENOSPC).
    pub fn private(mode: Mode) -> Result<OwnedQueue, Error> {
        Self::get(libc::IPC_PRIVATE, c_int::from(mode.bits())).map(OwnedQueue)
    }

    /// Opens the queue with this key: msgget(2).
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] (ENOENT), [`Error::NotPermitted`] (EACCES).
    pub fn open(key: impl Into<key_t>, access: Access) -> Result<Queue, Error> {
        match key.into() {
            // IPC_PRIVATE creates a queue.
            libc::IPC_PRIVATE => Err(Error::NotFound(io::Error::from_raw_os_error(libc::ENOENT))),
            key => Self::get(key, access.bits()),
        }
    }

    fn get(key: key_t, flags: c_int) -> Result<Queue, Error> {
        sys::msgget(key, flags)
            .map(|id| Queue { id })
            .map_err(|source| Error::new(Call::Get, source))
    }

    /// The queue with this identifier. It may be gone, or another queue may have its identifier.
    ///
    /// For queues without a key; open others by their key.
    #[must_use]
    pub fn from_id(id: i32) -> Queue {
        Queue { id }
    }

    /// The identifier, as ipcs(1) shows it. 0 is a valid one.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.id
    }

    /// Takes over the removal of the queue, as if this process had created it.
    #[must_use]
    pub fn into_owned(self) -> OwnedQueue {
        OwnedQueue(self)
    }

    /// EINVAL says that the queue was removed, or that the message is too long, or, to `IPC_SET`, that the user namespace
    /// does not have the owner or group.
    pub(super) fn error(self, call: Call, source: io::Error) -> Error {
        match source.raw_os_error() {
            Some(libc::EINVAL) if self.is_removed() => Error::Removed(source),
            Some(libc::EINVAL) if call != Call::Control => Error::TooLong(source),
            _ => Error::new(call, source),
        }
    }

    fn is_removed(self) -> bool {
        sys::msgctl(self.id, libc::IPC_STAT, &mut sys::blank_status())
            .is_err_and(|error| matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EIDRM)))
    }
}

/// A queue that this process removes when it drops it.
///
/// A process that is killed removes nothing: the queue and its messages stay until a process removes them.
///
/// ```
/// use shared::{Error, Mode, Queue};
///
/// # fn main() -> Result<(), Error> {
/// let queue = Queue::private(Mode::new(0o600).unwrap())?;
/// let same = Queue::from_id(queue.id());
/// drop(queue);
/// assert!(matches!(same.status(), Err(Error::Removed(_))));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct OwnedQueue(Queue);

impl Deref for OwnedQueue {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        &self.0
    }
}

impl Drop for OwnedQueue {
    fn drop(&mut self) {
        // The queue may already be removed, or belong to another user.
        let _ = self.0.remove();
    }
}

/// Repeats a call while signals interrupt it.
pub(super) fn retry<T>(mut call: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    loop {
        match call() {
            Err(Error::Interrupted(_)) => {}
            result => return result,
        }
    }
}
