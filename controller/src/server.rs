//! The loop: receives a message, applies it, and sends at most one reply. A blinking or fading LED changes between two messages.

mod message;

use std::{
    io,
    ops::ControlFlow,
    process,
    time::{Duration, Instant},
};

use shared::{Incoming, Info, MessageType, Oversize, Place, Received, Reply, Select, State, Timer};

use crate::{
    CLIENT_LINES, Error, LED_LINES, Led, QueuePair, Saver, Shutdown,
    drain::drain,
    notify::notify,
    replies::{RECEIVE_PATIENCE, send_reply, wait_until_received},
    watchers::Watchers,
};

/// How long the reply queue is kept for a client that must learn that the LED may still be on.
const FAILURE_PATIENCE: Duration = Duration::from_secs(1);

/// The least time for messages between two changes of the LED. If the output is slower than the blinking, the next change is always
/// overdue, and no message would be received.
const TURN: Duration = Duration::from_micros(100);

/// The server of the two queues, which owns them and the LED. It runs in the thread that created it.
pub struct Server {
    led: Led,
    queues: QueuePair,
    shutdown: Shutdown,
    started: Instant,
    watchers: Watchers,
    saver: Option<Saver>,
    /// Ends the receive when the LED is due. It runs only while the LED blinks or fades and no message waits.
    timer: io::Result<Timer>,
    /// The reply to STATUS, in which state, brightness and uptime are updated before it is sent.
    info: Info,
}

impl Server {
    /// A server for this LED, of which `place` says where it is. Without a timer an LED that blinks stays on.
    #[must_use]
    pub fn new(mut led: Led, place: Place, queues: QueuePair, shutdown: Shutdown) -> Self {
        let timer = Timer::new();
        if let (Some(_), Err(error)) = (led.due(), &timer) {
            log::warn!("{}; starting with the LED on", no_timer(error));
            // Its output has this level already.
            let _ = led.on(None, None);
        }
        let info = Info {
            state: State::Off,
            place,
            pid: process::id(),
            version: env!("CARGO_PKG_VERSION").into(),
            uptime: Duration::ZERO,
            applied: 0,
            refused: 0,
            replies_dropped: 0,
            brightness: None,
            levels: Some(led.levels()),
        };
        Server {
            watchers: Watchers::new(led.light()),
            led,
            queues,
            shutdown,
            started: Instant::now(),
            saver: None,
            timer,
            info,
        }
    }

    /// Lets the server save the state that commands set.
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
        let served = self.serve();
        let replies = *self.queues.replies;
        let drained = drain(&self.queues.commands, Some(&replies));
        let turned_off = self.led.turn_off();
        if turned_off.is_ok() {
            self.led.restore_trigger(&mut self.queues.locks);
        }
        drop(self.led);
        let mut patience = RECEIVE_PATIENCE;
        if let Ok(Some(reply_to)) = served {
            let reply = match &turned_off {
                Ok(light) => Reply::Ok(*light),
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
        drop(self.queues);
        // Everything is released. The following steps may have to wait: for the disk, the service manager, the reader of the log.
        if let Some(saver) = self.saver {
            saver.end();
        }
        notify("STOPPING=1");
        CLIENT_LINES.report();
        LED_LINES.report();
        for drained in [self.shutdown.take_drained(), drained] {
            drained.log("the controller ended");
        }
        turned_off.map_err(Error::TurnOff)?;
        served?;
        let by = self.shutdown.requested().unwrap_or("exit");
        log::info!("ended by {by}: LED off and released, queues removed");
        Ok(())
    }

    /// Sets the queues that a signal drains; `false` if a signal has come already.
    fn let_signals_drain(&self) -> bool {
        self.shutdown
            .set_queues(*self.queues.commands, *self.queues.replies)
    }

    /// Serves until the end. Returns the reply type of the client that requested it.
    fn serve(&mut self) -> Result<Option<MessageType>, Error> {
        if !self.let_signals_drain() {
            return Ok(None);
        }
        let key = self.queues.options.key;
        log::info!("ready: key {key}, LED {}", self.led.light().state);
        notify("READY=1");
        let mut message = Incoming::empty(MessageType::LED);
        let mut turn = self.started;
        loop {
            let commands = &self.queues.commands;
            let received = match (self.led.due(), &mut self.timer) {
                (Some(due), Ok(timer)) => {
                    let end = due.max(turn);
                    commands.receive_until(
                        &mut message,
                        Select::Any,
                        Oversize::Truncate,
                        timer,
                        end,
                    )
                }
                _ => commands
                    .receive_into(&mut message, Select::Any, Oversize::Truncate)
                    .map(|()| Received::Message),
            };
            match received {
                Ok(Received::Message) => {
                    if let ControlFlow::Break(reply_to) = self.handle(&message)? {
                        return Ok(reply_to);
                    }
                }
                Ok(Received::Timeout) => {
                    self.tick();
                    turn = Instant::now() + TURN;
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
                    if !self.let_signals_drain() {
                        return Ok(None);
                    }
                }
                Err(source) => return Err(Error::Queue { key, source }),
            }
        }
    }

    /// Makes the due change of an LED that blinks or fades.
    fn tick(&mut self) {
        if let Err(error) = self.led.tick(Instant::now())
            && LED_LINES.allows()
        {
            log::error!("the LED stopped changing: {error}");
        }
        self.tell_watchers(self.led.light());
    }
}

fn no_timer(error: &io::Error) -> io::Error {
    let text = format!("it cannot blink or fade without a timer: {error}");
    io::Error::new(error.kind(), text)
}
