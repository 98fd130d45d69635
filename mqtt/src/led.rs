//! The threads of an LED: one follows its state, one sends its commands.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use client::{Error, Event, Follower, Outcome, Target};
use shared::Command;

use crate::{
    advice::Advised,
    outbox::{Outbox, Response, ResponseTo},
};

/// How long a controller may take to reply.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long to wait for a controller that did not reply before asking again: each question takes room in its queue. If it is
/// killed meanwhile, the client polls for the next one until this time is over.
const LONG_TIMEOUT: Duration = Duration::from_secs(300);
/// How long to wait after an error that does not pass by itself.
const PAUSE: Duration = Duration::from_secs(10);
/// The most commands that wait for an LED.
const COMMANDS_MAX: usize = 16;

/// A command for an LED.
pub(crate) struct Job {
    pub(crate) command: Command,
    pub(crate) respond: Option<ResponseTo>,
}

/// An LED, as its threads know it.
#[derive(Clone)]
struct Led {
    /// Its place in the outbox.
    index: usize,
    /// How the log calls it: the topic of its commands.
    topic: Arc<str>,
    target: Target,
    outbox: Arc<Outbox>,
}

/// Starts the threads of an LED. Returns where it takes commands.
///
/// # Errors
///
/// A thread cannot be started.
pub(crate) fn start(
    index: usize,
    topic: &str,
    target: Target,
    outbox: &Arc<Outbox>,
) -> io::Result<SyncSender<Job>> {
    let (sender, receiver) = sync_channel(COMMANDS_MAX);
    let led = Led {
        index,
        topic: topic.into(),
        target,
        outbox: Arc::clone(outbox),
    };
    let follower = led.clone();
    thread::Builder::new()
        .name("follow".into())
        .spawn(move || follower.follow())?;
    thread::Builder::new()
        .name("command".into())
        .spawn(move || led.command(&receiver))?;
    Ok(sender)
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
                        if self.outbox.status(self.index).state.is_none() {
                            log::info!("{topic}: the controller has PID {}", info.pid);
                        }
                        self.outbox.update(self.index, |status| {
                            status.state = Some(info.state);
                            status.is_stalled = false;
                        });
                    }
                    Ok(Event::NoState(error)) => {
                        log::warn!("{topic}: {}", Advised(&error));
                        self.outbox.update(self.index, |status| status.state = None);
                    }
                    Ok(Event::ReaderGone | Event::TimedOut) => {}
                    Err(error) => break error,
                }
            };
            self.outbox.update(self.index, |status| status.state = None);
            let error = Advised(&error).to_string();
            if error != last_error {
                log::error!("{topic}: {error}");
                last_error = error;
            }
            thread::sleep(PAUSE);
        }
    }

    fn command(&self, jobs: &Receiver<Job>) {
        for job in jobs {
            let result = client::ask(&self.target, job.command, TIMEOUT);
            let has_replied = !matches!(result, Err(Error::NoReply { .. } | Error::Full { .. }));
            if let Err(error) = &result
                && self.outbox.limit.allows()
            {
                let error = Advised(error);
                log::warn!("{}: {}: {error}", self.topic, job.command);
            }
            self.respond(job.respond, &result);
            if !has_replied {
                self.wait_until_it_replies(jobs);
            }
        }
    }

    /// Waits for a controller that has stopped. What it would apply long after it was asked for is refused.
    fn wait_until_it_replies(&self, jobs: &Receiver<Job>) {
        self.outbox
            .update(self.index, |status| status.is_stalled = true);
        loop {
            match client::ask_info(&self.target, LONG_TIMEOUT) {
                Err(Error::NoReply { .. }) => {}
                // There is no room for the question yet.
                Err(Error::Full { .. }) => thread::sleep(PAUSE),
                _ => break,
            }
        }
        while let Ok(Job { command, respond }) = jobs.try_recv() {
            if self.outbox.limit.allows() {
                log::warn!("{}: {command}: {STALLED}", self.topic);
            }
            self.respond(
                respond,
                &Err(Error::Refused {
                    reason: STALLED.into(),
                }),
            );
        }
        self.outbox
            .update(self.index, |status| status.is_stalled = false);
    }

    fn respond(&self, respond: Option<ResponseTo>, result: &Result<Outcome, Error>) {
        let Some(to) = respond else { return };
        let text = match result {
            Ok(Outcome::Applied(state, _)) => format!("OK {state}"),
            Ok(Outcome::Ended) => "ERR the controller ended".into(),
            Err(Error::Refused { reason }) => format!("ERR {reason}"),
            Err(error) => format!("ERR {error}"),
        };
        self.outbox.respond(Response { to, text });
    }
}

/// Why a command is not sent to a controller that did not reply to the last one.
pub(crate) const STALLED: &str = "the controller does not reply; nothing was sent";
