//! One command, applied at most once, and its reply.

use std::{thread, time::Duration};

use shared::{
    Command, Info, Key, Message, MessageType, Queue, Reply, Request, State, Status,
    lock::{self, Holder},
};

use crate::{
    Error,
    attempt::{Attempt, SendResult, ask_again, attempt, send},
    deadline::{Deadline, RETRY_INTERVAL},
    target::{Target, look_up},
};

/// How often to look for queues that are being created.
const LOOKS: usize = 10;

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
    let message = Request {
        command,
        reply_to: None,
    }
    .encode();
    for _ in 0..LOOKS {
        // The server of a textbook has no reply queue. If there is one, its creator must be trusted.
        let opened = target
            .open_commands()
            .and_then(|commands| target.find(key.reply()).map(|_| commands));
        match opened.and_then(|commands| send(target, &commands, &message)) {
            Ok(SendResult::Sent) => return Ok(()),
            Ok(SendResult::Full) => return Err(full(target, Duration::ZERO)),
            Err(Error::NotReady { .. }) => thread::sleep(RETRY_INTERVAL),
            Ok(SendResult::Gone) | Err(Error::NotRunning { .. }) => break,
            Err(error) => return Err(error),
        }
    }
    Err(if look_up(key).is_none() {
        Error::NotRunning { key }
    } else {
        Error::NotReady { key }
    })
}

/// Sends a command and waits for the reply. If the controller ends without applying the command, sends it to the next one.
///
/// # Errors
///
/// Why it is not known to have been applied.
pub fn ask(target: &Target, command: Command, timeout: Duration) -> Result<Outcome, Error> {
    ask_until(target, command, timeout, &Deadline::after(timeout))
}

/// Asks the controller for its status.
///
/// # Errors
///
/// Those of [`ask`].
pub fn status(target: &Target, timeout: Duration) -> Result<Info, Error> {
    match ask(target, Command::Status, timeout)? {
        Outcome::Applied(_, message) => Info::decode(&message).ok_or_else(|| Error::Malformed {
            reply: message.to_string(),
        }),
        Outcome::Ended => Err(Error::NotRunning { key: target.key }),
    }
}

fn ask_until(
    target: &Target,
    command: Command,
    timeout: Duration,
    deadline: &Deadline,
) -> Result<Outcome, Error> {
    let key = target.key;
    let mut pending = Pending {
        target,
        command,
        timeout,
        deadline,
        is_sent: false,
        is_full: false,
        ending: None,
    };
    let mut has_seen = false;
    loop {
        match target.open() {
            Ok((commands, Some(replies))) => {
                if let Some(outcome) = pending.try_once(commands, replies) {
                    return outcome;
                }
            }
            Ok((commands, None)) => match look_up(key)
                .map(|(queue, status)| (target.holder(queue, &status), status))
            {
                // A controller creates a new reply queue when it has a reply to send.
                Some((Holder::Process(_), _)) => {
                    let _ = ask_again(
                        target,
                        Command::Status,
                        commands,
                        MessageType::random(),
                        deadline,
                    );
                }
                Some((Holder::Ended, status)) => {
                    return Err(pending.checked(Error::Stale {
                        key,
                        messages: status.messages,
                    }));
                }
                Some((Holder::Unknown, _)) => return Err(pending.checked(Error::NoReplies { key })),
                None => {}
            },
            Err(Error::NotRunning { .. }) if !has_seen => return Err(Error::NotRunning { key }),
            Err(Error::NotRunning { .. } | Error::NotReady { .. }) => {}
            Err(error) => return Err(pending.checked(error)),
        }
        has_seen = true;
        if !deadline.pause() {
            let error = if pending.is_full {
                full(target, timeout)
            } else {
                no_reply(key, timeout)
            };
            return Err(pending.checked(error));
        }
    }
}

/// A command, while it is sent to one controller after the other.
struct Pending<'a> {
    target: &'a Target,
    command: Command,
    timeout: Duration,
    deadline: &'a Deadline,
    /// Whether it was sent, and may have been applied.
    is_sent: bool,
    /// Whether the queue was full at the last attempt.
    is_full: bool,
    /// The controller whose exit was lost, and is sent again.
    ending: Server,
}

impl Pending<'_> {
    /// Sends the command to these queues; none if it is to be sent to the next ones.
    fn try_once(&mut self, commands: Queue, replies: Queue) -> Option<Result<Outcome, Error>> {
        let &mut Pending {
            target,
            command,
            timeout,
            deadline,
            ..
        } = self;
        let server = server(target, command, commands);
        if self.ending.is_some() && server != self.ending {
            return Some(Ok(Outcome::Ended));
        }
        let (before, was_sent) = (commands.status().ok(), self.is_sent);
        let attempt = match attempt(
            target,
            command,
            (commands, replies),
            deadline,
            &mut self.is_sent,
        ) {
            Ok(attempt) => attempt,
            Err(error) => return Some(Err(self.checked(error))),
        };
        self.is_full = matches!(attempt, Attempt::Full);
        if matches!(attempt, Attempt::NotApplied) {
            self.is_sent = was_sent;
        }
        match attempt {
            Attempt::Replied(message) => Some(outcome(command, message)),
            Attempt::NotApplied if command == Command::Exit => {
                while has_ended(target, server) == Some(false) && deadline.pause() {}
                Some(match has_ended(target, server) {
                    Some(false) => Err(no_reply(target.key, timeout)),
                    _ => Ok(Outcome::Ended),
                })
            }
            Attempt::NotApplied | Attempt::Gone | Attempt::Full => None,
            Attempt::Lost if command.is_idempotent() => None,
            Attempt::Lost if command == Command::Exit => match has_ended(target, server) {
                Some(true) => Some(Ok(Outcome::Ended)),
                // It serves new queues: another process removed the old ones, and the command with them.
                Some(false) => {
                    self.ending = server;
                    None
                }
                None => Some(Err(unconfirmed(target, timeout, deadline))),
            },
            Attempt::Lost => Some(Err(unconfirmed(target, timeout, deadline))),
            Attempt::ReplyLost(state) => Some(Err(Error::Unconfirmed { state: Some(state) })),
            Attempt::TimedOut => {
                // If nothing was received from the queue meanwhile, the command is still in it.
                let now = commands.status().ok();
                let received = |status: &Status| (status.last_receiver, status.last_received);
                if before.zip(now).is_some_and(|(before, now)| {
                    received(&before) == received(&now) && now.messages > 0
                }) {
                    self.is_sent = was_sent;
                }
                Some(Err(self.checked(no_reply(target.key, timeout))))
            }
        }
    }

    /// Replaces an error that says that nothing was sent, if that is not certain.
    fn checked(&self, error: Error) -> Error {
        if self.is_sent && self.command != Command::Status && error.says_not_sent() {
            Error::Unconfirmed { state: None }
        } else {
            error
        }
    }
}

/// The process that is to end, and the creator of its queue; none if it is not known.
type Server = Option<(u32, u32)>;

fn server(target: &Target, command: Command, commands: Queue) -> Server {
    let status = commands
        .status()
        .ok()
        .filter(|_| command == Command::Exit)?;
    Some((target.holder(commands, &status).pid()?, status.creator))
}

/// Whether the process that was to end has ended; none if that is not known.
fn has_ended(target: &Target, server: Server) -> Option<bool> {
    match server {
        Some((pid, owner)) => Some(lock::holder(target.key, None, owner) != Holder::Process(pid)),
        // An existing queue can be a new one of that process.
        None => look_up(target.key).is_none().then_some(true),
    }
}

/// The error for a command that may have been applied and is not sent again, with the state of the LED.
fn unconfirmed(target: &Target, timeout: Duration, deadline: &Deadline) -> Error {
    let state = match ask_until(target, Command::Status, timeout, deadline) {
        Ok(Outcome::Applied(state, _)) => Some(state),
        _ => None,
    };
    Error::Unconfirmed { state }
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

/// The error for a queue that had no room for so long.
pub(crate) fn full(target: &Target, timeout: Duration) -> Error {
    let key = target.key;
    match look_up(key) {
        None => Error::NotRunning { key },
        Some((queue, status)) => match target.holder(queue, &status) {
            Holder::Ended => Error::Stale {
                key,
                messages: status.messages,
            },
            holder => Error::Full {
                key,
                timeout,
                status: status.into(),
                pid: holder.pid(),
            },
        },
    }
}

/// The error for a reply that did not come in time.
fn no_reply(key: Key, timeout: Duration) -> Error {
    let Some((queue, status)) = look_up(key) else {
        return Error::NotRunning { key };
    };
    match lock::holder(key, Some(queue), status.creator) {
        Holder::Ended => Error::Stale {
            key,
            messages: status.messages,
        },
        holder => Error::NoReply {
            key,
            timeout,
            status: status.into(),
            pid: holder.pid(),
        },
    }
}
