//! One message, one answer.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use shared::{
    Access, Command, Key, Message, MessageType, Oversize, Queue, Reply, Request, Select, State, Status, TEXT_MAX,
    lock::{self, Holder},
};

use crate::Error;

/// How soon to look again for a queue that went away: a controller that starts anew is back within milliseconds.
///
/// This is the one thing that is polled. Nothing announces a queue, and only who has seen one go looks for the next.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What the controller says.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The command took effect, and this is the state now; and the whole answer.
    Ok(State, Box<Message>),
    /// It has turned the LED off and ended.
    Ended,
}

/// Why there was no answer this time.
pub(crate) enum Failure {
    /// A queue is not there, or not any more: worth another look.
    Gone,
    Final(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Final(error)
    }
}

/// Sends a command, and leaves the rest to the controller.
pub(crate) fn send(key: Key, command: Command) -> Result<(), Error> {
    let sent = open(key, Access::Send).and_then(|queue| {
        if Queue::open(key.reply(), Access::Find).is_err() {
            refuse_reply_key(key)?;
        }
        put(key, queue, &Request { command, reply_to: None }.encode())
    });
    sent.map_err(|failure| match failure {
        Failure::Gone => Error::NotRunning { key },
        Failure::Final(error) => error,
    })
}

/// Sends a command and waits for the answer: also for a controller that starts anew meanwhile.
///
/// There is no msgrcv(2) with a timeout. So a thread waits, and sleeps on in it when the time is over, until this process
/// ends: ask but once. `IPC_NOWAIT` in a loop would poll, and an alarm signal is missed if it comes just before the call.
pub(crate) fn ask(key: Key, command: Command, timeout: Duration) -> Result<Answer, Error> {
    let (answered, answer) = mpsc::sync_channel(1);
    let asker = thread::Builder::new().spawn(move || answered.send(wait_for(key, command, Duration::MAX)));
    asker.map_err(|source| Error::Os { what: "cannot start a thread", source })?;
    answer.recv_timeout(timeout).unwrap_or_else(|_| Err(diagnose(key, timeout)))
}

/// Sends a command and waits for the answer, however long the controller takes; if it goes, for another one as long as there
/// is patience.
pub(crate) fn wait_for(key: Key, command: Command, patience: Duration) -> Result<Answer, Error> {
    let start = Instant::now();
    let mut commands = match open(key, Access::Send) {
        Err(Failure::Gone) => return Err(Error::NotRunning { key }),
        Err(Failure::Final(error)) => return Err(error),
        Ok(queue) => Ok(queue),
    };
    let creator = match (command, &commands) {
        (Command::Exit, Ok(commands)) => commands.status().map(|status| status.creator).ok(),
        _ => None,
    };
    // What changes nothing is asked again as it is.
    let again = if command == Command::Info { command } else { Command::Status };
    let mut question = Question { key, request: question(command), status: question(again), asked: None, roused: None };
    let mut has_gone = false;
    loop {
        match commands.and_then(|commands| question.put_to(commands)) {
            Ok(message) => return understand(command, &message),
            // A queue that is being made anew is its owner's alone for an instant.
            Err(Failure::Final(Error::NotPermitted { .. })) if has_gone && start.elapsed() < patience => {
                thread::sleep(LOOK_AGAIN);
            }
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Gone) if command == Command::Exit && has_ended(key, creator) => return Ok(Answer::Ended),
            Err(Failure::Gone) if start.elapsed() >= patience => return Err(Error::NotRunning { key }),
            Err(Failure::Gone) => thread::sleep(LOOK_AGAIN),
        }
        has_gone = true;
        commands = open(key, Access::Send);
    }
}

/// Asks again for an answer that [`wait_for`] waits for in another thread, and that was lost. It matters to nobody if this
/// fails.
pub(crate) fn remind(key: Key, command: Command) {
    let _ = open(key, Access::Send).and_then(|queue| put(key, queue, &question(command)));
}

/// A command whose answer is for this process.
fn question(command: Command) -> Message {
    Request { command, reply_to: Some(MessageType::own_pid()) }.encode()
}

/// What is asked, and how far that has come.
struct Question {
    key: Key,
    request: Message,
    status: Message,
    /// The command queue that has had the request: it is not sent there again.
    asked: Option<Queue>,
    /// The command queue whose controller has had something to answer, and so learns that its reply queue is gone.
    roused: Option<Queue>,
}

impl Question {
    /// Asks, and waits for the answer. Where the request has been sent already, and only the reply queue has gone since, the
    /// state is asked for: it is the answer to a request that was applied before.
    fn put_to(&mut self, commands: Queue) -> Result<Message, Failure> {
        let reply_key = self.key.reply();
        let replies = match open(reply_key, Access::Receive) {
            Err(Failure::Gone) if self.roused != Some(commands) => {
                refuse_reply_key(self.key)?;
                put(self.key, commands, &self.status)?;
                self.roused = Some(commands);
                return Err(Failure::Gone);
            }
            opened => opened?,
        };
        let own = Select::Type(MessageType::own_pid());
        // Answers to an earlier process with our PID.
        loop {
            match replies.try_receive::<TEXT_MAX>(own, Oversize::Truncate) {
                Ok(_) => {}
                Err(shared::Error::Empty(_)) => break,
                Err(error) => return Err(failure(reply_key, Access::Receive, error)),
            }
        }
        put(self.key, commands, if self.asked == Some(commands) { &self.status } else { &self.request })?;
        (self.asked, self.roused) = (Some(commands), Some(commands));
        replies.receive(own, Oversize::Truncate).map_err(|error| failure(reply_key, Access::Receive, error))
    }
}

/// Whether nobody serves the key: a queue that went may have been removed by somebody else, and be made anew.
fn has_ended(key: Key, creator: Option<u32>) -> bool {
    let is_gone = |key| matches!(open(key, Access::Find), Err(Failure::Gone));
    let is_served = || creator.is_some_and(|creator| lock::holder(key, creator).pid().is_some());
    is_gone(key) && is_gone(key.reply()) && !is_served()
}

fn understand(command: Command, message: &Message) -> Result<Answer, Error> {
    match Reply::decode(message) {
        Some(Reply::Ok(_)) if command == Command::Exit => Ok(Answer::Ended),
        Some(Reply::Ok(state)) => Ok(Answer::Ok(state, Box::new(*message))),
        Some(Reply::Err(reason)) if command == Command::Exit => Err(Error::Ended(reason.to_owned())),
        Some(Reply::Err(reason)) => Err(Error::Refused(reason.to_owned())),
        None => Err(Error::Malformed(message.to_string())),
    }
}

pub(crate) fn open(key: Key, access: Access) -> Result<Queue, Failure> {
    let opened = Queue::open(key, access).or_else(|error| match error {
        // A queue that is being made is its owner's alone for an instant.
        shared::Error::NotPermitted(_) => {
            thread::sleep(LOOK_AGAIN);
            Queue::open(key, access)
        }
        error => Err(error),
    });
    opened.map_err(|error| failure(key, access, error))
}

/// Refuses the key of a controller's reply queue.
fn refuse_reply_key(key: Key) -> Result<(), Failure> {
    let server = |key| {
        let creator = look(key)?.creator;
        lock::holder(key, creator).pid().map(|pid| (creator, pid))
    };
    match Key::new(key.get() - 1) {
        Some(commands) if server(key).is_some_and(|here| server(commands) == Some(here)) => {
            Err(Error::ReplyQueue { key, commands }.into())
        }
        _ => Ok(()),
    }
}

/// How the queue is, without a word to who serves it; none if there is none.
pub(crate) fn look(key: Key) -> Option<Status> {
    Queue::open(key, Access::Find).and_then(|queue| queue.status()).ok()
}

fn put(key: Key, queue: Queue, message: &Message) -> Result<(), Failure> {
    queue.try_send(message).map_err(|error| match error {
        shared::Error::Full(_) => match queue.status() {
            Ok(status) => {
                let pid = lock::holder(key, status.creator).pid();
                Error::Full { key, status: status.into(), pid }.into()
            }
            Err(error) => failure(key, Access::Send, error),
        },
        error => failure(key, Access::Send, error),
    })
}

fn failure(key: Key, access: Access, error: shared::Error) -> Failure {
    match error {
        shared::Error::NotFound(_) | shared::Error::Removed(_) => Failure::Gone,
        shared::Error::NotPermitted(source) => {
            if access == Access::Send
                && let Err(failure) = refuse_reply_key(key)
            {
                return failure;
            }
            let status = look(key).map(Box::new);
            Failure::Final(Error::NotPermitted { key, access, status, source })
        }
        source => Failure::Final(Error::Queue { key, source }),
    }
}

/// Why there was no answer, when the time for it is over.
pub(crate) fn diagnose(key: Key, timeout: Duration) -> Error {
    let Some(status) = look(key).map(Box::new) else {
        return Error::NotRunning { key };
    };
    match lock::holder(key, status.creator) {
        Holder::Process(pid) => Error::NoAnswer { key, timeout, status, pid: Some(pid) },
        Holder::Unknown => Error::NoAnswer { key, timeout, status, pid: None },
        Holder::Nobody if Queue::open(key.reply(), Access::Find).is_err() => Error::NoReplies { key },
        Holder::Nobody => Error::LeftOver { key, status },
    }
}
