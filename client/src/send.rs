//! Sending a message to a command queue, and what is known of one that does not reply.

use shared::{Access, Command, Message, MessageType, Queue, Request, lock::Holder};

use crate::{Error, Target, target::look_up, waiting::Waiting};

/// A command whose reply is to have this type.
pub(crate) fn request(command: Command, reply_to: MessageType) -> Message {
    Request {
        command,
        reply_to: Some(reply_to),
    }
    .encode()
}

/// Sends a message. It was not sent if this fails.
///
/// # Errors
///
/// [`Error::NotReady`] if the queue was closed or removed meanwhile, [`Error::Full`], and those that do not pass.
pub(crate) fn send(target: &Target, queue: &Queue, message: &Message) -> Result<(), Error> {
    let key = target.key;
    match queue.try_send(message) {
        Ok(()) => Ok(()),
        Err(shared::Error::Full(_)) => match queue.status() {
            // Its controller closed it, and ends.
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
        Err(_) if target.is_replaced(queue) => Err(Error::NotReady { key }),
        Err(error) => Err(Error::of_queue(key, Access::Send, error)),
    }
}

/// The state of the command queue at the end of the time, and its controller.
pub(crate) fn waiting(target: &Target) -> Option<Waiting> {
    let (queue, status) = look_up(target.key)?;
    Some(Waiting::new(status, &target.holder(&queue, &status)))
}
