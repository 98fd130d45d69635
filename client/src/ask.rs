//! One command, applied at most once, and its reply.

use std::time::Duration;

use shared::{
    Access, Command, Info, Message, MessageType, Queue, Reply, Request, State,
    lock::{Holder, Process},
};

use crate::{
    Error, Target,
    attempt::{Fate, Lost, ask_again, attempt, send, waiting},
    deadline::{Deadline, Patience},
    locate::{Located, Opened, locate},
    target::look_up,
};

/// How long a command that waits for no reply waits for queues that are closed.
const CLOSED_PATIENCE: Duration = Duration::from_millis(100);

/// What the controller replied.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The command was applied. The state now, and the whole reply.
    Applied(State, Box<Message>),
    /// The controller turned the LED off and ended.
    Ended,
}

/// Sends a command, and does not wait for a reply.
///
/// # Errors
///
/// Why it was not sent.
pub fn send_only(target: &Target, command: Command) -> Result<(), Error> {
    let key = target.key;
    let deadline = Deadline::after(CLOSED_PATIENCE);
    let message = Request {
        command,
        reply_to: None,
    }
    .encode();
    loop {
        // The server of a textbook has no reply queue. If there is one, its creator must be trusted.
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

/// Sends a command and waits for the reply. If the controller ends without applying the command, sends it to the next one.
///
/// # Errors
///
/// Why it is not known to have been applied.
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

/// What to do after an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    /// The reply, or the reason why there is none, is the result.
    Finish,
    /// Send it to the queues that exist then.
    Retry,
    /// The controller ends: wait for that.
    AwaitEnd,
    /// See whether the controller has ended. If it serves new queues, the command was removed with the old ones.
    CheckEnd,
    /// It is not sent again. Ask for the state of the LED, for the message.
    AskState,
}

/// What to do with a command after this fate: the rule that makes each command take effect at most once.
fn next_step(command: Command, fate: &Fate) -> Step {
    let is_exit = command == Command::Exit;
    match fate {
        Fate::Replied(_) => Step::Finish,
        Fate::NotApplied if is_exit => Step::AwaitEnd,
        Fate::NotApplied => Step::Retry,
        // The limit of the queue does not change by itself.
        Fate::NotSent(Error::TooSmall { .. }) => Step::Finish,
        Fate::NotSent(error) if error.is_temporary() => Step::Retry,
        Fate::NotSent(_) => Step::Finish,
        Fate::Unknown(Lost::Queues) if command.is_idempotent() => Step::Retry,
        Fate::Unknown(Lost::Queues) if is_exit => Step::CheckEnd,
        Fate::Unknown(Lost::Queues) => Step::AskState,
        Fate::Unknown(Lost::Reply(_) | Lost::Timeout | Lost::Controller(_) | Lost::Queue(_)) => {
            Step::Finish
        }
    }
}

fn ask_until(target: &Target, command: Command, deadline: &mut Deadline) -> Result<Outcome, Error> {
    let key = target.key;
    // The controller that is to end.
    let mut ending: Option<Process> = None;
    // Whether an attempt before may have been applied, which only commands that may be repeated have.
    let mut may_be_applied = false;
    let mut is_expected = deadline.includes_start;
    loop {
        let fate = match locate(target) {
            Ok(Located::Ready(queues)) => {
                if command == Command::Exit {
                    let server = server(target, &queues.commands);
                    if let Some(process) = &ending
                        && (process.has_ended()
                            || server.as_ref().is_some_and(|found| found != process))
                    {
                        return Ok(Outcome::Ended);
                    }
                    ending = ending.or(server);
                }
                attempt(target, command, queues, deadline)
            }
            Ok(Located::NoReplyQueue(commands)) => {
                let status = Command::Status;
                match ask_again(target, status, commands, MessageType::random(), deadline) {
                    Fate::Unknown(Lost::Timeout) => Fate::Unknown(Lost::Timeout),
                    _ => Fate::NotSent(Error::NotReady { key }),
                }
            }
            Ok(Located::Closed) => Fate::NotSent(Error::NotReady { key }),
            Ok(Located::Absent) if is_expected => Fate::NotSent(Error::NotRunning { key }),
            Ok(Located::Absent) => return Err(Error::NotRunning { key }),
            // The next controller removes it.
            Ok(Located::Stale(messages)) if deadline.includes_start => {
                Fate::NotSent(Error::Stale { key, messages })
            }
            Ok(Located::Stale(messages)) => {
                return Err(checked(
                    command,
                    may_be_applied,
                    Error::Stale { key, messages },
                ));
            }
            Err(error) => return Err(checked(command, may_be_applied, error)),
        };
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
        Fate::Unknown(Lost::Reply(state)) => Err(Error::Unconfirmed { state: Some(state) }),
        Fate::Unknown(Lost::Queue(error)) => Err(checked(command, true, error)),
        Fate::Unknown(Lost::Controller(messages)) => {
            let key = target.key;
            Err(checked(command, true, Error::Stale { key, messages }))
        }
        Fate::Unknown(Lost::Timeout | Lost::Queues) | Fate::NotApplied => {
            Err(no_reply(target, command, deadline))
        }
    }
}

/// Replaces an error that says that the command was not applied, if that is not certain.
fn checked(command: Command, may_be_applied: bool, error: Error) -> Error {
    if may_be_applied && command != Command::Status && error.is_not_applied() {
        Error::Unconfirmed { state: None }
    } else {
        error
    }
}

/// The error for a reply that did not come in time.
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
    let state = match ask_until(target, Command::Status, deadline) {
        Ok(Outcome::Applied(state, _)) => Some(state),
        _ => None,
    };
    Error::Unconfirmed { state }
}

/// The process that serves a queue, if it is known.
fn server(target: &Target, commands: &Queue) -> Option<Process> {
    let status = commands.status().ok()?;
    match target.holder(commands, &status) {
        Holder::Alive(process) => Some(process),
        Holder::Ended | Holder::Unknown => None,
    }
}

/// Waits for the end of a controller that drained the command to end.
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

/// Whether the process that was to end serves new queues, or has ended; none if that is not known.
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

fn outcome(command: Command, message: Box<Message>) -> Result<Outcome, Error> {
    match Reply::decode(&message) {
        Some(Reply::Ok(_)) if command == Command::Exit => Ok(Outcome::Ended),
        // Not the reply to this command: a member of the group can receive a reply, and have another one sent instead.
        Some(Reply::Ok(state)) if !is_effect(command, state) => {
            Err(Error::Unconfirmed { state: Some(state) })
        }
        Some(Reply::Ok(state)) => Ok(Outcome::Applied(state, message)),
        Some(Reply::Err(reason)) if command == Command::Exit => Err(Error::Ended {
            reason: reason.to_owned(),
        }),
        Some(Reply::Err(reason)) => Err(Error::Refused {
            reason: reason.to_owned(),
        }),
        None => Err(Error::Malformed {
            reply: message.to_string(),
        }),
    }
}

/// Whether a command can lead to this state.
fn is_effect(command: Command, state: State) -> bool {
    match command {
        Command::On => state == State::On,
        Command::Off => state == State::Off,
        Command::Toggle => state == State::On || state == State::Off,
        Command::Blink(asked) => match state {
            State::Blink(blink) => (blink.on(), blink.off()) == (asked.on(), asked.off()),
            // A few flashes can be over already.
            State::Off => asked.count().is_some(),
            State::On => false,
        },
        Command::Status | Command::Watch(_) | Command::Exit => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{Blink, Key};

    #[test]
    fn only_what_cannot_have_been_applied_or_may_be_applied_twice_is_sent_again() {
        let key = Key::DEFAULT;
        let blink = Command::Blink(
            Blink::new(Duration::from_secs(1), Duration::from_secs(1), None).unwrap(),
        );
        let fates = [
            Fate::Replied(Box::new(Message::empty(MessageType::LED))),
            Fate::NotApplied,
            Fate::NotSent(Error::NotReady { key }),
            Fate::NotSent(Error::Stale { key, messages: 1 }),
            Fate::NotSent(Error::ReplyQueue { key }),
            Fate::Unknown(Lost::Queues),
            Fate::Unknown(Lost::Reply(State::On)),
            Fate::Unknown(Lost::Timeout),
            Fate::Unknown(Lost::Controller(1)),
            Fate::Unknown(Lost::Queue(Error::NoReplies { key })),
        ];
        use Step::{AskState, AwaitEnd, CheckEnd, Finish, Retry};
        let idempotent = [
            Finish, Retry, Retry, Retry, Finish, Retry, Finish, Finish, Finish, Finish,
        ];
        let once = [
            Finish, Retry, Retry, Retry, Finish, AskState, Finish, Finish, Finish, Finish,
        ];
        let exit = [
            Finish, AwaitEnd, Retry, Retry, Finish, CheckEnd, Finish, Finish, Finish, Finish,
        ];
        for (command, steps) in [
            (Command::On, idempotent),
            (Command::Off, idempotent),
            (Command::Status, idempotent),
            (Command::Watch(None), idempotent),
            (Command::Toggle, once),
            (blink, once),
            (Command::Exit, exit),
        ] {
            for (fate, step) in fates.iter().zip(steps) {
                assert_eq!(next_step(command, fate), step, "{command} {fate:?}");
            }
        }
    }
}
