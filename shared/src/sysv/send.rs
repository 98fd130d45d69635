//! Sending: msgsnd(2).

use libc::c_int;

use super::{Error, Message, Queue, error::Call, queue::retry, sys};

impl Queue {
    /// Sends a message, and sleeps while the queue is full: msgsnd(2). Signals do not end the call.
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
        retry(|| {
            sys::msgsnd(self.id, &message.layout, message.length, flags)
                .map_err(|source| self.error(Call::Send, source))
        })
    }
}
