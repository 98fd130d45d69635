//! What is known of a queue without sending anything to it.

use client::{Target, look_up};
use shared::{
    Key, Status,
    account::own_user,
    lock::{self, Holder},
};

/// A queue as it is now, and the process that serves it.
pub(crate) struct QueueView {
    pub(crate) key: Key,
    pub(crate) status: Option<Status>,
    pub(crate) holder: Holder,
}

impl QueueView {
    pub(crate) fn new(target: &Target) -> QueueView {
        let key = target.key;
        let (queue, status) = look_up(key).unzip();
        let owner = status.map_or_else(own_user, |status| status.creator);
        // Records of untrusted users are ignored too.
        let holder = if target.trusts(owner) {
            lock::holder(key, queue, owner)
        } else {
            Holder::Unknown
        };
        QueueView {
            key,
            status,
            holder,
        }
    }
}
