//! One attempt to have a command applied: sent to the queues of one controller, and what comes of it.

use std::time::Duration;

use shared::{Access, Command, Message, MessageType, Oversize, Queue, Refusal, Reply, Request, Select, State};

use crate::{
    client::full,
    queues::{Failure, Queues, Target, failure},
    wait::Wait,
};

/// How often a reply queue is looked for before its controller is asked again.
const LOOKS: usize = 10;

/// What came of one attempt.
pub(crate) enum Attempt {
    Answered(Box<Message>),
    /// The controller ends, and said that it does not apply it: it may be sent to the next one.
    NotApplied,
    /// The queue went before it was sent.
    NotSent,
    /// The queue was full, and it was not sent.
    Full,
    /// The controller's queues went before the answer came.
    Lost,
    /// The controller goes on, and only the answer was lost: this is what the LED does.
    Unanswered(State),
    /// The time is over.
    Late,
}

/// What has become of a command.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Fate {
    /// It was not sent, or certainly not applied.
    NotSent,
    /// It may have been applied.
    Unknown,
}

/// Whether a command may be applied twice without harm.
pub(crate) fn is_same_twice(command: Command) -> bool {
    match command {
        Command::On | Command::Off | Command::Status | Command::Info => true,
        Command::Toggle | Command::Blink(_) | Command::Exit => false,
    }
}

/// Sends a command to these queues, and waits for its answer there.
pub(crate) fn attempt(
    target: &Target,
    command: Command,
    queues: Queues,
    wait: &Wait,
    fate: &mut Fate,
) -> Result<Attempt, Failure> {
    let question = MessageType::random();
    match put(target, &queues.commands, &Request { command, reply_to: Some(question) }.encode()) {
        Ok(true) => *fate = Fate::Unknown,
        Ok(false) => return Ok(Attempt::Full),
        Err(Failure::Gone) => return Ok(Attempt::NotSent),
        Err(failure) => return Err(failure),
    }
    match wait.receive(&queues.replies, question) {
        Ok(Some(message)) => Ok(answered(message)),
        Ok(None) => Ok(Attempt::Late),
        Err(shared::Error::Removed(_)) => ask_again(target, command, queues.commands, question, wait),
        Err(error) => Err(failure(target.key.reply(), Access::Receive, error)),
    }
}

/// Finds out what became of a command whose reply queue was removed: asks the same controller once more, and looks for both
/// answers on the new reply queue. The controller comes to the questions in their order.
pub(crate) fn ask_again(
    target: &Target,
    command: Command,
    commands: Queue,
    question: MessageType,
    wait: &Wait,
) -> Result<Attempt, Failure> {
    let again = if is_same_twice(command) { command } else { Command::Status };
    loop {
        let second = MessageType::random();
        match put(target, &commands, &Request { command: again, reply_to: Some(second) }.encode()) {
            Ok(true) => {}
            Ok(false) if wait.pause() => continue,
            Ok(false) => return Ok(Attempt::Late),
            Err(Failure::Gone) => return Ok(Attempt::Lost),
            Err(failure) => return Err(failure),
        }
        let Some(replies) = wait_for_replies(target, wait)? else {
            if wait.is_over() {
                return Ok(Attempt::Late);
            }
            // It may have been removed again, with the answer.
            continue;
        };
        // Else it is the next controller's, which was not asked.
        if commands.status().is_err() {
            return Ok(Attempt::Lost);
        }
        let to_second = match wait.receive(&replies, second) {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(Attempt::Late),
            Err(shared::Error::Removed(_)) => continue,
            Err(error) => return Err(failure(target.key.reply(), Access::Receive, error)),
        };
        return Ok(match replies.try_receive(Select::Type(question), Oversize::Truncate) {
            Ok(to_first) => answered(to_first),
            Err(_) if again == command => answered(to_second),
            Err(_) => match Reply::decode(&to_second) {
                Some(Reply::Ok(state)) => Attempt::Unanswered(state),
                _ => Attempt::Lost,
            },
        });
    }
}

/// The reply queue that a controller makes when it has something to answer; none if it does not appear soon.
fn wait_for_replies(target: &Target, wait: &Wait) -> Result<Option<Queue>, Failure> {
    for _ in 0..LOOKS {
        match target.open_replies() {
            Ok(None) | Err(Failure::NotReady) if wait.pause() => {}
            Err(Failure::NotReady) => break,
            opened => return opened,
        }
    }
    Ok(None)
}

fn answered(message: Message) -> Attempt {
    match Reply::decode(&message) {
        Some(Reply::Err(reason)) if reason == Refusal::Ended.to_string() => Attempt::NotApplied,
        _ => Attempt::Answered(Box::new(message)),
    }
}

/// Sends a message if there is room: `false` if there is none.
pub(crate) fn put(target: &Target, queue: &Queue, message: &Message) -> Result<bool, Failure> {
    match queue.try_send(message) {
        Ok(()) => Ok(true),
        Err(shared::Error::Full(_)) => match queue.status() {
            // It is closed as its controller ends.
            Ok(status) if status.limit == 0 => Err(Failure::Gone),
            Ok(status) if status.limit < message.text().len() as u64 => Err(full(target, Duration::ZERO).into()),
            _ => Ok(false),
        },
        Err(shared::Error::Removed(_)) => Err(Failure::Gone),
        Err(error) => Err(failure(target.key, Access::Send, error)),
    }
}
