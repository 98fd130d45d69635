//! Sends one command, which is applied at most once, and waits for its reply.

mod outcome;
mod step;

use std::time::Duration;

use shared::{
    Access, Command, Info, MessageType, Queue, Request,
    lock::{Holder, Process},
};

use crate::{
    Error, Target,
    attempt::{Fate, Lost, ask_again, attempt},
    deadline::{Deadline, Patience},
    locate::{Located, Opened, locate},
    send::{send, waiting},
    target::look_up,
};
pub use outcome::Outcome;
use outcome::outcome;
use step::{Step, next_step};

/// How long a command without a reply waits for closed queues to open.
const CLOSED_PATIENCE: Duration = Duration::from_millis(100);

/// Sends a command, and does not wait for a reply.
///
/// # Errors
///
/// The command was not sent; the error says why.
pub fn send_only(target: &Target, command: Command) -> Result<(), Error> {
    let key = target.key;
    let deadline = Deadline::after(CLOSED_PATIENCE);
    let message = Request {
        command,
        reply_to: None,
    }
    .encode();
    loop {
        // A textbook server has no reply queue. If there is one, its creator must be trusted.
        let sent = match target.open(key, Access::Send)? {
            Opened::Queue(commands) => target
                .find(key.reply())
                .and_then(|_| send(target, &commands, &message)),
            Opened::Closed => Err(Error::NotReady { key }),
            Opened::Absent => Err(Error::NotRunning { key }),
        };
        match sent {
            Err(Error::NotReady { .. }) if deadline.pause() => {}
            sent => return sent,
        }
    }
}

/// Sends a command and waits for the reply. If the controller ends without applying the command, sends it to the next controller.
///
/// # Errors
///
/// It is not known that the command was applied. [`Error::kind`] says whether it may have been applied.
pub fn ask(
    target: &Target,
    command: Command,
    patience: impl Into<Patience>,
) -> Result<Outcome, Error> {
    ask_until(target, command, &mut Deadline::after(patience))
}

/// Asks the controller for its [`Info`], with STATUS.
///
/// # Errors
///
/// Those of [`ask`].
pub fn ask_info(target: &Target, patience: impl Into<Patience>) -> Result<Info, Error> {
    match ask(target, Command::Status, patience)? {
        Outcome::Applied(_, message) => Info::decode(&message).ok_or_else(|| Error::Malformed {
            reply: message.to_string(),
        }),
        Outcome::Ended => Err(Error::NotRunning { key: target.key }),
    }
}

fn ask_until(target: &Target, command: Command, deadline: &mut Deadline) -> Result<Outcome, Error> {
    let key = target.key;
    // The controller that EXIT is to end.
    let mut ending: Option<Process> = None;
    // Whether an earlier attempt may have been applied. Only commands that may be repeated have one.
    let mut may_be_applied = false;
    let mut is_expected = deadline.includes_start;
    loop {
        let located = locate(target).map_err(|error| checked(command, may_be_applied, error))?;
        if let (Command::Exit, Located::Ready(queues)) = (command, &located) {
            let server = server(target, &queues.commands);
            if ending.as_ref().is_some_and(|ending| {
                ending.has_ended() || server.as_ref().is_some_and(|found| found != ending)
            }) {
                return Ok(Outcome::Ended);
            }
            ending = ending.or(server);
        }
        let fate = try_once(target, command, located, is_expected, deadline)
            .map_err(|error| checked(command, may_be_applied, error))?;
        is_expected = true;
        let step = next_step(command, &fate);
        let error = match step {
            Step::Finish => return finish(target, command, fate, may_be_applied, deadline),
            Step::AwaitEnd => return await_end(target, ending.as_ref(), deadline),
            Step::AskState => return Err(unconfirmed(target, deadline)),
            Step::CheckEnd => match serves_again(target, ending.as_ref(), deadline) {
                Some(true) => Error::NotReady { key },
                Some(false) => return Ok(Outcome::Ended),
                None => return Err(unconfirmed(target, deadline)),
            },
            Step::Retry => match fate {
                Fate::NotSent(error) => error,
                Fate::Unknown(_) => {
                    may_be_applied = true;
                    Error::NotReady { key }
                }
                _ => Error::NotReady { key },
            },
        };
        if !deadline.pause() {
            let error = match error {
                Error::Full { key, queue, .. } => Error::Full {
                    key,
                    timeout: Some(deadline.timeout),
                    queue,
                },
                error => error,
            };
            return Err(checked(command, may_be_applied, error));
        }
    }
}

/// Sends the command if a controller can receive it. Fails if there is none, and none is expected to start.
fn try_once(
    target: &Target,
    command: Command,
    located: Located,
    is_expected: bool,
    deadline: &mut Deadline,
) -> Result<Fate, Error> {
    let key = target.key;
    match located {
        Located::Ready(queues) => Ok(attempt(target, command, queues, deadline)),
        Located::NoReplyQueue(commands) => {
            let status = Command::Status;
            let fate = ask_again(target, status, commands, MessageType::random(), deadline);
            Ok(match fate {
                Fate::Unknown(Lost::Timeout) => fate,
                _ => Fate::NotSent(Error::NotReady { key }),
            })
        }
        Located::Closed => Ok(Fate::NotSent(Error::NotReady { key })),
        Located::Absent if is_expected => Ok(Fate::NotSent(Error::NotRunning { key })),
        Located::Absent => Err(Error::NotRunning { key }),
        // The next controller removes the stale queue.
        Located::Stale(messages) if deadline.includes_start => {
            Ok(Fate::NotSent(Error::Stale { key, messages }))
        }
        Located::Stale(messages) => Err(Error::Stale { key, messages }),
    }
}

/// The result of the last attempt.
fn finish(
    target: &Target,
    command: Command,
    fate: Fate,
    may_be_applied: bool,
    deadline: &Deadline,
) -> Result<Outcome, Error> {
    match fate {
        Fate::Replied(message) => outcome(command, message),
        Fate::NotSent(error) => Err(checked(command, may_be_applied, error)),
        Fate::Unknown(Lost::Reply(light)) => Err(Error::Unconfirmed { light: Some(light) }),
        Fate::Unknown(Lost::Unreadable(error)) => Err(checked(command, true, error)),
        Fate::Unknown(Lost::Controller(messages)) => {
            let key = target.key;
            Err(checked(command, true, Error::Stale { key, messages }))
        }
        Fate::Unknown(Lost::Timeout | Lost::Queues) | Fate::NotApplied => {
            Err(no_reply(target, command, deadline))
        }
    }
}

/// The error, or [`Error::Unconfirmed`] in place of one that says that the command was not applied, if that is not certain.
fn checked(command: Command, may_be_applied: bool, error: Error) -> Error {
    match error {
        error if !may_be_applied || command == Command::Status => error,
        error if error.is_not_applied() => Error::Unconfirmed { light: None },
        error @ Error::Queue { .. } => Error::NotReceived {
            cause: Box::new(error),
        },
        error => error,
    }
}

/// The error if no reply came in time.
fn no_reply(target: &Target, command: Command, deadline: &Deadline) -> Error {
    let key = target.key;
    let error = match waiting(target) {
        None => Error::NotRunning { key },
        Some(queue) => Error::NoReply {
            key,
            timeout: deadline.timeout,
            queue,
        },
    };
    checked(command, true, error)
}

/// The error for a command that may have been applied and is not sent again, with the state of the LED.
fn unconfirmed(target: &Target, deadline: &mut Deadline) -> Error {
    let light = match ask_until(target, Command::Status, deadline) {
        Ok(Outcome::Applied(light, _)) => Some(light),
        _ => None,
    };
    Error::Unconfirmed { light }
}

/// The process that serves a queue, if it is known.
fn server(target: &Target, commands: &Queue) -> Option<Process> {
    let status = commands.status().ok()?;
    match target.holder(commands, &status) {
        Holder::Alive(process) => Some(process),
        Holder::Ended | Holder::Unknown => None,
    }
}

/// Waits for the end of a controller that was already ending when it received EXIT.
fn await_end(
    target: &Target,
    ending: Option<&Process>,
    deadline: &Deadline,
) -> Result<Outcome, Error> {
    match serves_again(target, ending, deadline) {
        Some(true) => Err(no_reply(target, Command::Exit, deadline)),
        Some(false) | None => Ok(Outcome::Ended),
    }
}

/// `true` if the process that was to end serves new queues, `false` if it has ended; none if that is not known.
fn serves_again(target: &Target, ending: Option<&Process>, deadline: &Deadline) -> Option<bool> {
    loop {
        let found = look_up(target.key);
        match (ending, found) {
            (Some(process), _) if process.has_ended() => return Some(false),
            (_, None) if !deadline.pause() => return Some(false),
            (_, None) => {}
            (Some(process), Some((queue, status))) => {
                // A controller records a queue before it opens it.
                if status.is_open() {
                    return match target.holder(&queue, &status) {
                        Holder::Alive(found) => Some(found == *process),
                        Holder::Ended => Some(false),
                        Holder::Unknown => None,
                    };
                }
                if !deadline.pause() {
                    return Some(true);
                }
            }
            (None, Some(_)) => return None,
        }
    }
}
