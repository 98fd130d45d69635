//! One attempt: a command sent to one pair of queues, and what became of it.

use std::time::{Duration, SystemTime};

use shared::{
    Access, Command, Light, Message, MessageType, Oversize, Queue, QueueStatus, Reply, Select,
    lock::Holder,
};

use crate::{
    Error, Target,
    deadline::Deadline,
    locate::{Opened, Queues},
    send::{request, send},
};

/// How many times to look for a reply queue before the request is sent again.
const LOOKS: usize = 10;
/// How far the times of a queue may be behind the clock: the kernel takes them from a clock that it updates once a tick.
const CLOCK_SLACK: Duration = Duration::from_secs(1);

/// What became of a command.
#[derive(Debug)]
pub(crate) enum Fate {
    /// The controller replied with this message.
    Replied(Box<Message>),
    /// The controller replied that it ended before it came to the command.
    NotApplied,
    /// No controller can have received it. The error may be temporary.
    NotSent(Error),
    /// It may have been applied.
    Unknown(Lost),
}

/// How the reply was lost.
#[derive(Debug)]
pub(crate) enum Lost {
    /// The queues are gone.
    Queues,
    /// Only the reply is lost: the controller still runs, and the LED does this now.
    Reply(Light),
    /// The deadline has passed.
    Timeout,
    /// The controller was killed. Its queue has this number of messages.
    Controller(u64),
    /// The reply queue cannot be read.
    Unreadable(Error),
}

/// Sends a command, and waits for its reply.
pub(crate) fn attempt(
    target: &Target,
    command: Command,
    queues: Queues,
    deadline: &mut Deadline,
) -> Fate {
    let Queues { commands, replies } = queues;
    let reply_type = MessageType::random();
    let (before, sent) = (commands.status().ok(), SystemTime::now());
    if let Err(error) = send(target, &commands, &request(command, reply_type)) {
        return Fate::NotSent(error);
    }
    match deadline.receive(&replies, reply_type) {
        Ok(Some(message)) => replied(message),
        Ok(None) => timed_out(target, &commands, before, sent),
        Err(shared::Error::Removed(_)) => {
            ask_again(target, command, commands, reply_type, deadline)
        }
        Err(error) => Fate::Unknown(Lost::Unreadable(Error::of_queue(
            target.key.reply(),
            Access::Receive,
            error,
        ))),
    }
}

/// Handles a reply queue that was removed: asks the same controller again, which makes it create a new reply queue, and looks
/// there for the reply to the first request too.
pub(crate) fn ask_again(
    target: &Target,
    command: Command,
    commands: Queue,
    reply_type: MessageType,
    deadline: &mut Deadline,
) -> Fate {
    let again = if command.is_idempotent() {
        command
    } else {
        Command::Status
    };
    loop {
        let second_type = MessageType::random();
        match send(target, &commands, &request(again, second_type)) {
            Ok(()) => {}
            Err(Error::Full { .. }) if deadline.pause() => continue,
            Err(Error::Full { .. }) => return Fate::Unknown(Lost::Timeout),
            Err(_) => return Fate::Unknown(Lost::Queues),
        }
        let replies = match wait_for_replies(target, &commands, deadline) {
            Ok(Some(replies)) => replies,
            Ok(None) if deadline.is_over() => return Fate::Unknown(Lost::Timeout),
            // Another process may have removed the new queue already, with the reply.
            Ok(None) => continue,
            Err(error) => return Fate::Unknown(Lost::Unreadable(error)),
        };
        // The reply queue may belong to the next controller, which has not received the request.
        if commands.status().is_err() {
            return Fate::Unknown(Lost::Queues);
        }
        let second = match deadline.receive(&replies, second_type) {
            Ok(Some(message)) => message,
            Ok(None) => return Fate::Unknown(Lost::Timeout),
            Err(_) => continue,
        };
        let first = replies.try_receive(Select::Type(reply_type), Oversize::Truncate);
        return match first {
            first if again == command => replied_twice(first.ok(), second),
            Ok(first) => replied(first),
            Err(_) => Fate::Unknown(match Reply::decode(&second) {
                Some(Reply::Ok(light)) => Lost::Reply(light),
                _ => Lost::Queues,
            }),
        };
    }
}

/// The fate of a command that was sent twice. A reply that one of them was not applied does not apply to the other.
fn replied_twice(first: Option<Message>, second: Message) -> Fate {
    match (first.map(replied), replied(second)) {
        (Some(fate @ Fate::Replied(_)), _) | (_, fate @ Fate::Replied(_)) => fate,
        (Some(fate), _) => fate,
        (None, _) => Fate::Unknown(Lost::Queues),
    }
}

/// Waits for the reply queue. None if there is still none after the controller has received all messages, or at the deadline.
fn wait_for_replies(
    target: &Target,
    commands: &Queue,
    deadline: &Deadline,
) -> Result<Option<Queue>, Error> {
    let is_read = || commands.status().map_or(true, |now| now.messages == 0);
    for look in 0.. {
        match target.open(target.key.reply(), Access::Receive)? {
            Opened::Queue(replies) => return Ok(Some(replies)),
            _ if look >= LOOKS && is_read() => break,
            _ if deadline.pause() => {}
            _ => break,
        }
    }
    Ok(None)
}

fn replied(message: Message) -> Fate {
    match Reply::decode(&message) {
        Some(reply) if reply.is_not_applied() => Fate::NotApplied,
        _ => Fate::Replied(Box::new(message)),
    }
}

/// The fate of a command without a reply in time. It was not applied if its queue is stale and no controller can have received it:
/// the next controller discards it.
fn timed_out(
    target: &Target,
    commands: &Queue,
    before: Option<QueueStatus>,
    sent: SystemTime,
) -> Fate {
    let has_ended = commands
        .status()
        .is_ok_and(|status| target.holder(commands, &status) == Holder::Ended);
    // Read the state after the end was seen: the controller may have received the message just before its end.
    match commands.status() {
        Ok(now) if has_ended => {
            let messages = now.messages;
            if before.is_some_and(|before| is_unread(&before, &now, sent)) {
                let key = target.key;
                Fate::NotSent(Error::Stale { key, messages })
            } else {
                Fate::Unknown(Lost::Controller(messages))
            }
        }
        _ => Fate::Unknown(Lost::Timeout),
    }
}

/// Whether it is certain that no message was received from a queue since the state `before`. A message was sent at `sent`, after
/// that.
///
/// The kernel keeps the PID and the second of the last receive. If that second is not clearly before the send, unchanged values
/// prove nothing.
fn is_unread(before: &QueueStatus, now: &QueueStatus, sent: SystemTime) -> bool {
    let received = |status: &QueueStatus| (status.last_receiver, status.last_received);
    let is_older = now
        .last_received
        .is_none_or(|received| received + CLOCK_SLACK + CLOCK_SLACK <= sent);
    received(before) == received(now) && is_older && now.messages > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{Mode, Queue};

    #[test]
    fn of_a_command_that_was_sent_twice_one_that_was_not_applied_proves_nothing() {
        let message = |text: &str| Message::new(MessageType::LED, text.as_bytes()).unwrap();
        let (ok, not) = (message("OK ON"), message("ERR not applied: it ended"));
        for first in [None, Some(ok), Some(not)] {
            assert!(matches!(replied_twice(first, ok), Fate::Replied(_)));
        }
        assert!(matches!(replied_twice(Some(ok), not), Fate::Replied(_)));
        assert!(matches!(replied_twice(Some(not), not), Fate::NotApplied));
        assert!(matches!(
            replied_twice(None, not),
            Fate::Unknown(Lost::Queues)
        ));
    }

    #[test]
    fn only_a_last_receive_before_the_second_of_the_send_proves_that_a_message_waits() {
        let queue = Queue::private(Mode::new(0o600).unwrap()).unwrap();
        let blank = queue.status().unwrap();
        let second = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let state = |receiver, received, messages| QueueStatus {
            last_receiver: receiver,
            last_received: received,
            messages,
            ..blank
        };
        let before = state(Some(7), Some(second(100)), 0);
        let sent = second(105) + Duration::from_millis(500);
        for (before, now, sent, expected) in [
            (before, state(Some(7), Some(second(100)), 1), sent, true),
            (state(None, None, 0), state(None, None, 1), sent, true),
            // Something was received: by another process, later, or the message itself.
            (before, state(Some(8), Some(second(100)), 1), sent, false),
            (before, state(Some(7), Some(second(105)), 1), sent, false),
            (before, state(Some(7), Some(second(100)), 0), sent, false),
            // In the same second, at the tick of the kernel's clock, and before the clock was set back.
            (
                before,
                state(Some(7), Some(second(100)), 1),
                second(100),
                false,
            ),
            (
                before,
                state(Some(7), Some(second(100)), 1),
                second(101),
                false,
            ),
            (
                before,
                state(Some(7), Some(second(100)), 1),
                second(90),
                false,
            ),
        ] {
            assert_eq!(is_unread(&before, &now, sent), expected, "{now:?} {sent:?}");
        }
    }
}
