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
        let Some((queue, status)) = look_up(target.key) else {
            return QueueView {
                key: target.key,
                status: None,
                holder: Holder::Unknown,
            };
        };
        QueueView {
            key: target.named(&queue, &status),
            status: Some(status),
            holder: target.holder(&queue, &status),
        }
    }

    /// Whether it is the command queue of a controller: its reply queue is there, or its controller lives. The queue of another
    /// program has neither.
    pub(crate) fn is_of_controller(&self) -> bool {
        let is_of_replies = |status: QueueStatus| status.permissions.mode.is_of_replies();
        let has_replies = || {
            let replies = look_up(self.key.reply());
            replies.is_some_and(|(_, status)| is_of_replies(status))
        };
        self.status.is_some_and(|status| !is_of_replies(status))
            && (matches!(self.holder, Holder::Alive(_)) || has_replies())
    }
}
