//! What one message does: it is applied or refused, and replied to.

use std::{io, ops::ControlFlow, time::Instant};

use shared::{
    Blink, Command, Incoming, Info, Message, MessageType, Refused, Reply, Request, State,
};

use super::Server;
use crate::{CLIENT_LINES, Error, LED_LINES, OnOff, reply_queue::send_reply};

/// Whether a reply is in the queue.
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
            Ok(Request { command, reply_to }) => match (command, reply_to) {
                (Command::Exit, _) => return Ok(ControlFlow::Break(reply_to)),
                (Command::Watch(known), Some(reply_to)) => self.handle_watch(reply_to, known)?,
                (Command::Watch(_), None) => {}
                _ => self.obey(command, reply_to)?,
            },
            Err(Refused { refusal, reply_to }) => {
                self.info.refused += 1;
                if CLIENT_LINES.allows() {
                    log::warn!("refused, {refusal}: {message}");
                }
                if let Some(reply_to) = reply_to {
                    self.reply(&Reply::Err(refusal).encode(reply_to))?;
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Applies a command, sends the reply that it requests, and replies to the watchers.
    fn obey(&mut self, command: Command, reply_to: Option<MessageType>) -> Result<(), Error> {
        let applied = self.apply(command);
        match &applied {
            Ok(state) => log::debug!("{command}: LED {state}"),
            Err(error) => {
                self.info.refused += 1;
                if LED_LINES.allows() {
                    log::error!("{command}: cannot set the LED: {error}");
                }
            }
        }
        if let Some(reply_to) = reply_to {
            let reply = match &applied {
                Ok(state) if command == Command::Status => {
                    self.current_info(*state).encode(reply_to)
                }
                Ok(state) => Reply::<&str>::Ok(*state).encode(reply_to),
                Err(error) => {
                    Reply::Err(format_args!("cannot set the LED: {error}")).encode(reply_to)
                }
            };
            self.reply(&reply)?;
        }
        self.tell_watchers(applied.unwrap_or_else(|_| self.led.state()));
        Ok(())
    }

    fn apply(&mut self, command: Command) -> io::Result<State> {
        let state = match command {
            Command::On => self.led.set(OnOff::On)?,
            Command::Off => self.led.set(OnOff::Off)?,
            Command::Toggle => self.led.toggle()?,
            Command::Blink(blink) => self.blink(blink)?,
            Command::Status | Command::Watch(_) | Command::Exit => return Ok(self.led.state()),
        };
        self.info.applied += 1;
        if let Some(saver) = &mut self.saver {
            saver.save(state);
        }
        Ok(state)
    }

    pub(super) fn blink(&mut self, blink: Blink) -> io::Result<State> {
        match &self.timer {
            Ok(_) => self.led.blink(blink, Instant::now()),
            Err(error) => {
                let text = format!("it cannot blink without a timer: {error}");
                Err(io::Error::new(error.kind(), text))
            }
        }
    }

    /// Replies with the state to a client that knows another one or none, or when it changes.
    fn handle_watch(&mut self, reply_to: MessageType, known: Option<State>) -> Result<(), Error> {
        let state = self.led.state();
        log::debug!("WATCH: LED {state}");
        self.watchers.remove(reply_to);
        let told = match known {
            Some(known) if known.is_same(state) => self.watchers.add(reply_to, known),
            _ => Some(reply_to),
        };
        if let Some(told) = told {
            let reply = self.current_info(state).encode(told);
            let sent = self.reply(&reply)?;
            self.watchers.replied(told, sent != Sent::Yes);
        }
        Ok(())
    }

    /// Replies to all watchers that know another state than this one.
    #[inline]
    pub(super) fn tell_watchers(&mut self, state: State) {
        if !self.watchers.know(state) {
            self.tell_each(state);
        }
    }

    fn tell_each(&mut self, state: State) {
        for _ in 0..self.watchers.tell(state) {
            let Some(reply_to) = self.watchers.next(state) else {
                continue;
            };
            let reply = self.current_info(state).encode(reply_to);
            match self.send(&reply) {
                Sent::QueueRemoved => return self.watchers.clear(),
                sent => self.watchers.replied(reply_to, sent != Sent::Yes),
            }
        }
    }

    fn current_info(&mut self, state: State) -> &Info {
        self.info.state = state;
        self.info.uptime = self.started.elapsed();
        &self.info
    }

    /// Sends a reply, if necessary on a new queue.
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
        // The client noticed the removal, and waits for its reply on the new queue.
        let sent = self.send(reply);
        // A signal that has come meanwhile has removed the command queue, which ends the loop.
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
