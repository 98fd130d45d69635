//! The controller that a client uses, and the users whom the client trusts.

use shared::{
    Key, Queue, QueueStatus,
    account::{is_unmapped, own_user},
    lock::{self, Holder},
};

use crate::Error;

/// The controller that a client uses: its key, and a further trusted user.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The key of its command queue.
    pub key: Key,
    /// A further trusted user, by number.
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

    /// Whether this creator of a queue is trusted: root, this user, the service's user, and `owner`.
    ///
    /// The creator matters, because it keeps the owner's rights. The number of users whom this user namespace does not map is not
    /// trusted, because it identifies nobody.
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

    /// The key, with the name that was given to the queue's controller.
    #[must_use]
    pub fn named(&self, queue: &Queue, status: &QueueStatus) -> Key {
        if self.key.name().is_none() && self.trusts(status.creator) {
            lock::named(self.key, queue, status)
        } else {
            self.key
        }
    }
}

/// The queue with this key and its state, even if its creator is not trusted. Send nothing to it.
#[must_use]
pub fn look_up(key: Key) -> Option<(Queue, QueueStatus)> {
    Queue::find(key).ok().flatten()
}
