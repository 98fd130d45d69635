//! One message, one answer.

use std::{thread, time::Duration};

use shared::{
    Access, Command, Key, Message, MessageType, Oversize, Queue, Reply, Request, Select, State,
    lock::{self, Holder},
};

use crate::Error;

/// How soon to look again for a queue that went away: a controller that starts anew is back within milliseconds.
///
/// This is the one thing that is polled. Nothing announces a queue, and only who has seen one go looks for the next.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What the controller says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    /// The command took effect, and this is the state now.
    State(State),
    /// It has turned the LED off and ended.
    Ended,
}

/// Why there was no answer this time.
enum Failure {
    /// A queue is not there, or not any more: worth another look.
    Gone,
    /// This command queue is there, and the reply queue is not.
    NoReplies(Queue),
    Final(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Final(error)
    }
}

/// Sends a command, and leaves the rest to the controller.
pub(crate) fn send(key: Key, command: Command) -> Result<(), Error> {
    let sent = open(key, Access::Send).and_then(|queue| put(key, queue, &Request { command, reply_to: None }.encode()));
    sent.map_err(|failure| match failure {
        Failure::Gone | Failure::NoReplies(_) => Error::NotRunning { key },
        Failure::Final(error) => error,
    })
}

/// Sends a command and waits for the answer, however long it takes: also for a controller that starts anew meanwhile.
pub(crate) fn ask(key: Key, command: Command) -> Result<Answer, Error> {
    let mut commands = open(key, Access::Send);
    if let Err(Failure::Gone) = commands {
        return Err(Error::NotRunning { key });
    }
    let reply_to = Some(MessageType::own_pid());
    let request = Request { command, reply_to }.encode();
    let mut told = None;
    loop {
        match commands.and_then(|commands| exchange(key, commands, &request)) {
            Ok(message) => return understand(command, &message),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Gone) if command == Command::Exit => return Ok(Answer::Ended),
            // The controller does not know that somebody removed the reply queue until it has something to answer.
            Err(Failure::NoReplies(commands)) if told != Some(commands) => {
                let _ = commands.try_send(&Request { command: Command::Status, reply_to }.encode());
                told = Some(commands);
            }
            Err(Failure::Gone | Failure::NoReplies(_)) => thread::sleep(LOOK_AGAIN),
        }
        commands = open(key, Access::Send);
    }
}

fn exchange(key: Key, commands: Queue, request: &Message) -> Result<Message, Failure> {
    let reply_key = key.reply();
    let replies = open(reply_key, Access::Receive).map_err(|failure| match failure {
        Failure::Gone => Failure::NoReplies(commands),
        failure => failure,
    })?;
    let own = Select::Type(MessageType::own_pid());
    // Answers to an earlier process with our PID.
    loop {
        match replies.try_receive::<{ shared::TEXT_MAX }>(own, Oversize::Truncate) {
            Ok(_) => {}
            Err(shared::Error::Empty(_)) => break,
            Err(error) => return Err(failure(reply_key, Access::Receive, error)),
        }
    }
    put(key, commands, request)?;
    replies.receive(own, Oversize::Truncate).map_err(|error| failure(reply_key, Access::Receive, error))
}

fn understand(command: Command, message: &Message) -> Result<Answer, Error> {
    match Reply::decode(message) {
        Some(Reply::Ok(_)) if command == Command::Exit => Ok(Answer::Ended),
        Some(Reply::Ok(state)) => Ok(Answer::State(state)),
        Some(Reply::Err(reason)) => Err(Error::Refused(reason.to_owned())),
        None => Err(Error::Malformed(message.to_string())),
    }
}

fn open(key: Key, access: Access) -> Result<Queue, Failure> {
    Queue::open(key, access).map_err(|error| failure(key, access, error))
}

fn put(key: Key, queue: Queue, message: &Message) -> Result<(), Failure> {
    queue.try_send(message).map_err(|error| match (error, queue.status()) {
        (shared::Error::Full(_), Ok(status)) => Error::Full { key, status: status.into() }.into(),
        (error, _) => failure(key, Access::Send, error),
    })
}

fn failure(key: Key, access: Access, error: shared::Error) -> Failure {
    match error {
        shared::Error::NotFound(_) | shared::Error::Removed(_) => Failure::Gone,
        shared::Error::NotPermitted(source) => {
            let status = Queue::open(key, Access::Find).and_then(|queue| queue.status()).ok().map(Box::new);
            Failure::Final(Error::NotPermitted { key, access, status, source })
        }
        source => Failure::Final(Error::Queue { key, source }),
    }
}

/// Why there was no answer, when the time for it is over.
pub(crate) fn diagnose(key: Key, timeout: Duration) -> Error {
    let Ok(status) = Queue::open(key, Access::Find).and_then(|queue| queue.status()).map(Box::new) else {
        return Error::NotRunning { key };
    };
    match lock::holder(key, status.creator) {
        Holder::Process(pid) => Error::NoAnswer { key, timeout, status, pid: Some(pid) },
        Holder::Unknown => Error::NoAnswer { key, timeout, status, pid: None },
        Holder::Nobody if Queue::open(key.reply(), Access::Find).is_err() => Error::NoReplies { key },
        Holder::Nobody => Error::LeftOver { key, status },
    }
}
