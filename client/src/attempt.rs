//! One attempt: a command sent to one pair of queues, and what came of it.

use shared::{
    Access, Command, Message, MessageType, Oversize, Queue, Refusal, Reply, Request, Select, State,
    lock::Holder,
};

use crate::{Error, deadline::Deadline, target::Target};

/// How often to look for a reply queue before asking its controller again.
const LOOKS: usize = 10;

/// What came of an attempt.
pub(crate) enum Attempt {
    Replied(Box<Message>),
    /// The controller replied that it ends without applying the command.
    NotApplied,
    /// The queue was removed or closed before the command was sent.
    Gone,
    /// The queue was full, and the command was not sent.
    Full,
    /// The queues were removed before the reply came.
    Lost,
    /// The controller still runs, but the reply was lost. This is the state of the LED now.
    ReplyLost(State),
    TimedOut,
}

/// What became of one message. It was not sent if it is not `Sent`.
pub(crate) enum SendResult {
    Sent,
    Full,
    Gone,
}

/// Sends a command, and waits for its reply. Sets `is_sent` as soon as it may be applied.
pub(crate) fn attempt(
    target: &Target,
    command: Command,
    (commands, replies): (Queue, Queue),
    deadline: &Deadline,
    is_sent: &mut bool,
) -> Result<Attempt, Error> {
    let reply_type = MessageType::random();
    match send(
        target,
        &commands,
        &Request {
            command,
            reply_to: Some(reply_type),
        }
        .encode(),
    )? {
        SendResult::Sent => *is_sent = true,
        SendResult::Full => return Ok(Attempt::Full),
        SendResult::Gone => return Ok(Attempt::Gone),
    }
    match deadline.receive(&replies, reply_type) {
        Ok(Some(message)) => Ok(replied(message)),
        Ok(None) => Ok(Attempt::TimedOut),
        Err(shared::Error::Removed(_)) => {
            ask_again(target, command, commands, reply_type, deadline)
        }
        Err(error) => Err(Error::of_queue(target.key.reply(), Access::Receive, error)),
    }
}

/// Finds out what became of a command whose reply queue was removed. Asks the controller again, and looks for both replies on the
/// new reply queue; the controller handles the requests in their order.
pub(crate) fn ask_again(
    target: &Target,
    command: Command,
    commands: Queue,
    reply_type: MessageType,
    deadline: &Deadline,
) -> Result<Attempt, Error> {
    let again = if command.is_idempotent() {
        command
    } else {
        Command::Status
    };
    loop {
        let second_type = MessageType::random();
        match send(
            target,
            &commands,
            &Request {
                command: again,
                reply_to: Some(second_type),
            }
            .encode(),
        )? {
            SendResult::Sent => {}
            SendResult::Full if deadline.pause() => continue,
            SendResult::Full => return Ok(Attempt::TimedOut),
            SendResult::Gone => return Ok(Attempt::Lost),
        }
        let Some(replies) = wait_for_replies(target, deadline)? else {
            if deadline.is_over() {
                return Ok(Attempt::TimedOut);
            }
            // The new one may be removed already, with the reply.
            continue;
        };
        // The reply queue may be that of the next controller, which has not received the request.
        if commands.status().is_err() {
            return Ok(Attempt::Lost);
        }
        let second = match deadline.receive(&replies, second_type) {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(Attempt::TimedOut),
            Err(shared::Error::Removed(_)) => continue,
            Err(error) => return Err(Error::of_queue(target.key.reply(), Access::Receive, error)),
        };
        return Ok(
            match replies.try_receive(Select::Type(reply_type), Oversize::Truncate) {
                Ok(first) => replied(first),
                Err(_) if again == command => replied(second),
                Err(_) => match Reply::decode(&second) {
                    Some(Reply::Ok(state)) => Attempt::ReplyLost(state),
                    _ => Attempt::Lost,
                },
            },
        );
    }
}

/// The reply queue that a controller creates when it has a reply to send; none if it does not appear soon.
fn wait_for_replies(target: &Target, deadline: &Deadline) -> Result<Option<Queue>, Error> {
    for _ in 0..LOOKS {
        match target.open_replies() {
            Ok(None) | Err(Error::NotReady { .. }) if deadline.pause() => {}
            Err(Error::NotReady { .. }) => break,
            opened => return opened,
        }
    }
    Ok(None)
}

fn replied(message: Message) -> Attempt {
    match Reply::decode(&message) {
        Some(Reply::Err(reason)) if reason == Refusal::Ended.to_string() => Attempt::NotApplied,
        _ => Attempt::Replied(Box::new(message)),
    }
}

/// Sends a message if there is room for it.
pub(crate) fn send(target: &Target, queue: &Queue, message: &Message) -> Result<SendResult, Error> {
    match queue.try_send(message) {
        Ok(()) => Ok(SendResult::Sent),
        Err(shared::Error::Full(_)) => match queue.status() {
            // Its controller closed it, and ends.
            Ok(status) if status.limit == 0 => Ok(SendResult::Gone),
            Ok(status) if status.limit < message.text().len() as u64 => {
                Err(match target.holder(*queue, &status) {
                    Holder::Ended => Error::Stale {
                        key: target.key,
                        messages: status.messages,
                    },
                    _ => Error::TooSmall {
                        key: target.key,
                        limit: status.limit,
                    },
                })
            }
            _ => Ok(SendResult::Full),
        },
        Err(shared::Error::Removed(_)) => Ok(SendResult::Gone),
        Err(error) => Err(Error::of_queue(target.key, Access::Send, error)),
    }
}
