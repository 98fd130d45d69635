//! The facts about a queue that are known without sending anything to it.

use client::{Target, look_up};
use shared::{Key, QueueStatus, lock::Holder};

/// A queue as it is now, and the process that serves it.
pub(crate) struct QueueView {
    /// The key, with the name that was given to its controller.
    pub(crate) key: Key,
    pub(crate) status: Option<QueueStatus>,
    pub(crate) holder: Holder,
}

impl QueueView {
    pub(crate) fn new(target: &Target) -> QueueView {
        let found = look_up(target.key);
        QueueView {
            key: found.map_or(target.key, |(queue, status)| target.named(&queue, &status)),
            status: found.map(|(_, status)| status),
            holder: found.map_or(Holder::Unknown, |(queue, status)| {
                target.holder(&queue, &status)
            }),
        }
    }
}
