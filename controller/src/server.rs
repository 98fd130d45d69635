//! The loop: one message, one effect, at most one reply.

use std::{
    io,
    ops::ControlFlow,
    process,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use sd_notify::NotifyState;
use shared::{
    Command, Incoming, Info, Line, Message, MessageType, Oversize, Refused, Reply, Request, Select,
    State,
};

use crate::{
    CLIENT_LINES, Error, LED_LINES, Led, OnOff, QueuePair, Saver, Shutdown,
    drain::drain,
    reply_queue::{RECEIVE_PATIENCE, send_reply, wait_until_received},
    watchers::Watchers,
};

/// How long the reply queue is kept for a client that must learn that the LED may still be on.
const FAILURE_PATIENCE: Duration = Duration::from_secs(1);

/// Serves the queues. It owns them, and the LED.
pub struct Server {
    led: Led,
    queues: QueuePair,
    shutdown: Shutdown,
    started: Instant,
    watchers: Watchers,
    saver: Option<Saver>,
    /// The reply to STATUS. `state` and `uptime` are set when it is sent.
    info: Info,
}

impl Server {
    /// A server for an LED on this line; none if the LED is simulated.
    #[must_use]
    pub fn new(led: Led, line: Option<Line>, queues: QueuePair, shutdown: Shutdown) -> Self {
        let info = Info {
            state: State::Off,
            line,
            pid: process::id(),
            version: env!("CARGO_PKG_VERSION").into(),
            uptime: Duration::ZERO,
            applied: 0,
            refused: 0,
            answers_dropped: 0,
        };
        let watchers = Watchers::new();
        let (waker, exist) = (shutdown.clone(), watchers.exist());
        led.on_end(move || {
            if exist.load(Ordering::SeqCst) {
                waker.wake();
            }
        });
        Server {
            led,
            queues,
            shutdown,
            started: Instant::now(),
            watchers,
            saver: None,
            info,
        }
    }

    /// Lets it save what commands do.
    #[must_use]
    pub fn saving(self, saver: Option<Saver>) -> Self {
        Server { saver, ..self }
    }

    /// Serves until `exit` or a signal. Then turns the LED off, releases its line, and removes both queues.
    ///
    /// # Errors
    ///
    /// The command queue cannot be read or created again, or the LED cannot be turned off. It cleans up in each case.
    pub fn run(mut self) -> Result<(), Error> {
        let served = if self.watch() { self.serve() } else { Ok(None) };
        let replies = *self.queues.replies;
        let drained = drain(&self.queues.commands, Some(&replies));
        let turned_off = self.led.turn_off();
        drop(self.led);
        let mut patience = RECEIVE_PATIENCE;
        if let Ok(Some(reply_to)) = served {
            let reply = match &turned_off {
                Ok(()) => Reply::Ok(State::Off),
                Err(error) => Reply::Err(format!(
                    "the LED cannot be turned off and may be on: {error}"
                )),
            };
            // If another process removed the queue, no client waits for the reply.
            let _ = send_reply(&replies, &reply.encode(reply_to), |_| {});
            if turned_off.is_err() {
                patience = FAILURE_PATIENCE;
            }
        }
        wait_until_received(&replies, patience);
        // Before the locks are released with the queues: the next controller reads the file.
        drop(self.saver);
        drop(self.queues);
        // Log only after cleanup: a blocked standard error would delay it.
        notify(NotifyState::Stopping);
        CLIENT_LINES.report();
        LED_LINES.report();
        for drained in [self.shutdown.take_drained(), drained] {
            drained.log("the controller ended");
        }
        turned_off.map_err(Error::TurnOff)?;
        served?;
        let by = self.shutdown.requested().unwrap_or("exit");
        log::info!("ended by {by}: LED off, line released, queues removed");
        Ok(())
    }

    /// Lets a signal drain the current queues; `false` if a signal has come already.
    fn watch(&self) -> bool {
        self.shutdown
            .watch(*self.queues.commands, *self.queues.replies)
    }

    /// Serves until the end. Returns the reply type of the client that requested it.
    fn serve(&mut self) -> Result<Option<MessageType>, Error> {
        let key = self.queues.options.key;
        log::info!("ready: key {key}, LED {}", self.led.state());
        notify(NotifyState::Ready);
        let mut message = Incoming::empty(MessageType::LED);
        loop {
            match self
                .queues
                .commands
                .receive_into(&mut message, Select::Any, Oversize::Truncate)
            {
                Ok(()) => {
                    if let ControlFlow::Break(reply_to) = self.handle(&message)? {
                        return Ok(reply_to);
                    }
                }
                Err(shared::Error::Removed(_)) if self.shutdown.requested().is_some() => {
                    return Ok(None);
                }
                Err(shared::Error::Removed(_)) => {
                    log::warn!(
                        "another process removed command queue {key}; creating both queues again"
                    );
                    self.watchers.clear();
                    self.queues.recreate()?;
                    if !self.watch() {
                        return Ok(None);
                    }
                }
                Err(source) => return Err(Error::Queue { key, source }),
            }
        }
    }

    /// Applies or refuses one message, and sends the reply that it requests. Returns `Break` with the reply type at `exit`.
    ///
    /// # Errors
    ///
    /// The reply queue was removed, and cannot be created again.
    pub fn handle(
        &mut self,
        message: &Incoming,
    ) -> Result<ControlFlow<Option<MessageType>>, Error> {
        CLIENT_LINES.report_if_over();
        LED_LINES.report_if_over();
        let reply = match Request::decode(message) {
            Ok(Request {
                command: Command::Exit,
                reply_to,
            }) => return Ok(ControlFlow::Break(reply_to)),
            Ok(Request { command, reply_to }) => match self.apply(command) {
                Ok(()) => {
                    let state = self.led.state();
                    if let (Command::Watch(_), Some(reply_to)) = (command, reply_to) {
                        // Blinking can end at any time: the others must know the same state as this client.
                        self.reply_to_watchers(|_| state);
                        self.watchers.remove(reply_to);
                    }
                    log::debug!("{command}: LED {state}");
                    reply_to
                        .and_then(|reply_to| match command {
                            Command::Watch(Some(known)) if known.is_same(state) => {
                                self.watchers.add(reply_to, state)
                            }
                            _ => Some(reply_to),
                        })
                        .map(|reply_to| match command {
                            Command::Status | Command::Watch(_) => {
                                self.status(state).encode(reply_to)
                            }
                            _ => Reply::<&str>::Ok(state).encode(reply_to),
                        })
                }
                Err(error) => {
                    self.info.refused += 1;
                    if LED_LINES.allows() {
                        log::error!("{command}: cannot set the LED: {error}");
                    }
                    reply_to.map(|reply_to| {
                        Reply::Err(format_args!("cannot set the LED: {error}")).encode(reply_to)
                    })
                }
            },
            Err(Refused { refusal, reply_to }) => {
                self.info.refused += 1;
                if CLIENT_LINES.allows() {
                    log::warn!("refused, {refusal}: {message}");
                }
                reply_to.map(|reply_to| Reply::Err(refusal).encode(reply_to))
            }
        };
        reply.map_or(Ok(()), |reply| self.reply(&reply))?;
        self.reply_to_watchers(Led::state);
        Ok(ControlFlow::Continue(()))
    }

    fn apply(&mut self, command: Command) -> io::Result<()> {
        match command {
            Command::On => self.led.set(OnOff::On)?,
            Command::Off => self.led.set(OnOff::Off)?,
            Command::Toggle => self.led.toggle()?,
            Command::Blink(blink) => self.led.blink(blink)?,
            Command::Status | Command::Watch(_) | Command::Exit => return Ok(()),
        }
        self.info.applied += 1;
        if let Some(saver) = &mut self.saver {
            saver.save(self.led.state());
        }
        Ok(())
    }

    /// Replies to all watchers if they know another state than this one.
    fn reply_to_watchers(&mut self, current: impl FnOnce(&Led) -> State) {
        let Some(state) = self.watchers.news(|| current(&self.led)) else {
            return;
        };
        while let Some(reply_to) = self.watchers.next() {
            let reply = self.status(state).encode(reply_to);
            let dropped = |reply_to| log_dropped(&mut self.info.answers_dropped, reply_to);
            if let Err(shared::Error::Removed(_)) =
                send_reply(&self.queues.replies, &reply, dropped)
            {
                self.watchers.clear();
            }
        }
    }

    fn status(&mut self, state: State) -> &Info {
        self.info.state = state;
        self.info.uptime = self.started.elapsed();
        &self.info
    }

    fn reply(&mut self, reply: &Message) -> Result<(), Error> {
        let key = self.queues.options.key.reply();
        let mut dropped = |reply_to| log_dropped(&mut self.info.answers_dropped, reply_to);
        let mut sent = send_reply(&self.queues.replies, reply, &mut dropped);
        if let Err(shared::Error::Removed(_)) = sent {
            log::warn!("another process removed reply queue {key}; creating it again");
            self.watchers.clear();
            self.queues.recreate_replies()?;
            // The client noticed the removal, and waits for its reply on the new queue.
            sent = send_reply(&self.queues.replies, reply, &mut dropped);
            // A signal that has come meanwhile has removed the command queue, which ends the loop.
            let _ = self.watch();
        }
        if let Err(error) = sent
            && CLIENT_LINES.allows()
        {
            log::warn!(
                "no reply to {} on queue {key}: {error}",
                reply.message_type()
            );
        }
        Ok(())
    }
}

/// Logs 1, 2, 4, 8, … dropped replies: clients that never receive them cannot fill the log.
fn log_dropped(count: &mut u64, reply_to: MessageType) {
    *count += 1;
    if count.is_power_of_two() {
        log::warn!("the reply queue is full: {count} replies dropped, the last of type {reply_to}");
    }
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        log::warn!("cannot notify the service manager: {error}");
    }
}
