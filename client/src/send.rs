//! Sends a message to a command queue, and finds out what is known of a controller that does not reply.

use shared::{Access, Command, Message, MessageType, Queue, Request, lock::Holder};

use crate::{Error, Target, target::look_up, waiting::Waiting};

/// The request for a command whose reply is to have this type.
pub(crate) fn request(command: Command, reply_to: MessageType) -> Message {
    Request {
        command,
        reply_to: Some(reply_to),
    }
    .encode()
}

/// Sends a message without waiting. After an error it was not sent.
///
/// # Errors
///
/// [`Error::NotReady`] if the queue was closed or removed meanwhile, [`Error::Full`], and errors that do not pass.
pub(crate) fn send(target: &Target, queue: &Queue, message: &Message) -> Result<(), Error> {
    let key = target.key;
    match queue.try_send(message) {
        Ok(()) => Ok(()),
        Err(shared::Error::Full(_)) => match queue.status() {
            // Its controller has closed it and is ending.
            Ok(status) if status.limit == 0 => Err(Error::NotReady { key }),
            Ok(status) => Err(match target.holder(queue, &status) {
                Holder::Ended => Error::Stale {
                    key,
                    messages: status.messages,
                },
                _ if status.limit < message.text().len() as u64 => Error::TooSmall {
                    key,
                    limit: status.limit,
                },
                holder => Error::Full {
                    key,
                    timeout: None,
                    queue: Waiting::new(status, &holder),
                },
            }),
            Err(_) => Err(Error::NotReady { key }),
        },
        Err(shared::Error::Removed(_)) => Err(Error::NotReady { key }),
        Err(_) if target.is_gone_or_closed(queue) => Err(Error::NotReady { key }),
        Err(error) => Err(Error::of_queue(key, Access::Send, error)),
    }
}

/// What waits in the command queue now, and its controller. None if there is no queue.
pub(crate) fn waiting(target: &Target) -> Option<Waiting> {
    let (queue, status) = look_up(target.key)?;
    Some(Waiting::new(status, &target.holder(&queue, &status)))
}
