//! Following the state of the LED: each change when it happens, over controllers that come and go.

mod question;

use std::{
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use shared::{Info, Known, Message, MessageType, Oversize, Queue, Select};

use crate::{
    Error, Kind, Target,
    deadline::RETRY_INTERVAL,
    locate::{Located, locate},
    receiver::Receiver,
    send::waiting,
    wakeup::{LOOK_INTERVAL, Wakeup, Wakeups},
};
use question::{Question, info, known};

/// What a follower reports.
pub enum Event {
    /// The state has changed.
    State(Info),
    /// There is no state, for this reason.
    NoState(Error),
    /// The reader of `output` has closed it.
    ReaderGone,
    /// The deadline has passed.
    TimedOut,
}

/// Follows the state of an LED.
///
/// A thread of its own sleeps in msgrcv(2), while the calling thread sleeps in poll(2). A controller never has more than one
/// request of a follower without a reply.
pub struct Follower<'a> {
    target: &'a Target,
    /// How long the controller may take to reply.
    timeout: Duration,
    wakeups: Wakeups<'a>,
    /// The last event: what is known of the LED, or the kind of an error.
    last: Option<Result<Known, Kind>>,
    has_seen: bool,
    /// When the queues were first found closed.
    closed_since: Option<Instant>,
    /// The command queue to which a request was sent so that its controller creates a reply queue.
    poked: Option<Queue>,
    question: Option<Question>,
    /// Receives the replies; none if no thread can be started.
    receiver: Option<Receiver>,
}

impl<'a> Follower<'a> {
    /// A follower of the controller `target`. `timeout` is how long the controller may take to reply. If `output` is a pipe or
    /// socket, [`Event::ReaderGone`] reports that its reader has closed it.
    #[must_use]
    pub fn new(
        target: &'a Target,
        timeout: Duration,
        output: Option<BorrowedFd<'a>>,
    ) -> Follower<'a> {
        Follower {
            target,
            timeout,
            wakeups: Wakeups::new(target.key, output),
            last: None,
            has_seen: false,
            closed_since: None,
            poked: None,
            question: None,
            receiver: None,
        }
    }

    /// Waits for the next event, until the deadline if there is one.
    ///
    /// # Errors
    ///
    /// Errors that do not pass when a controller starts.
    pub fn next(&mut self, deadline: Option<Instant>) -> Result<Event, Error> {
        loop {
            let event = match self.question.take() {
                None if self.last.is_some() && is_over(deadline) => return Ok(Event::TimedOut),
                Some(question) => self.wait(question, deadline)?,
                None => self.ask(deadline)?,
            };
            if let Some(event) = event {
                return Ok(event);
            }
        }
    }

    /// Sends a request, or waits for a controller to which one can be sent.
    fn ask(&mut self, deadline: Option<Instant>) -> Result<Option<Event>, Error> {
        let key = self.target.key;
        // Watch first and look at the queues then, so that no event in between is missed.
        self.wakeups.look_in_directories(self.target);
        let known = self.last.and_then(Result::ok);
        let asked = match locate(self.target) {
            Ok(Located::Ready(queues)) => self.send(queues, MessageType::random(), known),
            Ok(Located::NoReplyQueue(commands)) => self.send_without_reply_queue(commands),
            Ok(Located::Closed) => Err(Error::NotReady { key }),
            Ok(Located::Absent) => Err(Error::NotRunning { key }),
            Ok(Located::Stale(messages)) => Err(Error::Stale { key, messages }),
            Err(error) => Err(error),
        };
        let error = match asked {
            Ok(question) => {
                self.question = Some(question);
                self.closed_since = None;
                // The next reply queue may be removed too, and needs a request of its own.
                self.poked = None;
                return Ok(None);
            }
            Err(error) => error,
        };
        // The service takes its key back from another user when it starts.
        let is_reclaimed = self.has_seen && matches!(error, Error::Untrusted { .. });
        if !(is_reclaimed || error.is_temporary()) {
            return Err(error);
        }
        if !matches!(error, Error::NotReady { .. }) {
            self.closed_since = None;
        } else {
            // The controller is starting or ending, and commands wait for it too. A queue that stays closed has no controller.
            let closed = *self.closed_since.get_or_insert_with(Instant::now);
            if closed.elapsed() < self.timeout {
                return Ok(self.pause(RETRY_INTERVAL, deadline));
            }
        }
        let event = self.no_state(error);
        Ok(event.or_else(|| self.pause(LOOK_INTERVAL, deadline)))
    }

    /// Waits until a controller may have started.
    fn pause(&mut self, pause: Duration, deadline: Option<Instant>) -> Option<Event> {
        if is_over(deadline) {
            return Some(Event::TimedOut);
        }
        match self
            .wakeups
            .wait(None, None, earlier(Some(pause), deadline))
        {
            Wakeup::ReaderGone => Some(Event::ReaderGone),
            Wakeup::Started => {
                // A controller that has started opens its queues soon.
                self.closed_since = None;
                None
            }
            _ => None,
        }
    }

    /// The event for an error, unless the last event was an error of the same kind. A queue that others fill and the controller
    /// reads changes nothing of what is known.
    fn no_state(&mut self, error: Error) -> Option<Event> {
        let is_read = matches!(&error, Error::Full { queue, .. } if queue.is_read());
        if is_read && self.last.is_some() {
            return None;
        }
        let kind = error.kind();
        if self.last == Some(Err(kind)) {
            return None;
        }
        self.last = Some(Err(kind));
        Some(Event::NoState(error))
    }

    /// Waits for the reply to a request, for the end of the controller, or for the next confirmation. The request stays pending
    /// until it has a reply or its queues are gone.
    fn wait(
        &mut self,
        question: Question,
        deadline: Option<Instant>,
    ) -> Result<Option<Event>, Error> {
        if is_over(deadline) {
            return Ok(Some(match self.leave(&question) {
                // A request without a state is overdue too.
                Event::TimedOut if question.known.is_none() => {
                    self.no_reply().unwrap_or(Event::TimedOut)
                }
                event => event,
            }));
        }
        let overdue = self.overdue(&question);
        let look = match self.receiver {
            Some(_) => overdue,
            None => overdue.min(Instant::now() + LOOK_INTERVAL),
        };
        let timeout = look.saturating_duration_since(Instant::now());
        let pipe = self.receiver.as_ref().map(Receiver::pipe);
        let server = question.server.as_ref().map(AsFd::as_fd);
        match self
            .wakeups
            .wait(pipe, server, earlier(Some(timeout), deadline))
        {
            Wakeup::ReaderGone => return Ok(Some(Event::ReaderGone)),
            Wakeup::Pipe => {
                return match self.receiver.as_mut().and_then(Receiver::take) {
                    Some(Ok(message)) => self.replied(question, &message, deadline),
                    // Another process, or the controller at its end, removed the queues.
                    _ => Ok(None),
                };
            }
            Wakeup::Ended => {
                self.receiver = None;
                return Ok(None);
            }
            // Another controller may serve the key now: then these queues are gone.
            Wakeup::Started | Wakeup::Timeout => {}
        }
        if self.receiver.is_none() {
            let select = Select::Type(question.reply_type);
            match question
                .queues
                .replies
                .try_receive(select, Oversize::Truncate)
            {
                Ok(message) => return self.replied(question, &message, deadline),
                Err(shared::Error::Empty(_)) => {}
                Err(_) => return Ok(None),
            }
        }
        if Instant::now() >= overdue {
            return self.without_reply(question);
        }
        self.question = Some(question);
        Ok(None)
    }

    fn replied(
        &mut self,
        question: Question,
        message: &Message,
        deadline: Option<Instant>,
    ) -> Result<Option<Event>, Error> {
        let Some(info) = info(message)? else {
            return Ok(None);
        };
        let was_known = self.last.and_then(Result::ok);
        let is_known = was_known.is_some_and(|known| known.is(info.light()));
        self.has_seen = true;
        self.last = Some(Ok(known(&info)));
        // The controller replies with the known state only if it has no room for more watchers. If all of them asked again at once,
        // none would sleep.
        if is_known
            && question.known.is_some()
            && let Some(event) = self.pause(LOOK_INTERVAL, deadline)
        {
            return Ok(Some(event));
        }
        match self.send(question.queues, question.reply_type, Some(known(&info))) {
            Ok(question) => self.question = Some(question),
            // The next call sends it again.
            Err(error) if error.is_temporary() => {}
            Err(error) => return Err(error),
        }
        Ok((!is_known).then_some(Event::State(info)))
    }

    fn no_reply(&mut self) -> Option<Event> {
        let key = self.target.key;
        let error = match waiting(self.target) {
            None => Error::NotRunning { key },
            Some(queue) => Error::NoReply {
                key,
                timeout: self.timeout,
                queue,
            },
        };
        self.no_state(error)
    }
}

/// The time until the earlier of both; none if there is neither.
fn earlier(timeout: Option<Duration>, deadline: Option<Instant>) -> Option<Duration> {
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    timeout.into_iter().chain(left).min()
}

fn is_over(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}
