//! The WATCH requests of a client that follows the state.

use std::{
    os::fd::AsFd,
    time::{Duration, Instant},
};

use shared::{
    Command, Info, Known, Message, MessageType, Queue, Reply,
    lock::{Holder, Process},
};

use super::{Event, Follower};
use crate::{
    Error,
    locate::Queues,
    receiver::Receiver,
    send::{request, send},
    wakeup::Wakeup,
};

/// The interval at which the known state is confirmed. A stopped controller neither replies nor ends, so that only a missing reply
/// shows it.
const CONFIRM_INTERVAL: Duration = Duration::from_secs(60);

/// How long a follower that gives up waits for its last reply.
const LEAVE_PATIENCE: Duration = Duration::from_millis(20);

/// A WATCH request that was sent and has no reply yet.
pub(super) struct Question {
    pub(super) queues: Queues,
    /// All requests to a pair of queues have the same reply type, so that the controller counts them as one watcher.
    pub(super) reply_type: MessageType,
    /// The state in the request. None for a request to which the controller replies at once.
    pub(super) known: Option<Known>,
    pub(super) sent: Instant,
    /// The controller, if it is known.
    pub(super) server: Option<Process>,
}

impl Follower<'_> {
    /// When a request without a reply is looked into. One with a state has its reply only when the state changes.
    pub(super) fn overdue(&self, question: &Question) -> Instant {
        let patience = match question.known {
            None if !self.has_reported_error() => self.timeout,
            _ => CONFIRM_INTERVAL,
        };
        question.sent + patience
    }

    fn has_reported_error(&self) -> bool {
        matches!(self.last, Some(Err(_)))
    }

    /// Confirms the state, or reports that there is no reply, or goes on waiting.
    pub(super) fn without_reply(&mut self, question: Question) -> Result<Option<Event>, Error> {
        let is_reported = self.has_reported_error();
        // The reply is lost, or another process received the request.
        let is_lost = || has_read(&question.queues.commands);
        if question.known.is_some() || (is_reported && is_lost()) {
            return self.confirm(question);
        }
        if is_reported {
            let sent = Instant::now();
            self.question = Some(Question { sent, ..question });
            return Ok(None);
        }
        let event = self.no_reply();
        self.question = Some(question);
        Ok(event)
    }

    /// Sends a WATCH with the known state, or without one to get a reply at once.
    pub(super) fn send(
        &mut self,
        queues: Queues,
        reply_type: MessageType,
        known: Option<Known>,
    ) -> Result<Question, Error> {
        let key = self.target.key;
        let (holder, messages) = match queues.commands.status() {
            Ok(status) => (
                self.target.holder(&queues.commands, &status),
                status.messages,
            ),
            Err(_) => return Err(Error::NotReady { key }),
        };
        let server = match holder {
            Holder::Alive(process) => Some(process),
            Holder::Ended => return Err(Error::Stale { key, messages }),
            Holder::Unknown => None,
        };
        let request = request(Command::Watch(known), reply_type);
        send(self.target, &queues.commands, &request)?;
        if self.receiver.is_none() {
            self.receiver = Receiver::start().ok();
        }
        if let Some(receiver) = &self.receiver {
            receiver.request(queues.replies, reply_type);
        }
        Ok(Question {
            queues,
            reply_type,
            known,
            sent: Instant::now(),
            server,
        })
    }

    /// Sends a STATUS that requests a reply, which makes the controller create its reply queue again.
    pub(super) fn send_without_reply_queue(&mut self, commands: Queue) -> Result<Question, Error> {
        let key = self.target.key;
        // Once for each command queue. Again if the request was received: the new reply queue may have been removed before this
        // client saw it.
        if self.poked != Some(commands) || has_read(&commands) {
            let poke = request(Command::Status, MessageType::random());
            send(self.target, &commands, &poke)?;
            self.poked = Some(commands);
        }
        Err(Error::NotReady { key })
    }

    /// Asks for the state, to confirm what is known. The controller drops the pending WATCH, which has the same reply type.
    pub(super) fn confirm(&mut self, question: Question) -> Result<Option<Event>, Error> {
        let Question {
            queues, reply_type, ..
        } = question;
        let request = request(Command::Watch(None), reply_type);
        match send(self.target, &queues.commands, &request) {
            Ok(()) => {
                self.question = Some(Question {
                    known: None,
                    sent: Instant::now(),
                    ..question
                });
                Ok(None)
            }
            Err(error @ Error::Full { .. }) => {
                self.question = Some(Question {
                    sent: Instant::now(),
                    ..question
                });
                Ok(self.no_state(error))
            }
            // The thread still waits for a reply from these queues.
            Err(error) => {
                self.receiver = None;
                match error {
                    Error::NotReady { .. } => Ok(None),
                    error if error.is_temporary() => Ok(self.no_state(error)),
                    error => Err(error),
                }
            }
        }
    }

    /// Makes the controller remove this watcher, and receives its reply.
    pub(super) fn leave(&mut self, question: &Question) -> Event {
        if question.known.is_some() {
            let request = request(Command::Watch(None), question.reply_type);
            let _ = send(self.target, &question.queues.commands, &request);
        }
        let pipe = self.receiver.as_ref().map(Receiver::pipe);
        let server = question.server.as_ref().map(AsFd::as_fd);
        let woken = self.wakeups.wait(pipe, server, Some(LEAVE_PATIENCE));
        let reply = self.receiver.take().filter(|_| woken == Wakeup::Pipe);
        match reply.and_then(|mut receiver| receiver.take()) {
            Some(Ok(message)) => match info(&message) {
                Ok(Some(info)) if self.last != Some(Ok(known(&info))) => {
                    self.last = Some(Ok(known(&info)));
                    Event::State(info)
                }
                _ => Event::TimedOut,
            },
            _ => Event::TimedOut,
        }
    }
}

/// The reply to a WATCH; none if the controller has ended.
pub(super) fn info(message: &Message) -> Result<Option<Info>, Error> {
    match (Info::decode(message), Reply::decode(message)) {
        (Some(info), _) => Ok(Some(info)),
        (None, Some(reply)) if reply.is_not_applied() => Ok(None),
        (None, Some(Reply::Err(reason))) => Err(Error::refused(Command::Watch(None), reason)),
        _ => Err(Error::Malformed {
            reply: message.to_string(),
        }),
    }
}

/// What a client knows after this reply. A controller that does not report its levels is too old for a brightness in WATCH.
pub(super) fn known(info: &Info) -> Known {
    match info.levels {
        Some(_) => info.light().into(),
        None => info.state.into(),
    }
}

/// Whether the controller has received all messages.
pub(super) fn has_read(commands: &Queue) -> bool {
    commands.status().is_ok_and(|status| status.messages == 0)
}
