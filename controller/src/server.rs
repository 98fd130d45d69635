//! The loop: one message, one effect, at most one answer.

use std::{
    io,
    ops::ControlFlow,
    process,
    time::{Duration, Instant},
};

use sd_notify::NotifyState;
use shared::{Command, Incoming, Info, Message, MessageType, Oversize, Refused, Reply, Request, Select, State};

use crate::{
    Error, Lamp, Light, Place, Queues, Stop,
    lost::{self, put},
    queues::COLLECT,
    quota::{self, Quota},
};

/// How long the answer that the LED may be lit is kept for the client to receive it.
const COLLECT_FAILURE: Duration = Duration::from_secs(1);

/// Serves the queues with the LED. It owns both.
pub struct Server {
    lamp: Lamp,
    place: Option<Place>,
    queues: Queues,
    stop: Stop,
    started: Instant,
    applied: u64,
    refused: u64,
    answers_dropped: u64,
}

impl Server {
    /// A server for an LED at this place, or at none if it is simulated.
    #[must_use]
    pub fn new(lamp: Lamp, place: Option<Place>, queues: Queues, stop: Stop) -> Self {
        let started = Instant::now();
        Server { lamp, place, queues, stop, started, applied: 0, refused: 0, answers_dropped: 0 }
    }

    /// Serves until `exit` or a signal; then turns the LED off, gives it back, and removes both queues.
    ///
    /// # Errors
    ///
    /// The command queue cannot be read or made again, or the LED cannot be turned off. All is cleaned up then too.
    pub fn run(mut self) -> Result<(), Error> {
        let served = if self.watch() { self.serve() } else { Ok(None) };
        let replies = *self.queues.replies;
        let lost = lost::close(&self.queues.commands, Some(&replies));
        let turned_off = self.lamp.turn_off();
        drop(self.lamp);
        let mut patience = COLLECT;
        if let Ok(Some(reply_to)) = served {
            let reply = match &turned_off {
                Ok(()) => Reply::Ok(State::Off),
                Err(error) => Reply::Err(format!("the LED could not be turned off, and may be lit: {error}")),
            };
            let answer = reply.encode(reply_to);
            // Where the queue is gone, nobody waits at it.
            let _ = put(&replies, &answer, |_| {});
            if turned_off.is_err() {
                patience = COLLECT_FAILURE;
            }
        }
        lost::wait_until_collected(&replies, patience);
        drop(self.queues);
        // Log only after cleanup: a blocked standard error would delay it.
        notify(NotifyState::Stopping);
        quota::tell();
        for lost in [self.stop.take_lost(), lost] {
            lost.log("the controller ended");
        }
        turned_off.map_err(Error::TurnOff)?;
        served?;
        let by = self.stop.requested().unwrap_or("exit");
        log::info!("ended by {by}: LED off, line released, queues removed");
        Ok(())
    }

    /// Has a signal close the queues; `false` if one has come already.
    fn watch(&self) -> bool {
        self.stop.watch(*self.queues.commands, *self.queues.replies)
    }

    /// Serves until the end, and gives the reply type of the client that asked for it.
    fn serve(&mut self) -> Result<Option<MessageType>, Error> {
        let key = self.queues.settings.key;
        log::info!("ready: key {key}, LED {}", self.lamp.state());
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
                    log::warn!("another process removed the command queue with key {key}; making both again");
                    self.queues.recreate()?;
                    if !self.watch() {
                        return Ok(None);
                    }
                }
                Err(source) => return Err(Error::Queue { key, source }),
            }
        }
    }

    /// Applies or refuses one message, and answers it if it asks for that; breaks off at `exit`, with whom to tell.
    ///
    /// # Errors
    ///
    /// The reply queue is gone, and cannot be made again.
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
                    if quota::allows(Quota::Led) {
                        log::error!("{command}: the LED cannot be changed: {error}");
                    }
                    let reason =
                        |reply_to| Reply::Err(format_args!("the LED cannot be changed: {error}")).encode(reply_to);
                    reply_to.map(reason)
                }
            },
            Err(Refused { refusal, reply_to }) => {
                self.refused += 1;
                if quota::allows(Quota::Clients) {
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
        let key = self.queues.settings.key.reply();
        let mut dropped = |reply_to| log_dropped(&mut self.answers_dropped, reply_to);
        let mut answered = put(&self.queues.replies, answer, &mut dropped);
        if let Err(shared::Error::Removed(_)) = answered {
            log::warn!("another process removed the reply queue with key {key}; making a new one");
            self.queues.recreate_replies()?;
            // The client has seen the old one go, and looks for its answer here.
            answered = put(&self.queues.replies, answer, &mut dropped);
            // A signal that has come meanwhile has closed the command queue, which ends the loop.
            let _ = self.watch();
        }
        if let Err(failed) = answered
            && quota::allows(Quota::Clients)
        {
            let reply_to = answer.message_type();
            log::warn!("no answer to {reply_to} on the queue with key {key}: {failed}");
        }
        Ok(())
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
