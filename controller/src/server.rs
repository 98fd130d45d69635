//! The loop: one message, one effect, at most one answer.

use std::{
    io,
    ops::ControlFlow,
    process, thread,
    time::{Duration, Instant},
};

use sd_notify::NotifyState;
use shared::{
    Command, Incoming, Info, Message, MessageType, Oversize, Queue, Refused, Reply, Request, Select, State, TEXT_MAX,
};

use crate::{Error, Lamp, Light, Place, Queues, Settings, Stop, queues, quota};

/// How long the last answer is kept for whoever has not come to receive it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Serves the queues with the LED. It owns both.
pub struct Server {
    lamp: Lamp,
    place: Option<Place>,
    queues: Queues,
    settings: Settings,
    stop: Stop,
    started: Instant,
    applied: u64,
    refused: u64,
    answers_dropped: u64,
}

impl Server {
    /// A server for an LED at this place, or at none if it is simulated.
    #[must_use]
    pub fn new(lamp: Lamp, place: Option<Place>, queues: Queues, settings: Settings, stop: Stop) -> Self {
        let started = Instant::now();
        Server { lamp, place, queues, settings, stop, started, applied: 0, refused: 0, answers_dropped: 0 }
    }

    /// Serves until `exit` or a signal; then turns the LED off, gives it back, and removes both queues.
    ///
    /// # Errors
    ///
    /// The command queue cannot be read or made anew, or the LED cannot be turned off. All is cleaned up then too.
    pub fn run(mut self) -> Result<(), Error> {
        let served = if self.stop.watch(*self.queues.commands) { self.serve() } else { Ok(None) };
        let Queues { commands, replies } = self.queues;
        let lost = queues::drain(&commands);
        drop(commands);
        let turned_off = self.lamp.turn_off();
        drop(self.lamp);
        if let Ok(Some(reply_to)) = served {
            let reply = match &turned_off {
                Ok(()) => Reply::Ok(State::Off),
                Err(error) => Reply::Err(format!("the LED could not be turned off, and may be lit: {error}")),
            };
            let answer = reply.encode(reply_to);
            // Where the queue is gone, nobody waits at it.
            let _ = put(&replies, &answer, |_| {});
            // Whoever sleeps on it gets it; whoever does not sees the queue go, which says that all went well.
            let start = Instant::now();
            let is_collected = || replies.status().is_ok_and(|status| status.messages == 0);
            while turned_off.is_err() && !is_collected() && start.elapsed() < PATIENCE {
                thread::sleep(PATIENCE / 100);
            }
        }
        drop(replies);
        // Only now that all is clean: whoever stalls our standard error holds us up here.
        notify(NotifyState::Stopping);
        quota::tell();
        for lost in [self.stop.take_lost(), lost] {
            queues::log_lost(&lost, "the controller ended");
        }
        turned_off.map_err(Error::TurnOff)?;
        served?;
        let by = self.stop.requested().unwrap_or("exit");
        log::info!("ended by {by}: LED off, line released, queues removed");
        Ok(())
    }

    /// Says whom to tell of the end.
    fn serve(&mut self) -> Result<Option<MessageType>, Error> {
        log::info!("ready: key {}, LED {}", self.settings.key, self.lamp.state());
        notify(NotifyState::Ready);
        let mut message = Incoming::empty(MessageType::LED);
        loop {
            match self.queues.commands.receive_into(&mut message, Select::Any, Oversize::Truncate) {
                Ok(()) => {
                    if let ControlFlow::Break(reply_to) = self.handle(&message)? {
                        return Ok(reply_to);
                    }
                }
                Err(shared::Error::Removed(_)) if self.stop.requested().is_some() => return Ok(None),
                Err(shared::Error::Removed(_)) => {
                    log::warn!("somebody removed the command queue with key {}; making a new one", self.settings.key);
                    // Both anew: who waits for the answer to a command that is gone sees its queue go, and sends again.
                    let _ = self.queues.replies.remove();
                    self.queues = Queues::create(&self.settings)?;
                    if !self.stop.watch(*self.queues.commands) {
                        return Ok(None);
                    }
                }
                Err(source) => return Err(Error::Queue { key: self.settings.key, source }),
            }
        }
    }

    /// Applies or refuses one message, and answers it if it asks for that; breaks off at `exit`, with whom to tell.
    ///
    /// # Errors
    ///
    /// The reply queue is gone, and cannot be made anew.
    pub fn handle(&mut self, message: &Incoming) -> Result<ControlFlow<Option<MessageType>>, Error> {
        quota::tell_when_over();
        let answer = match Request::decode(message) {
            Ok(Request { command: Command::Exit, reply_to }) => return Ok(ControlFlow::Break(reply_to)),
            Ok(Request { command, reply_to }) => match self.apply(command) {
                Ok(()) => {
                    let state = self.lamp.state();
                    log::debug!("{command}: LED {state}");
                    reply_to.map(|reply_to| match command {
                        Command::Info => self.info(state).encode(reply_to),
                        _ => Reply::<&str>::Ok(state).encode(reply_to),
                    })
                }
                Err(error) => {
                    self.refused += 1;
                    if quota::allows() {
                        log::error!("{command}: the LED cannot be changed: {error}");
                    }
                    let reason =
                        |reply_to| Reply::Err(format_args!("the LED cannot be changed: {error}")).encode(reply_to);
                    reply_to.map(reason)
                }
            },
            Err(Refused { refusal, reply_to }) => {
                self.refused += 1;
                if quota::allows() {
                    log::warn!("refused, {refusal}: {message}");
                }
                reply_to.map(|reply_to| Reply::Err(refusal).encode(reply_to))
            }
        };
        answer.map_or(Ok(()), |answer| self.answer(&answer))?;
        Ok(ControlFlow::Continue(()))
    }

    fn apply(&mut self, command: Command) -> io::Result<()> {
        match command {
            Command::On => self.lamp.set(Light::On)?,
            Command::Off => self.lamp.set(Light::Off)?,
            Command::Toggle => self.lamp.toggle()?,
            Command::Blink(blink) => self.lamp.blink(blink)?,
            Command::Status | Command::Info | Command::Exit => return Ok(()),
        }
        self.applied += 1;
        Ok(())
    }

    fn info(&self, state: State) -> Info<'_> {
        Info {
            state,
            pid: process::id(),
            version: env!("CARGO_PKG_VERSION"),
            uptime: self.started.elapsed(),
            applied: self.applied,
            refused: self.refused,
            answers_dropped: self.answers_dropped,
            line: self.place.as_ref().map(Place::line),
        }
    }

    fn answer(&mut self, answer: &Message) -> Result<(), Error> {
        let dropped = |reply_to| log_dropped(&mut self.answers_dropped, reply_to);
        let Err(failed) = put(&self.queues.replies, answer, dropped) else { return Ok(()) };
        let key = self.settings.key.reply();
        if let shared::Error::Removed(_) = failed {
            log::warn!("somebody removed the reply queue with key {key}; making a new one");
            // Its client has seen the old one go, and asks again.
            self.queues.replies = self.settings.make_replies()?;
        } else if quota::allows() {
            let reply_to = answer.message_type();
            log::warn!("no answer to {reply_to} on the queue with key {key}: {failed}");
        }
        Ok(())
    }
}

/// Sends an answer, and never sleeps: where the queue is full of answers that nobody collects, the oldest make room.
fn put(replies: &Queue, answer: &Message, mut dropped: impl FnMut(MessageType)) -> Result<(), shared::Error> {
    loop {
        match replies.try_send(answer) {
            Err(shared::Error::Full(full)) => match replies.try_receive::<TEXT_MAX>(Select::Any, Oversize::Truncate) {
                Ok(oldest) => dropped(oldest.message_type()),
                // Not one byte fits: somebody has lowered the queue's limit.
                Err(shared::Error::Empty(_)) => return Err(shared::Error::Full(full)),
                Err(error) => return Err(error),
            },
            sent => return sent,
        }
    }
}

/// Logged at 1, 2, 4, 8, ...: clients that never collect cannot fill the log.
fn log_dropped(count: &mut u64, reply_to: MessageType) {
    *count += 1;
    if count.is_power_of_two() {
        log::warn!("the reply queue is full: {count} answers dropped that nobody collected, one to {reply_to}");
    }
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        log::warn!("the service manager cannot be told: {error}");
    }
}
