//! Receiving: msgrcv(2).

use libc::{c_int, c_long};

use super::{Error, Message, Oversize, Queue, Select, error::Call, queue::retry, sys};

/// How a call with a time limit ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Received {
    /// With a message.
    Message,
    /// At the end of the time.
    Timeout,
}

impl Queue {
    /// Receives a message, and sleeps until there is one: msgrcv(2). Signals do not end the call.
    ///
    /// # Errors
    ///
    /// [`Error::Removed`] (EIDRM, EINVAL), [`Error::NotPermitted`] (EACCES), [`Error::TooLong`] (E2BIG, with
    /// [`Oversize::Keep`]).
    pub fn receive<const N: usize>(
        &self,
        select: Select,
        oversize: Oversize,
    ) -> Result<Message<N>, Error> {
        let mut message = Message::blank();
        self.receive_into(&mut message, select, oversize)?;
        Ok(message)
    }

    /// Receives into `message`, without a copy. After an error `message` is unchanged.
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
        let (selector, flag) = select.to_raw();
        retry(|| self.receive_raw(message, selector, oversize, flag))
    }

    /// Receives a message if there is one: msgrcv(2) with `IPC_NOWAIT`.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`] (ENOMSG), and those of [`Queue::receive`].
    pub fn try_receive<const N: usize>(
        &self,
        select: Select,
        oversize: Oversize,
    ) -> Result<Message<N>, Error> {
        let (selector, flag) = select.to_raw();
        let mut message = Message::blank();
        retry(|| self.receive_raw(&mut message, selector, oversize, libc::IPC_NOWAIT | flag))?;
        Ok(message)
    }

    /// Copies a message and leaves it in the queue: msgrcv(2) with `MSG_COPY`. `index` counts from 0, the oldest.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`] (ENOMSG: the queue has fewer messages), [`Error::Unsupported`] (ENOSYS: the kernel has no
    /// `CONFIG_CHECKPOINT_RESTORE`), [`Error::NotPermitted`] (EACCES: needs the right to receive), [`Error::TooLong`]
    /// (E2BIG, or EINVAL: `kernel.msgmax` was lowered since), [`Error::Removed`] (EIDRM, EINVAL).
    pub fn peek<const N: usize>(&self, index: u32) -> Result<Message<N>, Error> {
        #[allow(
            clippy::unnecessary_fallible_conversions,
            reason = "a `long` may have 32 bits"
        )]
        let index = c_long::try_from(index).unwrap_or(c_long::MAX);
        let mut message = Message::blank();
        // The kernel never cuts a copy: MSG_NOERROR would only turn E2BIG into EINVAL.
        retry(|| {
            self.receive_raw(
                &mut message,
                index,
                Oversize::Keep,
                libc::MSG_COPY | libc::IPC_NOWAIT,
            )
        })?;
        Ok(message)
    }

    pub(super) fn receive_raw<const N: usize>(
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
        message.length = sys::msgrcv(self.id, &mut message.layout, selector, flags)
            .map_err(|source| self.error(Call::Receive, source))?;
        Ok(())
    }
}
