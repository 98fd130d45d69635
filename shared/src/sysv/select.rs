//! Which message to receive, and how.

use libc::{c_int, c_long};

use super::MessageType;

/// Which message to receive: the `msgtyp` of [msgrcv(2)]. Of several such messages the oldest comes first.
///
/// ```
/// use shared::{Error, Message, MessageType, Mode, Oversize, Queue, Select};
///
/// # fn main() -> Result<(), Error> {
/// let (urgent, routine) = (MessageType::new(1).unwrap(), MessageType::new(10).unwrap());
/// let queue = Queue::private(Mode::new(0o600).unwrap())?;
/// queue.send(&Message::<8>::new(routine, b"later").unwrap())?;
/// queue.send(&Message::<8>::new(urgent, b"now").unwrap())?;
/// let next = |select| queue.try_receive::<8>(select, Oversize::Truncate);
/// assert_eq!(next(Select::UpTo(routine))?.text(), b"now");
/// assert!(matches!(next(Select::Type(urgent)), Err(Error::Empty(_))));
/// assert_eq!(next(Select::Except(urgent))?.text(), b"later");
/// # Ok(())
/// # }
/// ```
///
/// [msgrcv(2)]: https://man7.org/linux/man-pages/man2/msgop.2.html
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Select {
    /// Of any type: 0.
    Any,
    /// Of this type.
    Type(MessageType),
    /// Of the lowest type in the queue up to this one: the negative number.
    UpTo(MessageType),
    /// Of any other type: `MSG_EXCEPT`.
    Except(MessageType),
}

impl Select {
    /// The `msgtyp`, and the flag that it needs.
    pub(super) fn to_raw(self) -> (c_long, c_int) {
        match self {
            Select::Any => (0, 0),
            Select::Type(message_type) => (message_type.get(), 0),
            Select::UpTo(message_type) => (-message_type.get(), 0),
            Select::Except(message_type) => (message_type.get(), libc::MSG_EXCEPT),
        }
    }
}

/// What happens to a message that is longer than the receiver's buffer.
///
/// ```
/// use shared::{Error, Message, MessageType, Mode, Oversize, Queue, Select};
///
/// # fn main() -> Result<(), Error> {
/// let queue = Queue::private(Mode::new(0o600).unwrap())?;
/// queue.send(&Message::<8>::new(MessageType::LED, b"toolong").unwrap())?;
/// let receive = |oversize| queue.try_receive::<4>(Select::Any, oversize);
/// assert!(matches!(receive(Oversize::Keep), Err(Error::TooLong(_))));
/// assert_eq!(receive(Oversize::Truncate)?.text(), b"tool");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Oversize {
    /// It stays in the queue, and the call fails with [`Error::TooLong`](crate::Error::TooLong). With [`Select::Any`]
    /// each later call fails too.
    Keep,
    /// The kernel removes it from the queue and cuts it to the buffer: `MSG_NOERROR`. With a buffer one byte longer than
    /// the longest permitted text, a receiver recognizes a message that was cut.
    Truncate,
}
