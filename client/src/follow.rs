//! Following the state of the LED: each change when it happens, over controllers that come and go.

use std::{
    os::fd::BorrowedFd,
    time::{Duration, Instant},
};

use shared::{
    Command, Info, Message, MessageType, Queue, Refusal, Reply, Request, State,
    lock::{self, Holder},
};

use crate::{
    Error,
    ask::{full, status},
    attempt::{SendResult, send},
    deadline::RETRY_INTERVAL,
    events::{Events, Wakeup},
    receiver::Receiver,
    target::{Target, look_up},
};

/// How often to look if the system reports no events, or if the process that serves the queue is not known.
const INTERVAL: Duration = Duration::from_secs(1);
/// The kernel reports that a file is closed before it releases its lock.
const RELEASE: Duration = Duration::from_millis(50);

/// What happened.
pub enum Event {
    /// The state has changed.
    State(Info),
    /// There is no state, for this reason.
    NoState(Error),
    /// The other side of `stop` is closed.
    Closed,
    /// The deadline has passed.
    TimedOut,
}

/// Follows the state. It has a thread that sleeps in msgrcv(2), while this one sleeps in poll(2).
pub struct Follower<'a> {
    target: &'a Target,
    /// How long the controller may take to receive a request.
    timeout: Duration,
    events: Events<'a>,
    /// The last event: a state, or an error with this exit status.
    last: Option<Result<State, u8>>,
    has_seen: bool,
    /// A thread that waits for no reply.
    idle: Option<Receiver>,
}

/// A WATCH that was sent.
struct Watch {
    commands: Queue,
    sent: Instant,
    /// None if no thread can be started.
    receiver: Option<Receiver>,
}

impl<'a> Follower<'a> {
    /// A controller may take so long to reply to a request. If `stop` is a pipe or socket, the end of its other side is an event.
    #[must_use]
    pub fn new(
        target: &'a Target,
        timeout: Duration,
        stop: Option<BorrowedFd<'a>>,
    ) -> Follower<'a> {
        Follower {
            target,
            timeout,
            events: Events::new(target.key, stop),
            last: None,
            has_seen: false,
            idle: None,
        }
    }

    /// Waits for the next event, until the deadline if there is one.
    ///
    /// # Errors
    ///
    /// Those that do not pass when a controller starts.
    pub fn next(&mut self, deadline: Option<Instant>) -> Result<Event, Error> {
        loop {
            if self.last.is_some() && is_over(deadline) {
                return Ok(Event::TimedOut);
            }
            // Before the state is read, so that no later event is missed.
            self.events.watch(self.target);
            let result = match self.last {
                Some(Ok(known)) => match self.watch(known, deadline) {
                    Ok(watch) => self.wait_for_reply(watch, deadline),
                    // The controller is starting or ending: wait for it as each command does.
                    Err(Error::NotReady { .. }) => self.ask(deadline).map(|info| self.state(info)),
                    Err(error) => Err(error),
                },
                _ => self.ask(deadline).map(|info| self.state(info)),
            };
            let error = match result {
                Ok(Some(event)) => return Ok(event),
                Ok(None) => continue,
                Err(error) => error,
            };
            // The service takes its key back from another user when it starts.
            let is_reclaimed = self.has_seen && matches!(error, Error::Untrusted { .. });
            if !(is_reclaimed || error.is_temporary()) {
                return Err(error);
            }
            // A controller can start in a directory that does not exist yet, or without a lock.
            let pause = if matches!(error, Error::NotReady { .. }) {
                RETRY_INTERVAL
            } else {
                INTERVAL
            };
            let status = error.exit_status();
            if self.last != Some(Err(status)) {
                self.last = Some(Err(status));
                return Ok(Event::NoState(error));
            }
            if self.events.wait(None, earlier(Some(pause), deadline)) == Wakeup::Closed {
                return Ok(Event::Closed);
            }
        }
    }

    fn ask(&self, deadline: Option<Instant>) -> Result<Info, Error> {
        let timeout = earlier(Some(self.timeout), deadline).unwrap_or(self.timeout);
        // In whole milliseconds for messages, and not 0: such a timer would never fire.
        let milliseconds = u64::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        status(self.target, Duration::from_millis(milliseconds.max(1)))
    }

    /// An event, unless the state is that of the last one.
    fn state(&mut self, info: Info) -> Option<Event> {
        self.has_seen = true;
        let is_known = self
            .last
            .is_some_and(|last| last.is_ok_and(|state| state.is_same(info.state)));
        self.last = Some(Ok(info.state));
        (!is_known).then_some(Event::State(info))
    }

    /// Sends a WATCH for the next change of this state.
    fn watch(&mut self, known: State, deadline: Option<Instant>) -> Result<Watch, Error> {
        let key = self.target.key;
        let (commands, replies) = match self.target.open()? {
            (commands, Some(replies)) => (commands, replies),
            (commands, None) => {
                // The controller creates it again for its next reply.
                self.ask(deadline)?;
                (
                    commands,
                    self.target.open_replies()?.ok_or(Error::NotReady { key })?,
                )
            }
        };
        let reply_type = MessageType::random();
        let request = Request {
            command: Command::Watch(Some(known)),
            reply_to: Some(reply_type),
        };
        match send(self.target, &commands, &request.encode())? {
            SendResult::Sent => {}
            SendResult::Full => return Err(full(self.target, Duration::ZERO)),
            SendResult::Gone => return Err(Error::NotReady { key }),
        }
        let receiver = self.idle.take().or_else(|| Receiver::start().ok());
        if let Some(receiver) = &receiver {
            receiver.request(replies, reply_type);
        }
        Ok(Watch {
            commands,
            sent: Instant::now(),
            receiver,
        })
    }

    /// Waits for the reply to a WATCH; none if it is to be sent again.
    fn wait_for_reply(
        &mut self,
        watch: Watch,
        deadline: Option<Instant>,
    ) -> Result<Option<Event>, Error> {
        let key = self.target.key;
        // When to look whether the controller has received the request, and still runs.
        let mut look = Some(Instant::now() + self.timeout.min(INTERVAL));
        loop {
            let pipe = watch.receiver.as_ref().map(Receiver::pipe);
            let timeout = look.map(|look| look.saturating_duration_since(Instant::now()));
            match self.events.wait(pipe, earlier(timeout, deadline)) {
                Wakeup::Closed => return Ok(Some(Event::Closed)),
                Wakeup::Pipe => {
                    self.idle = watch.receiver;
                    return match self.idle.as_mut().and_then(Receiver::take) {
                        Some(Ok(message)) => self.reply(&message, deadline),
                        // The queues were removed.
                        _ => Ok(None),
                    };
                }
                _ if is_over(deadline) => return Ok(Some(Event::TimedOut)),
                Wakeup::Lock => {
                    let released = Instant::now() + RELEASE;
                    look = Some(look.map_or(released, |look| look.min(released)));
                }
                Wakeup::Directory => {
                    self.events.watch(self.target);
                    look = Some(Instant::now());
                }
                Wakeup::Timeout if look.is_some_and(|look| Instant::now() < look) => {}
                Wakeup::Timeout => {
                    let found = look_up(key).filter(|(queue, _)| *queue == watch.commands);
                    let Some((queue, status)) = found else {
                        return Ok(None);
                    };
                    let (holder, directory) =
                        lock::holder_and_directory(key, Some(queue), status.creator);
                    let reports_end =
                        directory.is_some_and(|directory| self.events.watches(&directory));
                    look = match holder {
                        Holder::Ended => {
                            return Err(Error::Stale {
                                key,
                                messages: status.messages,
                            });
                        }
                        // It has received the request, and the system reports its end.
                        Holder::Process(_)
                            if reports_end && status.messages == 0 && pipe.is_some() =>
                        {
                            None
                        }
                        _ if watch.sent.elapsed() < self.timeout && pipe.is_some() => {
                            Some(Instant::now() + INTERVAL)
                        }
                        _ => match self.ask(deadline).map(|info| self.state(info))? {
                            Some(event) => return Ok(Some(event)),
                            None => Some(Instant::now() + INTERVAL),
                        },
                    };
                }
            }
        }
    }

    fn reply(
        &mut self,
        message: &Message,
        deadline: Option<Instant>,
    ) -> Result<Option<Event>, Error> {
        match (Info::decode(message), Reply::decode(message)) {
            (Some(info), _) => match self.state(info) {
                Some(event) => Ok(Some(event)),
                // More clients watch than the controller serves. If all watched again at once, none would sleep.
                None => match self.events.wait(None, earlier(Some(INTERVAL), deadline)) {
                    Wakeup::Closed => Ok(Some(Event::Closed)),
                    _ => Ok(None),
                },
            },
            (None, Some(Reply::Err(reason))) if reason == Refusal::Ended.to_string() => Ok(None),
            (None, Some(Reply::Err(reason))) => Err(Error::Refused {
                reason: reason.to_owned(),
            }),
            _ => Err(Error::Malformed {
                reply: message.to_string(),
            }),
        }
    }
}

/// The time until the first of both; none if there is neither.
fn earlier(timeout: Option<Duration>, deadline: Option<Instant>) -> Option<Duration> {
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    timeout.into_iter().chain(left).min()
}

fn is_over(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}
