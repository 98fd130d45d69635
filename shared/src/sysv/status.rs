//! The state of a queue, as the kernel keeps it.

use std::time::{Duration, SystemTime};

use super::Mode;

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
pub struct QueueStatus {
    /// Owner, group and mode.
    pub permissions: Permissions,
    /// The user who created it, and who keeps the owner's rights when the owner changes.
    pub creator: u32,
    /// Number of messages in it: `msg_qnum`.
    pub messages: u64,
    /// Bytes of text in it: `msg_cbytes`.
    pub bytes: u64,
    /// The most bytes of text, and the most messages, that it can hold: `msg_qbytes`.
    pub limit: u64,
    /// PID of the last sender; none if there was no sender, or if it has no PID in this PID namespace.
    pub last_sender: Option<u32>,
    /// PID of the last receiver, likewise.
    pub last_receiver: Option<u32>,
    /// When the last message was sent, in whole seconds.
    pub last_sent: Option<SystemTime>,
    /// When the last message was received, in whole seconds.
    pub last_received: Option<SystemTime>,
    /// When it was created or `IPC_SET` last changed it, in whole seconds.
    pub last_changed: Option<SystemTime>,
}

impl From<libc::msqid_ds> for QueueStatus {
    #[allow(
        clippy::useless_conversion,
        reason = "the types of the fields differ between architectures"
    )]
    fn from(raw: libc::msqid_ds) -> Self {
        let pid = |pid: libc::pid_t| u32::try_from(pid).ok().filter(|&pid| pid != 0);
        let time = |seconds: i64| match u64::try_from(seconds) {
            Ok(seconds @ 1..) => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)),
            _ => None,
        };
        QueueStatus {
            permissions: Permissions {
                owner: raw.msg_perm.uid,
                group: raw.msg_perm.gid,
                mode: Mode::from_raw(
                    u16::try_from(u32::from(raw.msg_perm.mode) & 0o777).unwrap_or_default(),
                ),
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
