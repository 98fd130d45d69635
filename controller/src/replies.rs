//! Sends replies, and waits at the end until clients have received them.

use std::time::Duration;

use shared::{Message, MessageType, Oversize, Queue, Select, TEXT_MAX};

use crate::wait::within;

/// How long a controller that ends waits for clients to receive their replies.
pub(crate) const RECEIVE_PATIENCE: Duration = Duration::from_millis(100);

/// Sends a reply, and never sleeps. If the queue is full of replies that no client receives, the oldest are dropped.
pub(crate) fn send_reply(
    replies: &Queue,
    reply: &Message,
    mut dropped: impl FnMut(MessageType),
) -> Result<(), shared::Error> {
    loop {
        match replies.try_send(reply) {
            Err(shared::Error::Full(full)) => {
                match replies.try_receive::<TEXT_MAX>(Select::Any, Oversize::Truncate) {
                    Ok(oldest) => dropped(oldest.message_type()),
                    // Another process lowered the queue's limit below one message.
                    Err(shared::Error::Empty(_)) => return Err(shared::Error::Full(full)),
                    Err(error) => return Err(error),
                }
            }
            sent => return sent,
        }
    }
}

/// Waits until clients have received all replies, up to this time.
pub(crate) fn wait_until_received(replies: &Queue, patience: Duration) {
    within(patience, || {
        !replies.status().is_ok_and(|status| status.messages > 0)
    });
}
