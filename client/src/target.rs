//! Which controller a client means, and whom it trusts.

use shared::{
    Key, Queue, QueueStatus,
    account::{is_unmapped, own_user},
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
    /// The queue with this key, if a trusted user created it.
    pub(crate) fn find(&self, key: Key) -> Result<Option<(Queue, QueueStatus)>, Error> {
        let found = Queue::find(key).map_err(|source| Error::Queue { key, source })?;
        match found {
            Some((_, status)) if !self.trusts(status.creator) => {
                Err(Error::untrusted(key, status.creator))
            }
            found => Ok(found),
        }
    }

    /// Whether queues of this creator are used: root, this user, the service's user and `--owner` are trusted. The creator of
    /// a queue keeps the owner's rights. A number that stands for any user whom this user namespace does not map is nobody's.
    #[must_use]
    pub fn trusts(&self, creator: u32) -> bool {
        let is_named = creator == own_user()
            || self.owner == Some(creator)
            || lock::service_user() == Some(creator);
        creator == 0 || is_named && !is_unmapped(creator)
    }

    /// The process that serves the queue, if it is known. Records of users who are not trusted are ignored.
    #[must_use]
    pub fn holder(&self, queue: &Queue, status: &QueueStatus) -> Holder {
        if self.trusts(status.creator) {
            lock::holder(self.key, queue, status)
        } else {
            Holder::Unknown
        }
    }

    /// The key, with the name that the queue's controller was given.
    #[must_use]
    pub fn named(&self, queue: &Queue, status: &QueueStatus) -> Key {
        if self.key.name().is_none() && self.trusts(status.creator) {
            lock::named(self.key, queue, status)
        } else {
            self.key
        }
    }
}

/// The queue with this key and its state, even if its creator is not trusted. Nothing is sent to it.
#[must_use]
pub fn look_up(key: Key) -> Option<(Queue, QueueStatus)> {
    Queue::find(key).ok().flatten()
}
