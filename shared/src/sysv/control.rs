//! Reading and setting the state of a queue, and removing it: msgctl(2).

use libc::{c_int, key_t, msqid_ds};

use super::{Access, Error, Permissions, Queue, QueueStatus, error::Call, sys};

/// `MSG_STAT_ANY` of msgctl(2), which the libc crate does not have.
const MSG_STAT_ANY: c_int = 13;

impl Queue {
    /// The queue with this key and its state; none if it does not exist. Needs no permission.
    ///
    /// # Errors
    ///
    /// Those of [`Queue::status`], except [`Error::Removed`].
    pub fn find(key: impl Into<key_t>) -> Result<Option<(Queue, QueueStatus)>, Error> {
        match Queue::open(key, Access::Find).and_then(|queue| Ok((queue, queue.status()?))) {
            Err(Error::NotFound(_) | Error::Removed(_)) => Ok(None),
            result => result.map(Some),
        }
    }

    /// The state of the queue: msgctl(2) with `IPC_STAT`, or with `MSG_STAT_ANY` if its mode does not permit receiving.
    ///
    /// # Errors
    ///
    /// [`Error::Removed`] (EIDRM, EINVAL); [`Error::NotPermitted`] (EACCES) only on kernels before 4.17.
    pub fn status(&self) -> Result<QueueStatus, Error> {
        self.raw_status().map(QueueStatus::from)
    }

    /// Sets owner, group and mode: msgctl(2) with `IPC_SET`. The creator keeps the owner's rights.
    ///
    /// # Errors
    ///
    /// [`Error::NotPermitted`] (EPERM: neither owner, creator nor privileged), [`Error::Removed`] (EIDRM, EINVAL).
    pub fn set_permissions(&self, permissions: Permissions) -> Result<(), Error> {
        let mut raw = self.raw_status()?;
        raw.msg_perm.uid = permissions.owner;
        raw.msg_perm.gid = permissions.group;
        #[allow(
            clippy::useless_conversion,
            reason = "the type of the field differs between architectures"
        )]
        {
            raw.msg_perm.mode = permissions.mode.bits().into();
        }
        self.control(libc::IPC_SET, &mut raw)
    }

    /// Sets the limit of the queue, in bytes of text and in messages: msgctl(2) with `IPC_SET`.
    ///
    /// The messages in it stay.
    ///
    /// # Errors
    ///
    /// [`Error::NotPermitted`] (EPERM: neither owner, creator nor privileged, or above `kernel.msgmnb` without
    /// `CAP_SYS_RESOURCE`), [`Error::Removed`] (EIDRM, EINVAL).
    pub fn set_limit(&self, bytes: u64) -> Result<(), Error> {
        let mut raw = self.raw_status()?;
        // The kernel refuses more than a `long` holds to every user.
        raw.msg_qbytes = libc::c_ulong::try_from(bytes).unwrap_or(libc::c_ulong::MAX);
        self.control(libc::IPC_SET, &mut raw)
    }

    /// Removes the queue with its messages, and ends all calls that sleep on it: msgctl(2) with `IPC_RMID`.
    ///
    /// # Errors
    ///
    /// [`Error::NotPermitted`] (EPERM: neither owner, creator nor privileged), [`Error::Removed`] (EIDRM, EINVAL).
    pub fn remove(&self) -> Result<(), Error> {
        self.control(libc::IPC_RMID, &mut sys::blank_status())
    }

    fn control(self, command: c_int, raw: &mut msqid_ds) -> Result<(), Error> {
        sys::msgctl(self.id, command, raw)
            .map(drop)
            .map_err(|source| self.error(Call::Control, source))
    }

    fn raw_status(self) -> Result<msqid_ds, Error> {
        let mut raw = sys::blank_status();
        match self.control(libc::IPC_STAT, &mut raw) {
            Err(Error::NotPermitted(source)) => {
                self.status_of_any()?.ok_or(Error::NotPermitted(source))
            }
            result => result.map(|()| raw),
        }
    }

    /// `MSG_STAT_ANY` takes an index of the kernel instead of the identifier; `IPC_INFO` returns the highest index.
    fn status_of_any(self) -> Result<Option<msqid_ds>, Error> {
        let mut raw = sys::blank_status();
        let highest = sys::msgctl(0, libc::IPC_INFO, &mut raw)
            .map_err(|source| self.error(Call::Control, source))?;
        for index in 0..=highest {
            if sys::msgctl(index, MSG_STAT_ANY, &mut raw).is_ok_and(|id| id == self.id) {
                return Ok(Some(raw));
            }
        }
        Ok(None)
    }
}
