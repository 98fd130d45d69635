//! A System V message queue, safely.

use std::{
    fmt, io,
    ops::Deref,
    str::FromStr,
    time::{Duration, SystemTime},
};

use libc::{c_int, c_long, msqid_ds};

use crate::{Error, Key, Message, MessageType, sys};

/// `MSG_STAT_ANY` of msgctl(2), which the libc crate does not name.
const MSG_STAT_ANY: c_int = 13;

/// What a process means to do with a queue: the permission [msgget(2)] checks when it opens one.
///
/// The kernel checks again at each send and receive, so this decides only how early a refusal comes.
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
    /// Look at it only: always granted, and proves nothing.
    Find,
    /// Send (0200).
    Send,
    /// Receive (0400).
    Receive,
    /// Both (0600).
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

/// Which message to receive: the `msgtyp` of [msgrcv(2)]. Within each, the oldest comes first.
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
    /// The oldest of all (0).
    Any,
    /// The oldest of this type.
    Type(MessageType),
    /// The one with the lowest type, up to and including this one (the negative of it).
    UpTo(MessageType),
    /// The oldest of any other type (`MSG_EXCEPT`).
    Except(MessageType),
}

impl Select {
    /// The `msgtyp`, and the flag that goes with it.
    fn to_raw(self) -> (c_long, c_int) {
        match self {
            Select::Any => (0, 0),
            Select::Type(message_type) => (message_type.get(), 0),
            Select::UpTo(message_type) => (-message_type.get(), 0),
            Select::Except(message_type) => (message_type.get(), libc::MSG_EXCEPT),
        }
    }
}

/// What becomes of a message that is longer than the receiver's buffer.
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
    /// It stays in the queue, and the call fails with [`Error::TooLong`]; with [`Select::Any`], for ever.
    Keep,
    /// It is taken off the queue and cut to the buffer (`MSG_NOERROR`). A buffer one byte longer than the longest
    /// legal text tells a message that was cut from one that just fits.
    Truncate,
}

/// Permission bits of a queue: nine of them, as in chmod(1), where `w` is sending and `r` is receiving.
///
/// The umask has no part in it. Written in octal.
///
/// ```
/// use shared::Mode;
///
/// let mailbox: Mode = "0620".parse().unwrap();
/// assert_eq!((mailbox.bits(), mailbox.to_string()), (0o620, "0620".to_owned()));
/// assert!("0999".parse::<Mode>().is_err() && "+660".parse::<Mode>().is_err() && Mode::new(0o1000).is_none());
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mode(u16);

impl Mode {
    /// The mode with these bits; none beyond 0777.
    #[must_use]
    pub const fn new(bits: u16) -> Option<Mode> {
        if bits <= 0o777 { Some(Mode(bits)) } else { None }
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The mode of a queue that its controller is making: nobody may send yet. Whom it is for is set when all is ready.
    pub const MAKING: Mode = Mode(0o400);

    /// The bit that marks a reply queue. The kernel gives execute permission of a queue no meaning.
    const REPLIES: u16 = 0o100;

    /// The mode of the reply queue beside a command queue of this mode: the owner sends and discards, and all who may send
    /// commands may receive answers. The mark of a reply queue is set, see [`Mode::is_of_replies`].
    #[must_use]
    pub const fn of_replies(self) -> Mode {
        Mode(Self::REPLIES | 0o600 | (self.0 & 0o022) << 1)
    }

    /// Whether this is the mode of a controller's reply queue: the owner alone sends, and of the execute bits only 0100 is
    /// set. No other program makes such a queue, and no command queue has this mode.
    #[must_use]
    pub const fn is_of_replies(self) -> bool {
        self.0 & 0o733 == Self::REPLIES | 0o600
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

/// Why a text is no [`Mode`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ModeError;

impl fmt::Display for ModeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mode is an octal number from 0 to 0777")
    }
}

impl std::error::Error for ModeError {}

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // With a sign it would be a change, as to chmod(1).
        let number = u16::from_str_radix(text, 8).ok().filter(|_| !text.starts_with('+'));
        number.and_then(Mode::new).ok_or(ModeError)
    }
}

/// Who may do what with a queue: `struct ipc_perm` of [sysvipc(7)].
///
/// ```
/// use shared::{Error, Mode, Permissions, Queue};
///
/// # fn main() -> Result<(), Error> {
/// let queue = Queue::private(Mode::new(0o600).unwrap())?;
/// let permissions = queue.status()?.permissions;
/// queue.set_permissions(Permissions { mode: Mode::new(0o620).unwrap(), ..permissions })?;
/// assert_eq!(queue.status()?.permissions.mode.bits(), 0o620);
/// # Ok(())
/// # }
/// ```
///
/// [sysvipc(7)]: https://man7.org/linux/man-pages/man7/sysvipc.7.html
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Permissions {
    /// The user who owns it.
    pub owner: u32,
    /// The group that owns it.
    pub group: u32,
    /// What owner, group and others may do.
    pub mode: Mode,
}

/// The state of a queue: `struct msqid_ds` of [msgctl(2)].
///
/// ```
/// use shared::{Error, Message, MessageType, Mode, Queue};
///
/// # fn main() -> Result<(), Error> {
/// let queue = Queue::private(Mode::new(0o600).unwrap())?;
/// queue.send(&Message::<8>::new(MessageType::LED, b"ON").unwrap())?;
/// let status = queue.status()?;
/// assert_eq!((status.messages, status.bytes), (1, 2));
/// assert_eq!((status.last_sender, status.last_receiver), (Some(std::process::id()), None));
/// # Ok(())
/// # }
/// ```
///
/// [msgctl(2)]: https://man7.org/linux/man-pages/man2/msgctl.2.html
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Status {
    /// Owner, group and mode.
    pub permissions: Permissions,
    /// The user who made it, and who keeps the owner's rights whatever becomes of the owner.
    pub creator: u32,
    /// Messages that wait in it (`msg_qnum`).
    pub messages: u64,
    /// Bytes of text that wait in it (`msg_cbytes`).
    pub bytes: u64,
    /// How many bytes of text, and how many messages, it holds at most (`msg_qbytes`).
    pub limit: u64,
    /// PID of the last sender; none so far, or none that this PID namespace has a number for.
    pub last_sender: Option<u32>,
    /// PID of the last receiver; likewise.
    pub last_receiver: Option<u32>,
    /// When the last message was sent, in whole seconds.
    pub last_sent: Option<SystemTime>,
    /// When the last message was received, in whole seconds.
    pub last_received: Option<SystemTime>,
    /// When it was made or its permissions were last set, in whole seconds.
    pub last_changed: Option<SystemTime>,
}

impl From<libc::msqid_ds> for Status {
    #[allow(clippy::useless_conversion, reason = "the types of the fields differ between architectures")]
    fn from(raw: libc::msqid_ds) -> Self {
        let pid = |pid: libc::pid_t| u32::try_from(pid).ok().filter(|&pid| pid != 0);
        let time = |seconds: i64| match u64::try_from(seconds) {
            Ok(seconds @ 1..) => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)),
            _ => None,
        };
        Status {
            permissions: Permissions {
                owner: raw.msg_perm.uid,
                group: raw.msg_perm.gid,
                // The bits above 0777 are the kernel's own.
                mode: Mode(u16::try_from(u32::from(raw.msg_perm.mode) & 0o777).unwrap_or_default()),
            },
            creator: raw.msg_perm.cuid,
            messages: raw.msg_qnum.into(),
            bytes: raw.__msg_cbytes.into(),
            limit: raw.msg_qbytes.into(),
            last_sender: pid(raw.msg_lspid),
            last_receiver: pid(raw.msg_lrpid),
            last_sent: time(raw.msg_stime.into()),
            last_received: time(raw.msg_rtime.into()),
            last_changed: time(raw.msg_ctime.into()),
        }
    }
}

/// A queue that somebody made: its identifier, which stays the same until the queue is removed and is never used again
/// soon after.
///
/// Look the key up for each command rather than keep one of these: whoever serves the key may have made a new queue.
///
/// Calls that sleep go on sleeping after a signal (they retry EINTR): msgrcv(2) and msgsnd(2) are never restarted by
/// the kernel, whatever SA_RESTART says, and a flag that a handler set could be missed anyway. What does end them is the
/// removal of the queue.
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
    id: c_int,
}

impl Queue {
    /// Makes a queue that did not exist, owned by this process's user and group: msgget(2) with `IPC_CREAT | IPC_EXCL`.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] (EEXIST), [`Error::NoMemory`] (ENOMEM), [`Error::NoSpace`] (ENOSPC).
    pub fn create(key: Key, mode: Mode) -> Result<OwnedQueue, Error> {
        Self::get(key.to_raw(), libc::IPC_CREAT | libc::IPC_EXCL | c_int::from(mode.0)).map(OwnedQueue)
    }

    /// Opens the queue with this key for sending and receiving, or makes it: msgget(2) with `IPC_CREAT`.
    ///
    /// The queue may be a stranger's: see [`Status::creator`].
    ///
    /// # Errors
    ///
    /// [`Error::NotPermitted`] (EACCES: it exists, and its mode forbids one of `mode`'s bits to us),
    /// [`Error::NoMemory`] (ENOMEM), [`Error::NoSpace`] (ENOSPC).
    pub fn create_or_open(key: Key, mode: Mode) -> Result<Queue, Error> {
        Self::get(key.to_raw(), libc::IPC_CREAT | c_int::from(mode.0))
    }

    /// Makes a queue without a key: msgget(2) with `IPC_PRIVATE`.
    ///
    /// Private means that no key leads to it; whoever knows or guesses its identifier reaches it as its mode allows.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`] (ENOMEM), [`Error::NoSpace`] (ENOSPC).
    pub fn private(mode: Mode) -> Result<OwnedQueue, Error> {
        Self::get(libc::IPC_PRIVATE, c_int::from(mode.0)).map(OwnedQueue)
    }

    /// Opens the queue with this key: msgget(2).
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] (ENOENT), [`Error::NotPermitted`] (EACCES).
    pub fn open(key: Key, access: Access) -> Result<Queue, Error> {
        Self::get(key.to_raw(), access.bits())
    }

    fn get(key: libc::key_t, flags: c_int) -> Result<Queue, Error> {
        match sys::msgget(key, flags) {
            Ok(id) => Ok(Queue { id }),
            Err(source) => Err(match source.raw_os_error() {
                Some(libc::ENOENT) => Error::NotFound(source),
                Some(libc::EEXIST) => Error::Exists(source),
                Some(libc::EACCES) => Error::NotPermitted(source),
                Some(libc::ENOMEM) => Error::NoMemory(source),
                Some(libc::ENOSPC) => Error::NoSpace(source),
                _ => Error::Os { call: "msgget", source },
            }),
        }
    }

    /// The queue with this identifier, if there is one, and whatever it may be by now: identifiers are used again.
    ///
    /// For a queue without a key; by its key find any other.
    #[must_use]
    pub fn from_id(id: i32) -> Queue {
        Queue { id }
    }

    /// Takes on the removal of the queue, as if this process had made it.
    #[must_use]
    pub fn into_owned(self) -> OwnedQueue {
        OwnedQueue(self)
    }

    /// The identifier, as ipcs(1) shows it. 0 is one like any other.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.id
    }

    /// Sends a message, sleeping while the queue is full: msgsnd(2). A signal does not end that (EINTR is retried).
    ///
    /// # Errors
    ///
    /// [`Error::Removed`] (EIDRM, EINVAL), [`Error::NotPermitted`] (EACCES), [`Error::TooLong`] (EINVAL: longer than
    /// `kernel.msgmax`), [`Error::NoMemory`] (ENOMEM).
    pub fn send<const N: usize>(&self, message: &Message<N>) -> Result<(), Error> {
        self.send_with(message, 0)
    }

    /// Sends a message if there is room for it: msgsnd(2) with `IPC_NOWAIT`.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] (EAGAIN), and those of [`Queue::send`].
    pub fn try_send<const N: usize>(&self, message: &Message<N>) -> Result<(), Error> {
        self.send_with(message, libc::IPC_NOWAIT)
    }

    fn send_with<const N: usize>(&self, message: &Message<N>, flags: c_int) -> Result<(), Error> {
        let send = || {
            sys::msgsnd(self.id, &message.layout, message.length, flags).map_err(|source| {
                match source.raw_os_error() {
                    Some(libc::EINTR) => Error::Interrupted(source),
                    Some(libc::EAGAIN) => Error::Full(source),
                    Some(libc::EACCES) => Error::NotPermitted(source),
                    Some(libc::ENOMEM) => Error::NoMemory(source),
                    Some(libc::EIDRM) => Error::Removed(source),
                    // The type is positive by its type, so it is the length or the queue.
                    Some(libc::EINVAL) if self.is_removed() => Error::Removed(source),
                    Some(libc::EINVAL) => Error::TooLong(source),
                    _ => Error::Os { call: "msgsnd", source },
                }
            })
        };
        retry(send)
    }

    /// Receives a message, sleeping until one is there: msgrcv(2). A signal does not end that (EINTR is retried).
    ///
    /// # Errors
    ///
    /// [`Error::Removed`] (EIDRM, EINVAL), [`Error::NotPermitted`] (EACCES), [`Error::TooLong`] (E2BIG, with
    /// [`Oversize::Keep`]).
    pub fn receive<const N: usize>(&self, select: Select, oversize: Oversize) -> Result<Message<N>, Error> {
        let mut message = Message::empty(MessageType::LED);
        self.receive_into(&mut message, select, oversize)?;
        Ok(message)
    }

    /// Receives a message in the place of another, which stays as it is if there is an error: for a loop that copies nothing.
    ///
    /// # Errors
    ///
    /// Those of [`Queue::receive`].
    pub fn receive_into<const N: usize>(
        &self,
        message: &mut Message<N>,
        select: Select,
        oversize: Oversize,
    ) -> Result<(), Error> {
        let (selector, except) = select.to_raw();
        retry(|| self.receive_raw(message, selector, oversize, except))
    }

    /// Receives a message, sleeping until one is there or a signal has been handled: msgrcv(2).
    ///
    /// A signal that comes before the call does not end it: a timer that is to end it must fire again and again.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] (EINTR), and those of [`Queue::receive`].
    pub fn receive_until_signal<const N: usize>(
        &self,
        select: Select,
        oversize: Oversize,
    ) -> Result<Message<N>, Error> {
        let (selector, except) = select.to_raw();
        let mut message = Message::empty(MessageType::LED);
        self.receive_raw(&mut message, selector, oversize, except)?;
        Ok(message)
    }

    /// Receives a message if one is there: msgrcv(2) with `IPC_NOWAIT`.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`] (ENOMSG), and those of [`Queue::receive`].
    pub fn try_receive<const N: usize>(&self, select: Select, oversize: Oversize) -> Result<Message<N>, Error> {
        let (selector, except) = select.to_raw();
        let mut message = Message::empty(MessageType::LED);
        retry(|| self.receive_raw(&mut message, selector, oversize, libc::IPC_NOWAIT | except))?;
        Ok(message)
    }

    /// Reads a message and leaves it in the queue: msgrcv(2) with `MSG_COPY`. `index` counts from 0, in the order of
    /// sending.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`] (ENOMSG: there are not so many), [`Error::Unsupported`] (ENOSYS: the kernel has no
    /// `CONFIG_CHECKPOINT_RESTORE`), [`Error::NotPermitted`] (EACCES: it takes the right to receive),
    /// [`Error::TooLong`] (E2BIG, or EINVAL: longer than `kernel.msgmax` is by now), [`Error::Removed`] (EIDRM, EINVAL).
    pub fn peek<const N: usize>(&self, index: u32) -> Result<Message<N>, Error> {
        // The kernel never cuts a copy: MSG_NOERROR only turns E2BIG into EINVAL.
        let mut message = Message::empty(MessageType::LED);
        #[allow(clippy::unnecessary_fallible_conversions, reason = "a `long` may have 32 bits")]
        let index = c_long::try_from(index).unwrap_or(c_long::MAX);
        retry(|| self.receive_raw(&mut message, index, Oversize::Keep, libc::MSG_COPY | libc::IPC_NOWAIT))?;
        Ok(message)
    }

    fn receive_raw<const N: usize>(
        &self,
        message: &mut Message<N>,
        selector: c_long,
        oversize: Oversize,
        flags: c_int,
    ) -> Result<(), Error> {
        let flags = match oversize {
            Oversize::Keep => flags,
            Oversize::Truncate => flags | libc::MSG_NOERROR,
        };
        match sys::msgrcv(self.id, &mut message.layout, selector, flags) {
            Ok(length) => {
                message.length = length;
                Ok(())
            }
            Err(source) => Err(match source.raw_os_error() {
                Some(libc::ENOMSG) => Error::Empty(source),
                Some(libc::EINTR) => Error::Interrupted(source),
                // It copies no more than kernel.msgmax, which may have been lowered since the message was sent.
                Some(libc::EINVAL) if flags & libc::MSG_COPY != 0 && !self.is_removed() => Error::TooLong(source),
                Some(libc::EIDRM | libc::EINVAL) => Error::Removed(source),
                Some(libc::EACCES) => Error::NotPermitted(source),
                Some(libc::E2BIG) => Error::TooLong(source),
                Some(libc::ENOSYS) => Error::Unsupported(source),
                _ => Error::Os { call: "msgrcv", source },
            }),
        }
    }

    /// The queue's state, for anybody: msgctl(2) with `IPC_STAT`, or with `MSG_STAT_ANY` where its mode does not let us
    /// read.
    ///
    /// # Errors
    ///
    /// [`Error::Removed`] (EIDRM, EINVAL); [`Error::NotPermitted`] (EACCES) only on kernels before 4.17.
    pub fn status(&self) -> Result<Status, Error> {
        self.raw_status().map(Status::from)
    }

    fn raw_status(self) -> Result<msqid_ds, Error> {
        let mut raw = sys::blank_status();
        match sys::msgctl(self.id, libc::IPC_STAT, &mut raw) {
            Ok(_) => Ok(raw),
            Err(source) if source.raw_os_error() == Some(libc::EACCES) => {
                self.status_of_any()?.ok_or(Error::NotPermitted(source))
            }
            Err(source) => Err(self.control_error(source)),
        }
    }

    /// `MSG_STAT_ANY` takes the kernel's index instead of the identifier, and `IPC_INFO` returns the highest one in use.
    fn status_of_any(self) -> Result<Option<msqid_ds>, Error> {
        let mut raw = sys::blank_status();
        let highest = sys::msgctl(0, libc::IPC_INFO, &mut raw).map_err(|source| self.control_error(source))?;
        for index in 0..=highest {
            if sys::msgctl(index, MSG_STAT_ANY, &mut raw).is_ok_and(|id| id == self.id) {
                return Ok(Some(raw));
            }
        }
        Ok(None)
    }

    /// Gives the queue another owner, group and mode: msgctl(2) with `IPC_SET`.
    ///
    /// The creator keeps the owner's rights.
    ///
    /// # Errors
    ///
    /// [`Error::NotPermitted`] (EPERM: neither owner, creator nor privileged), [`Error::Removed`] (EIDRM, EINVAL).
    pub fn set_permissions(&self, permissions: Permissions) -> Result<(), Error> {
        let mut raw = self.raw_status()?;
        raw.msg_perm.uid = permissions.owner;
        raw.msg_perm.gid = permissions.group;
        #[allow(clippy::useless_conversion, reason = "the type of the field differs between architectures")]
        {
            raw.msg_perm.mode = permissions.mode.0.into();
        }
        self.control(libc::IPC_SET, &mut raw)
    }

    /// Sets how many bytes of text the queue holds at most, and how many messages: msgctl(2) with `IPC_SET`.
    ///
    /// What is in it already stays.
    ///
    /// # Errors
    ///
    /// [`Error::NotPermitted`] (EPERM: neither owner, creator nor privileged, or beyond `kernel.msgmnb` without
    /// `CAP_SYS_RESOURCE`), [`Error::Removed`] (EIDRM, EINVAL).
    pub fn set_limit(&self, bytes: u64) -> Result<(), Error> {
        let mut raw = self.raw_status()?;
        // More than a `long` holds is more than the kernel allows anybody.
        raw.msg_qbytes = libc::c_ulong::try_from(bytes).unwrap_or(libc::c_ulong::MAX);
        self.control(libc::IPC_SET, &mut raw)
    }

    /// Removes the queue with all that waits in it, and wakes whoever sleeps in a call on it: msgctl(2) with `IPC_RMID`.
    ///
    /// # Errors
    ///
    /// [`Error::NotPermitted`] (EPERM: neither owner, creator nor privileged), [`Error::Removed`] (EIDRM, EINVAL).
    pub fn remove(&self) -> Result<(), Error> {
        self.control(libc::IPC_RMID, &mut sys::blank_status())
    }

    fn control(self, command: c_int, raw: &mut msqid_ds) -> Result<(), Error> {
        sys::msgctl(self.id, command, raw).map_err(|source| self.control_error(source)).map(drop)
    }

    fn control_error(self, source: io::Error) -> Error {
        match source.raw_os_error() {
            Some(libc::EACCES | libc::EPERM) => Error::NotPermitted(source),
            Some(libc::EIDRM) => Error::Removed(source),
            // IPC_SET also says EINVAL to an owner or group that the user namespace does not know.
            Some(libc::EINVAL) if self.is_removed() => Error::Removed(source),
            _ => Error::Os { call: "msgctl", source },
        }
    }

    fn is_removed(self) -> bool {
        sys::msgctl(self.id, libc::IPC_STAT, &mut sys::blank_status())
            .is_err_and(|error| matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EIDRM)))
    }
}

/// A queue that this process removes when it drops it.
///
/// A process that is killed removes nothing: the queue stays, with what is in it, until somebody removes it.
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
        // What is already gone, or was given away, is not ours to complain about.
        let _ = self.0.remove();
    }
}

fn retry<T>(mut call: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    loop {
        match call() {
            Err(Error::Interrupted(_)) => {}
            result => return result,
        }
    }
}
