//! The two queues of a controller: finding, trusting and opening them.

use shared::{
    Access, Key, Mode, Queue, Status,
    account::own_user,
    lock::{self, Holder},
};

use crate::Error;

/// Which controller: its key, and a further user who is trusted.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The key of its command queue.
    pub key: Key,
    /// A user whose queues are used too.
    pub owner: Option<u32>,
}

impl Target {
    /// The command queue, open for sending, and the reply queue, open for receiving, if it exists.
    pub(crate) fn open(&self) -> Result<(Queue, Option<Queue>), Error> {
        let commands = self.open_commands()?;
        Ok((commands, self.open_replies()?))
    }

    /// The command queue, open for sending.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`] if it does not exist, [`Error::NotReady`] if it is closed, and errors that a retry does not
    /// change.
    pub fn open_commands(&self) -> Result<Queue, Error> {
        let (queue, status) = self
            .find(self.key)?
            .ok_or(Error::NotRunning { key: self.key })?;
        if status.permissions.mode.is_of_replies() {
            return Err(Error::ReplyQueue { key: self.key });
        }
        if status.permissions.mode == Mode::CLOSED || status.limit == 0 {
            return Err(Error::NotReady { key: self.key });
        }
        self.check(self.key, Access::Send)?;
        Ok(queue)
    }

    /// The reply queue, open for receiving; none if it does not exist.
    ///
    /// # Errors
    ///
    /// [`Error::NotReady`] if it is closed, and errors that a retry does not change.
    pub fn open_replies(&self) -> Result<Option<Queue>, Error> {
        let key = self.key.reply();
        let Some((queue, status)) = self.find(key)? else {
            return Ok(None);
        };
        if status.permissions.mode == Mode::CLOSED {
            return Err(Error::NotReady { key: self.key });
        }
        if !status.permissions.mode.is_of_replies() {
            return Err(Error::NoReplies { key: self.key });
        }
        self.check(key, Access::Receive)?;
        Ok(Some(queue))
    }

    /// The queue with this key, if a trusted user created it.
    pub(crate) fn find(&self, key: Key) -> Result<Option<(Queue, Status)>, Error> {
        let found = Queue::find(key).map_err(|source| Error::Queue { key, source })?;
        match found {
            Some((_, status)) if !self.trusts(status.creator) => Err(Error::Untrusted {
                key,
                creator: status.creator,
            }),
            found => Ok(found),
        }
    }

    /// Whether queues of this creator are used: root, this user, the service's user and `--owner` are trusted. The creator of
    /// a queue keeps the owner's rights.
    #[must_use]
    pub fn trusts(&self, creator: u32) -> bool {
        creator == 0
            || creator == own_user()
            || self.owner == Some(creator)
            || lock::service_user() == Some(creator)
    }

    /// Lets the kernel check the permission.
    fn check(&self, key: Key, access: Access) -> Result<(), Error> {
        match Queue::open(key, access) {
            Ok(_) => Ok(()),
            Err(shared::Error::NotFound(_)) => Err(Error::NotReady { key: self.key }),
            Err(error) => Err(Error::of_queue(key, access, error)),
        }
    }

    /// The process that serves the queue, if it is known.
    pub(crate) fn holder(&self, queue: Queue, status: &Status) -> Holder {
        lock::holder(self.key, Some(queue), status.creator)
    }
}

/// The queue with this key and its state, even if its creator is not trusted. Nothing is sent to it.
#[must_use]
pub fn look_up(key: Key) -> Option<(Queue, Status)> {
    Queue::find(key).ok().flatten()
}
