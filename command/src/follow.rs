//! Following the state of the LED: each change when it happens, over controllers that come and go.

use std::{
    io::{self, PipeReader, pipe},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use shared::{
    Command, Info, Message, MessageType, Oversize, Queue, Refusal, Reply, Request, Select, State, lock::Holder,
};

use crate::{
    Error,
    attempt::{SendResult, send},
    client::full,
    deadline::RETRY_INTERVAL,
    events::{Events, Wakeup},
    status,
    target::{Target, look_up},
};

/// How often to look if the system reports no events, or if the process that serves the queue is not known.
const INTERVAL: Duration = Duration::from_secs(1);
/// The kernel reports that a file is closed before it releases its lock.
const RELEASE: Duration = Duration::from_millis(50);

/// What happened.
pub(crate) enum Event {
    /// The state has changed.
    State(Info),
    /// There is no state, for this reason.
    NoState(Error),
    /// The reader of standard output has gone.
    Closed,
    TimedOut,
}

/// Follows the state. It has a thread that sleeps in msgrcv(2), while this one sleeps in poll(2).
pub(crate) struct Follower<'a> {
    target: &'a Target,
    /// How long the controller may take to receive a request.
    timeout: Duration,
    events: Events,
    /// The last event: a state, or an error with this exit status.
    last: Option<Result<State, u8>>,
    has_seen: bool,
}

/// A WATCH that was sent.
struct Watch {
    commands: Queue,
    sent: Instant,
    /// The reply of the thread that waits for it, and a pipe that it closes then. None if no thread can be started.
    reply: Option<(Receiver<Result<Message, shared::Error>>, PipeReader)>,
}

impl<'a> Follower<'a> {
    /// A controller may take so long to reply to a request.
    pub(crate) fn new(target: &'a Target, timeout: Duration) -> Follower<'a> {
        Follower { target, timeout, events: Events::new(), last: None, has_seen: false }
    }

    /// Waits for the next event, until the deadline if there is one.
    ///
    /// # Errors
    ///
    /// Those that do not pass when a controller starts.
    pub(crate) fn next(&mut self, deadline: Option<Instant>) -> Result<Event, Error> {
        loop {
            // Before the state is read, so that no later event is missed.
            let is_complete = self.events.watch(self.target);
            let result = match self.last {
                Some(Ok(known)) => match self.watch(known, deadline) {
                    Ok(watch) => self.wait_for_reply(&watch, is_complete, deadline),
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
            let pause = match error {
                // It opens its queues now.
                Error::NotReady { .. } => Some(RETRY_INTERVAL),
                Error::NotRunning { .. } | Error::Stale { .. } if is_complete => None,
                _ => Some(INTERVAL),
            };
            let status = error.exit_status();
            if self.last != Some(Err(status)) {
                self.last = Some(Err(status));
                return Ok(Event::NoState(error));
            }
            match self.events.wait(None::<&PipeReader>, earlier(pause, deadline)) {
                Wakeup::Closed => return Ok(Event::Closed),
                _ if is_over(deadline) => return Ok(Event::TimedOut),
                _ => {}
            }
        }
    }

    fn ask(&self, deadline: Option<Instant>) -> Result<Info, Error> {
        let timeout = earlier(Some(self.timeout), deadline).unwrap_or(self.timeout);
        // In whole milliseconds for messages, and not 0: such a timer would never fire.
        let milliseconds = u64::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        status::ask(self.target, Duration::from_millis(milliseconds.max(1)))
    }

    /// An event, unless the state is that of the last one.
    fn state(&mut self, info: Info) -> Option<Event> {
        self.has_seen = true;
        let is_known = self.last.is_some_and(|last| last.is_ok_and(|state| state.is_same(info.state)));
        self.last = Some(Ok(info.state));
        (!is_known).then_some(Event::State(info))
    }

    /// Sends a WATCH for the next change of this state.
    fn watch(&self, known: State, deadline: Option<Instant>) -> Result<Watch, Error> {
        let key = self.target.key;
        let (commands, replies) = match self.target.open()? {
            (commands, Some(replies)) => (commands, replies),
            (commands, None) => {
                // The controller creates it again for its next reply.
                self.ask(deadline)?;
                (commands, self.target.open_replies()?.ok_or(Error::NotReady { key })?)
            }
        };
        let reply_type = MessageType::random();
        let request = Request { command: Command::Watch(Some(known)), reply_to: Some(reply_type) };
        match send(self.target, &commands, &request.encode())? {
            SendResult::Sent => {}
            SendResult::Full => return Err(full(self.target, Duration::ZERO)),
            SendResult::Gone => return Err(Error::NotReady { key }),
        }
        Ok(Watch { commands, sent: Instant::now(), reply: receive(replies, reply_type).ok() })
    }

    /// Waits for the reply to a WATCH; none if it is to be sent again.
    fn wait_for_reply(
        &mut self,
        watch: &Watch,
        is_complete: bool,
        deadline: Option<Instant>,
    ) -> Result<Option<Event>, Error> {
        let mut timeout = Some(self.timeout.min(INTERVAL));
        loop {
            let pipe = watch.reply.as_ref().map(|(_, pipe)| pipe);
            match (self.events.wait(pipe, earlier(timeout, deadline)), &watch.reply) {
                (Wakeup::Closed, _) => return Ok(Some(Event::Closed)),
                (Wakeup::Pipe, Some((reply, _))) => match reply.recv() {
                    Ok(Ok(message)) => return self.reply(&message),
                    // The queues were removed.
                    _ => return Ok(None),
                },
                _ if is_over(deadline) => return Ok(Some(Event::TimedOut)),
                (Wakeup::Files, _) => timeout = Some(RELEASE),
                _ => {
                    let found = look_up(self.target.key).filter(|(queue, _)| *queue == watch.commands);
                    let Some((queue, status)) = found else { return Ok(None) };
                    let key = self.target.key;
                    timeout = match self.target.holder(queue, &status) {
                        Holder::Ended => return Err(Error::Stale { key, messages: status.messages }),
                        // It has received the WATCH, and the system reports its end.
                        Holder::Process(_) if is_complete && status.messages == 0 && pipe.is_some() => None,
                        _ if watch.sent.elapsed() < self.timeout && pipe.is_some() => Some(INTERVAL),
                        _ => match self.ask(deadline).map(|info| self.state(info))? {
                            Some(event) => return Ok(Some(event)),
                            None => Some(INTERVAL),
                        },
                    };
                }
            }
        }
    }

    fn reply(&mut self, message: &Message) -> Result<Option<Event>, Error> {
        match (Info::decode(message), Reply::decode(message)) {
            (Some(info), _) => Ok(self.state(info)),
            (None, Some(Reply::Err(reason))) if reason == Refusal::Ended.to_string() => Ok(None),
            (None, Some(Reply::Err(reason))) => Err(Error::Refused { reason: reason.to_owned() }),
            _ => Err(Error::Malformed { reply: message.to_string() }),
        }
    }
}

/// Starts a thread that receives a message of this type. The pipe is closed when it has.
fn receive(
    replies: Queue,
    reply_type: MessageType,
) -> io::Result<(Receiver<Result<Message, shared::Error>>, PipeReader)> {
    let (reader, writer) = pipe()?;
    let (sender, reply) = channel();
    thread::Builder::new().name("watch".into()).spawn(move || {
        let _ = sender.send(replies.receive(Select::Type(reply_type), Oversize::Truncate));
        drop(writer);
    })?;
    Ok((reply, reader))
}

/// The time until the first of both; none if there is neither.
fn earlier(timeout: Option<Duration>, deadline: Option<Instant>) -> Option<Duration> {
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    timeout.into_iter().chain(left).min()
}

fn is_over(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}
