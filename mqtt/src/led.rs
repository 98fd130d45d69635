//! The threads of an LED: one follows its state, one sends its commands.

use std::{io, sync::Arc, thread, time::Duration};

use client::{Error, Event, Follower, Outcome, Target};
use shared::Command;
use tokio::time::Instant;

use crate::{
    advice::Advised,
    board::{Board, ResponseTo},
    mailbox::{Job, Mailbox},
};

/// How long a controller may take to reply.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long to wait for the reply of a controller that did not reply in time. The timeout is long, because each
/// further request takes room in its queue. If the controller is killed meanwhile, the client looks for the next one until then.
const LONG_TIMEOUT: Duration = Duration::from_secs(300);
/// How long to wait after an error that does not pass by itself.
const PAUSE: Duration = Duration::from_secs(10);

/// Why a command is not sent to a controller that did not reply to the last one.
pub(crate) const STALLED: &str = "the controller does not reply; nothing was sent";
/// Why a command is not sent too late.
pub(crate) const EXPIRED: &str = "the message expired before it could be applied; nothing was sent";

/// An LED, as its threads know it.
#[derive(Clone)]
struct Led {
    /// Its place on the board.
    index: usize,
    /// The topic of its commands, by which the log names it.
    topic: Arc<str>,
    target: Target,
    board: Arc<Board>,
    mailbox: Arc<Mailbox>,
}

/// Starts the two threads of an LED. Returns the mailbox for its commands.
///
/// # Errors
///
/// A thread cannot be started.
pub(crate) fn start(
    index: usize,
    topic: &str,
    target: Target,
    board: &Arc<Board>,
) -> io::Result<Arc<Mailbox>> {
    let led = Led {
        index,
        topic: topic.into(),
        target,
        board: Arc::clone(board),
        mailbox: Arc::default(),
    };
    let (follower, mailbox) = (led.clone(), Arc::clone(&led.mailbox));
    thread::Builder::new()
        .name("follow".into())
        .spawn(move || follower.follow())?;
    thread::Builder::new()
        .name("command".into())
        .spawn(move || led.command())?;
    Ok(mailbox)
}

impl Led {
    fn follow(&self) {
        let Led { topic, target, .. } = self;
        let mut last_error = String::new();
        loop {
            let mut follower = Follower::new(target, TIMEOUT, None);
            let error = loop {
                match follower.next(None) {
                    Ok(Event::State(info)) => {
                        last_error.clear();
                        if self.board.status(self.index).light.is_none() {
                            log::info!("{topic}: the controller has PID {}", info.pid);
                        }
                        self.board.update(self.index, |status| {
                            status.light = Some(info.light());
                            status.levels = info.levels;
                        });
                    }
                    Ok(Event::NoState(error)) => {
                        log::warn!("{topic}: {}", Advised(&error));
                        self.board.update(self.index, |status| status.light = None);
                    }
                    Ok(Event::ReaderGone | Event::TimedOut) => {}
                    Err(error) => break error,
                }
            };
            self.board.update(self.index, |status| status.light = None);
            let error = Advised(&error).to_string();
            if error != last_error {
                log::error!("{topic}: {error}");
                last_error = error;
            }
            thread::sleep(PAUSE);
        }
    }

    fn command(&self) -> ! {
        loop {
            let Job {
                command,
                respond,
                expiry,
            } = self.mailbox.take();
            if expiry.is_some_and(|expiry| expiry <= Instant::now()) {
                self.refuse(command, respond, EXPIRED);
                continue;
            }
            let result = client::ask(&self.target, command, TIMEOUT);
            let has_replied = match &result {
                Err(Error::NoReply { .. }) => false,
                // Others fill it, and the controller reads it.
                Err(Error::Full { queue, .. }) => queue.is_read(),
                _ => true,
            };
            if let Err(error) = &result {
                self.board
                    .warn(|| format!("{}: {command}: {}", self.topic, Advised(error)));
            }
            // Publish that the LED is offline before the response.
            self.board
                .update(self.index, |status| status.is_stalled = !has_replied);
            self.board.respond(respond, || match &result {
                Ok(Outcome::Applied(light, _)) => format!("OK {}", light.state),
                Ok(Outcome::Ended) => "ERR the controller ended".into(),
                Err(Error::Refused { reason }) => format!("ERR {reason}"),
                Err(error) => format!("ERR {error}"),
            });
            if !has_replied {
                self.wait_until_it_replies();
            }
        }
    }

    /// Waits until a controller that did not reply serves again. Commands are refused meanwhile, because it would apply them late.
    fn wait_until_it_replies(&self) {
        self.refuse_all();
        loop {
            match client::ask_info(&self.target, LONG_TIMEOUT) {
                Err(Error::NoReply { .. }) => {}
                // Its queue has no room for the request yet.
                Err(Error::Full { .. }) => thread::sleep(PAUSE),
                _ => break,
            }
        }
        self.refuse_all();
        self.board
            .update(self.index, |status| status.is_stalled = false);
    }

    fn refuse_all(&self) {
        for job in self.mailbox.take_all() {
            self.refuse(job.command, job.respond, STALLED);
        }
    }

    fn refuse(&self, command: Command, respond: Option<ResponseTo>, reason: &str) {
        let command = format!("{}: {command}", self.topic);
        self.board.refuse(&command, respond, reason);
    }
}
