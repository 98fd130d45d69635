//! One command, applied at most once, and one answer.

use std::{thread, time::Duration};

use shared::{
    Command, Key, Message, MessageType, Queue, Reply, Request, State, Status,
    lock::{self, Holder},
};

use crate::{
    Error,
    attempt::{Attempt, Fate, ask_again, attempt, is_same_twice, put},
    queues::{Failure, Queues, Target, look},
    wait::{LOOK_AGAIN, Wait},
};

/// How often queues are looked for that are being made.
const ATTEMPTS: usize = 10;

/// What the controller says.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The command took effect, and this is the state now; and the whole answer.
    Ok(State, Box<Message>),
    /// It has turned the LED off and ended.
    Ended,
}

/// Sends a command, and leaves the rest to the controller.
pub(crate) fn send(target: &Target, command: Command) -> Result<(), Error> {
    let message = Request { command, reply_to: None }.encode();
    for _ in 0..ATTEMPTS {
        // A textbook's controller has no reply queue. One that is there must be trusted.
        let opened = target.open_commands().and_then(|commands| target.trust_replies().map(|()| commands));
        match opened.and_then(|commands| put(target, &commands, &message)) {
            Ok(true) => return Ok(()),
            Ok(false) => return Err(full(target, Duration::ZERO)),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::NotReady) => thread::sleep(LOOK_AGAIN),
            Err(Failure::Gone | Failure::NoReplies(_)) => break,
        }
    }
    Err(match look(target.key) {
        None => Error::NotRunning { key: target.key },
        Some(_) => Error::NotReady { key: target.key },
    })
}

/// Sends a command and waits for the answer: also for that of the next controller, if this one ends without applying it.
pub(crate) fn ask(target: &Target, command: Command, timeout: Duration) -> Result<Answer, Error> {
    ask_until(target, command, timeout, &Wait::start(timeout))
}

fn ask_until(target: &Target, command: Command, timeout: Duration, wait: &Wait) -> Result<Answer, Error> {
    let mut question = Question { target, command, timeout, wait, fate: Fate::NotSent, is_ending: None };
    let (mut has_seen, mut was_full) = (false, false);
    loop {
        match target.open() {
            Ok(queues) => {
                has_seen = true;
                if let Some(outcome) = question.try_once(queues, &mut was_full) {
                    return outcome;
                }
            }
            Err(Failure::Gone) if !has_seen => return Err(Error::NotRunning { key: target.key }),
            Err(Failure::Gone) => {}
            Err(Failure::NotReady) => has_seen = true,
            Err(Failure::NoReplies(commands)) => {
                has_seen = true;
                let holder = look(target.key).map(|(queue, status)| (status, target.holder(queue, &status)));
                match holder {
                    // It makes a new reply queue when it has something to answer; another program does not.
                    Some((_, Holder::Process(_))) => {
                        let _ = ask_again(target, Command::Status, commands, MessageType::random(), wait);
                    }
                    Some((status, Holder::Nobody)) => {
                        return Err(question.failed(Error::LeftOver { key: target.key, status: status.into() }));
                    }
                    Some((_, Holder::Unknown)) => return Err(question.failed(Error::NoReplies { key: target.key })),
                    None => {}
                }
            }
            Err(Failure::Final(error)) => return Err(question.failed(error)),
        }
        if !wait.pause() {
            let error = if was_full { full(target, timeout) } else { diagnose(target.key, timeout) };
            return Err(question.failed(error));
        }
    }
}

/// A command on its way, over one controller and the next.
struct Question<'a> {
    target: &'a Target,
    command: Command,
    timeout: Duration,
    wait: &'a Wait,
    fate: Fate,
    /// The controller that has lost an exit, and gets it again.
    is_ending: Server,
}

impl Question<'_> {
    /// Sends the command to these queues; none if it is to be sent to the next ones.
    fn try_once(&mut self, queues: Queues, was_full: &mut bool) -> Option<Result<Answer, Error>> {
        let Question { target, command, timeout, wait, .. } = *self;
        let server = server(target, command, queues.commands);
        if self.is_ending.is_some() && server != self.is_ending {
            return Some(Ok(Answer::Ended));
        }
        let (before, earlier) = (queues.commands.status().ok(), self.fate);
        let attempt = match attempt(target, command, queues, wait, &mut self.fate) {
            Ok(attempt) => attempt,
            Err(Failure::Final(error)) => return Some(Err(self.failed(error))),
            Err(_) => Attempt::Late,
        };
        *was_full = matches!(attempt, Attempt::Full);
        if matches!(attempt, Attempt::Full | Attempt::NotSent | Attempt::NotApplied) {
            self.fate = earlier;
        }
        match attempt {
            Attempt::Answered(message) => Some(understand(command, message)),
            Attempt::NotApplied if command == Command::Exit => {
                while has_ended(target, server) == Some(false) && wait.pause() {}
                Some(match has_ended(target, server) {
                    Some(false) => Err(diagnose(target.key, timeout)),
                    _ => Ok(Answer::Ended),
                })
            }
            Attempt::NotApplied | Attempt::NotSent | Attempt::Full => None,
            Attempt::Lost if is_same_twice(command) => None,
            Attempt::Lost if command == Command::Exit => match has_ended(target, server) {
                Some(true) => Some(Ok(Answer::Ended)),
                // It serves on with other queues: another process removed these, and the command with them.
                Some(false) => {
                    self.is_ending = server;
                    None
                }
                None => Some(Err(unconfirmed(target, timeout, wait))),
            },
            Attempt::Lost => Some(Err(unconfirmed(target, timeout, wait))),
            Attempt::Unanswered(state) => Some(Err(Error::Unconfirmed { state: Some(state) })),
            Attempt::Late => {
                // A left-over queue from which nothing was taken since has the command still, and nobody will apply it.
                let now = queues.commands.status().ok();
                let taken = |status: &Status| (status.last_receiver, status.last_received);
                if before.zip(now).is_some_and(|(before, now)| taken(&before) == taken(&now) && now.messages > 0) {
                    self.fate = earlier;
                }
                Some(Err(self.failed(diagnose(target.key, timeout))))
            }
        }
    }

    /// Why there is no answer: never that nothing was sent or applied where that is not certain.
    fn failed(&self, error: Error) -> Error {
        let changes = !matches!(self.command, Command::Status | Command::Info);
        if changes && self.fate == Fate::Unknown && error.is_certain() {
            Error::Unconfirmed { state: None }
        } else {
            error
        }
    }
}

/// The process that is told to end, and the user who made its queue; none if it cannot be seen.
type Server = Option<(u32, u32)>;

fn server(target: &Target, command: Command, commands: Queue) -> Server {
    let status = commands.status().ok().filter(|_| command == Command::Exit)?;
    Some((target.holder(commands, &status).pid()?, status.creator))
}

/// Whether the process that was told to end serves no more; none if that cannot be seen.
fn has_ended(target: &Target, server: Server) -> Option<bool> {
    match server {
        Some((pid, owner)) => Some(lock::holder(target.key, None, owner) != Holder::Process(pid)),
        // A queue that is there may be its own, made again.
        None => look(target.key).is_none().then_some(true),
    }
}

/// A command may have been applied, and is not sent again: what does the LED do now?
fn unconfirmed(target: &Target, timeout: Duration, wait: &Wait) -> Error {
    let state = match ask_until(target, Command::Status, timeout, wait) {
        Ok(Answer::Ok(state, _)) => Some(state),
        _ => None,
    };
    Error::Unconfirmed { state }
}

fn understand(command: Command, message: Box<Message>) -> Result<Answer, Error> {
    match Reply::decode(&message) {
        Some(Reply::Ok(_)) if command == Command::Exit => Ok(Answer::Ended),
        // Not the answer to this command: a member of the group can take an answer, and have another one sent in its place.
        Some(Reply::Ok(state)) if !is_effect(command, state) => Err(Error::Unconfirmed { state: Some(state) }),
        Some(Reply::Ok(state)) => Ok(Answer::Ok(state, message)),
        Some(Reply::Err(reason)) if command == Command::Exit => Err(Error::Ended(reason.to_owned())),
        Some(Reply::Err(reason)) => Err(Error::Refused(reason.to_owned())),
        None => Err(Error::Malformed(message.to_string())),
    }
}

/// Whether a command can have this effect. One that blinks a few times may be done already.
fn is_effect(command: Command, state: State) -> bool {
    match command {
        Command::On => state == State::On,
        Command::Off => state == State::Off,
        Command::Toggle => state == State::On || state == State::Off,
        Command::Blink(asked) => match state {
            State::Blink(blink) => (blink.on(), blink.off()) == (asked.on(), asked.off()),
            State::Off => asked.count().is_some(),
            State::On => false,
        },
        Command::Status | Command::Info | Command::Exit => true,
    }
}

/// Why nothing could be sent for so long.
pub(crate) fn full(target: &Target, timeout: Duration) -> Error {
    let key = target.key;
    match look(key) {
        None => Error::NotRunning { key },
        Some((queue, status)) => match target.holder(queue, &status) {
            Holder::Nobody => Error::LeftOver { key, status: status.into() },
            holder => Error::Full { key, timeout, status: status.into(), pid: holder.pid() },
        },
    }
}

/// Why there was no answer, when the time for it is over.
pub(crate) fn diagnose(key: Key, timeout: Duration) -> Error {
    let Some((queue, status)) = look(key) else { return Error::NotRunning { key } };
    let status = Box::new(status);
    match lock::holder(key, Some(queue), status.creator) {
        Holder::Process(pid) => Error::NoAnswer { key, timeout, status, pid: Some(pid) },
        Holder::Unknown => Error::NoAnswer { key, timeout, status, pid: None },
        Holder::Nobody => Error::LeftOver { key, status },
    }
}
