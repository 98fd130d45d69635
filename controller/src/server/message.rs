//! Applies or refuses one message, and replies to it.

use std::{io, ops::ControlFlow, time::Instant};

use shared::{
    Command, Fade, Incoming, Info, Known, Light, Message, MessageType, Refusal, Refused, Reply,
    Request,
};

use super::{Server, no_timer};
use crate::{CLIENT_LINES, Error, LED_LINES, replies::send_reply};

/// Whether a reply was sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sent {
    Yes,
    No,
    QueueRemoved,
}

impl Server {
    /// Applies or refuses one message, and sends the reply that it requests. Returns `Break` with the reply type at `exit`.
    ///
    /// # Errors
    ///
    /// The reply queue was removed, and cannot be created again.
    pub fn handle(
        &mut self,
        message: &Incoming,
    ) -> Result<ControlFlow<Option<MessageType>>, Error> {
        match Request::decode(message) {
            Ok(Request { command, reply_to })
                if command.needs_levels() && self.led.levels() == 2 =>
            {
                let refusal = Refusal::TwoLevels;
                self.refuse(Refused { refusal, reply_to }, message)?;
            }
            Ok(Request { command, reply_to }) => match (command, reply_to) {
                (Command::Exit, _) => return Ok(ControlFlow::Break(reply_to)),
                (Command::Watch(known), Some(reply_to)) => self.handle_watch(reply_to, known)?,
                (Command::Watch(_), None) => {}
                _ => self.obey(command, reply_to)?,
            },
            Err(refused) => self.refuse(refused, message)?,
        }
        Ok(ControlFlow::Continue(()))
    }

    fn refuse(&mut self, refused: Refused, message: &Incoming) -> Result<(), Error> {
        let Refused { refusal, reply_to } = refused;
        self.info.refused += 1;
        if CLIENT_LINES.allows() {
            log::warn!("refused, {refusal}: {message}");
        }
        match reply_to {
            Some(reply_to) => self.reply(&Reply::Err(refusal).encode(reply_to)).map(drop),
            None => Ok(()),
        }
    }

    /// Applies a command, sends the reply that it requests, and replies to the watchers.
    fn obey(&mut self, command: Command, reply_to: Option<MessageType>) -> Result<(), Error> {
        let applied = self.apply(command);
        match &applied {
            Ok(light) => log::debug!("{command}: LED {}", light.state),
            Err(error) => {
                self.info.refused += 1;
                if LED_LINES.allows() {
                    log::error!("{command}: cannot set the LED: {error}");
                }
            }
        }
        if let Some(reply_to) = reply_to {
            let reply = match &applied {
                Ok(light) if command == Command::Status => {
                    self.current_info(*light).encode(reply_to)
                }
                Ok(light) => Reply::<&str>::Ok(*light).encode(reply_to),
                Err(error) => {
                    Reply::Err(format_args!("cannot set the LED: {error}")).encode(reply_to)
                }
            };
            self.reply(&reply)?;
        }
        self.tell_watchers(applied.unwrap_or_else(|_| self.led.light()));
        Ok(())
    }

    fn apply(&mut self, command: Command) -> io::Result<Light> {
        // The clock is read only where time counts.
        let begin = |fade: Fade| (fade, Instant::now());
        let light = match command {
            Command::On { brightness, fade } => {
                self.can_fade(fade)?;
                self.led.on(brightness, fade.map(begin))?
            }
            Command::Off { fade } => {
                self.can_fade(fade)?;
                self.led.off(fade.map(begin))?
            }
            Command::Toggle => self.led.toggle()?,
            Command::Blink(blink) => {
                self.needs_timer()?;
                self.led.blink(blink, Instant::now())?
            }
            Command::Flash(blink) => {
                self.needs_timer()?;
                self.led.flash(blink, Instant::now())?
            }
            Command::Status | Command::Watch(_) | Command::Exit => return Ok(self.led.light()),
        };
        self.info.applied += 1;
        if let Some(saver) = &mut self.saver {
            saver.save(self.led.lasting());
        }
        Ok(light)
    }

    /// An LED with two levels changes at once.
    fn can_fade(&self, fade: Option<Fade>) -> io::Result<()> {
        match fade {
            Some(_) if self.led.levels() > 2 => self.needs_timer(),
            _ => Ok(()),
        }
    }

    fn needs_timer(&self) -> io::Result<()> {
        self.timer.as_ref().map(|_| ()).map_err(no_timer)
    }

    /// Replies at once to a client that does not know the current state. Otherwise adds it to the watchers.
    fn handle_watch(&mut self, reply_to: MessageType, known: Option<Known>) -> Result<(), Error> {
        let light = self.led.light();
        log::debug!("WATCH: LED {}", light.state);
        self.watchers.remove(reply_to);
        let told = match known {
            Some(known) if known.is(light) => self.watchers.add(reply_to, known),
            _ => Some(reply_to),
        };
        if let Some(told) = told {
            let reply = self.current_info(light).encode(told);
            let sent = self.reply(&reply)?;
            self.watchers.replied(told, sent != Sent::Yes);
        }
        Ok(())
    }

    /// Replies to all watchers that do not know the current state.
    #[inline]
    pub(super) fn tell_watchers(&mut self, light: Light) {
        if !self.watchers.know(light) {
            self.tell_each(light);
        }
    }

    fn tell_each(&mut self, light: Light) {
        for _ in 0..self.watchers.tell(light) {
            let Some(reply_to) = self.watchers.next(light) else {
                continue;
            };
            let reply = self.current_info(light).encode(reply_to);
            match self.send(&reply) {
                Sent::QueueRemoved => return self.watchers.clear(),
                sent => self.watchers.replied(reply_to, sent != Sent::Yes),
            }
        }
    }

    fn current_info(&mut self, light: Light) -> &Info {
        self.info.state = light.state;
        self.info.brightness = (self.led.levels() > 2).then_some(light.brightness);
        self.info.uptime = self.started.elapsed();
        &self.info
    }

    /// Sends a reply. Creates the reply queue again if another process removed it.
    fn reply(&mut self, reply: &Message) -> Result<Sent, Error> {
        CLIENT_LINES.report_if_over();
        LED_LINES.report_if_over();
        let sent = self.send(reply);
        if sent != Sent::QueueRemoved {
            return Ok(sent);
        }
        let key = self.queues.options.key.reply();
        log::warn!("another process removed reply queue {key}; creating it again");
        self.watchers.clear();
        self.queues.recreate_replies()?;
        // The client notices the removal, and waits for its reply in the new queue.
        let sent = self.send(reply);
        // If a signal has come meanwhile, it has removed the command queue, which ends the loop.
        let _ = self.let_signals_drain();
        Ok(sent)
    }

    /// Sends a reply. The oldest ones make room for it.
    fn send(&mut self, reply: &Message) -> Sent {
        let (watchers, count) = (&mut self.watchers, &mut self.info.replies_dropped);
        let sent = send_reply(&self.queues.replies, reply, |dropped| {
            watchers.pushed_out(dropped);
            log_dropped(count, dropped);
        });
        match sent {
            Ok(()) => Sent::Yes,
            Err(shared::Error::Removed(_)) => Sent::QueueRemoved,
            Err(error) => {
                if CLIENT_LINES.allows() {
                    let key = self.queues.options.key.reply();
                    let reply_to = reply.message_type();
                    log::warn!("no reply to {reply_to} on queue {key}: {error}");
                }
                Sent::No
            }
        }
    }
}

/// Logs 1, 2, 4, 8, … dropped replies: clients that never receive them cannot fill the log.
fn log_dropped(count: &mut u64, reply_to: MessageType) {
    *count += 1;
    if count.is_power_of_two() {
        log::warn!(
            "the reply queue is full: replies dropped: {count}, the last of type {reply_to}"
        );
    }
}
