//! The controller and its model: start, messages and steps.

use std::{
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use controller::{Error, Server, Shutdown};
use nix::sys::signal::Signal;
use proptest::{prelude::*, test_runner::TestCaseResult};
use shared::{Access, Message, MessageType, Place, Queue, State};
use testing::Fixture;

use super::{
    PATIENCE,
    manual::{self, Model},
    steps::{By, Step},
};
use crate::fake::{FAILS, Recording, WORKS, lock, parts};

/// The controller, and its model.
pub(crate) struct ModelledController {
    shutdown: Shutdown,
    thread: Option<JoinHandle<Result<(), Error>>>,
    pub(crate) started: Instant,
    pub(crate) recording: Arc<Mutex<Recording>>,
    pub(crate) model: Model,
    pub(crate) fixture: Fixture,
}

impl ModelledController {
    pub(crate) fn new() -> ModelledController {
        let mut new = ModelledController {
            shutdown: Shutdown::default(),
            thread: None,
            started: Instant::now(),
            recording: Arc::default(),
            model: Model::new(),
            fixture: Fixture::new(),
        };
        new.start();
        new
    }

    /// Starts the next controller.
    fn start(&mut self) {
        (self.started, self.model) = (Instant::now(), Model::new());
        self.shutdown = Shutdown::default();
        let (led, queues, recording) = parts(&self.fixture, State::Off, WORKS);
        self.recording = recording;
        let shutdown = self.shutdown.clone();
        // The timer of a server is that of its thread.
        self.thread = Some(thread::spawn(|| {
            Server::new(led, Place::Simulated, queues, shutdown).run()
        }));
    }

    pub(crate) fn commands(&self) -> Result<Queue, shared::Error> {
        Queue::open(self.fixture.key, Access::SendAndReceive)
    }

    pub(crate) fn replies(&self) -> Result<Queue, shared::Error> {
        Queue::open(self.fixture.key.reply(), Access::SendAndReceive)
    }

    pub(crate) fn step(&mut self, step: Step) -> TestCaseResult {
        match step {
            Step::Send {
                message_type,
                text,
                led_fails,
            } => {
                let lower = text.0.to_ascii_lowercase();
                let is_fade = lower.starts_with(b"o") && lower.ends_with(b" 1");
                // The test cannot tell whether a fade is over when the LED works again.
                let led_fails = led_fails && !is_fade;
                let blinks = [b"blink 1 ", b"flash 1 "];
                if is_fade || blinks.iter().any(|verb| lower.starts_with(*verb)) {
                    // The test cannot tell when they have their replies to this.
                    self.change_for_watchers()?;
                }
                self.let_led_fail(led_fails);
                self.send(message_type, &text.0);
                self.model.receive(message_type, &text.0, led_fails);
            }
            Step::Collect => self.collect()?,
            Step::LimitReplies(limit) => {
                self.limit_replies(limit);
                return Ok(());
            }
            Step::Remove {
                commands,
                replies,
                waiting,
            } => {
                self.remove(commands, replies, &waiting)?;
                // Only the next reply creates the reply queue again. It should be that of the next step.
                if self.model.replies.is_none() && waiting.is_empty() {
                    return Ok(());
                }
            }
            Step::End {
                by,
                waiting,
                led_fails,
            } => {
                self.end(&by, &waiting, led_fails)?;
                let mut replied = None;
                if let By::Kill { leaves_commands } = by {
                    self.leave();
                    waiting.iter().for_each(|text| self.send(1, &text.0));
                    if !leaves_commands {
                        self.commands().unwrap().remove().unwrap();
                    }
                    replied = Some((
                        self.clients()?,
                        manual::not_applied(waiting.iter().filter(|_| leaves_commands)),
                    ));
                }
                self.start();
                if let Some((clients, expected)) = replied {
                    prop_assert_eq!(self.read_all(clients.join().unwrap()), expected);
                }
            }
        }
        self.compare()
    }

    pub(crate) fn let_led_fail(&self, fails: bool) {
        lock(&self.recording).failures = if fails { FAILS } else { WORKS };
    }

    pub(crate) fn limit_replies(&mut self, limit: usize) {
        // It may have been removed.
        if let Ok(replies) = self.replies() {
            replies.set_limit(limit as u64).unwrap();
            self.model.limit = limit;
        }
    }

    /// Requests the end as a signal does.
    pub(crate) fn request_end(&self) {
        self.shutdown.request(Signal::SIGTERM);
    }

    /// Waits for the end. Whether the controller succeeded; none if it panicked.
    pub(crate) fn join(&mut self) -> Result<Option<bool>, TestCaseError> {
        self.wait_until("the controller ends", || self.has_ended())?;
        let ended = self.thread.take().unwrap().join();
        Ok(ended.ok().map(|ended| ended.is_ok()))
    }

    pub(crate) fn send(&self, message_type: i64, text: &[u8]) {
        let message_type = MessageType::new(message_type).unwrap();
        let message: Message<512> = Message::new(message_type, text).unwrap();
        self.commands().unwrap().try_send(&message).unwrap();
    }

    fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    pub(crate) fn wait_until(
        &self,
        what: &str,
        mut condition: impl FnMut() -> bool,
    ) -> TestCaseResult {
        let start = Instant::now();
        loop {
            let too_late = self.has_ended() || start.elapsed() > PATIENCE;
            if condition() {
                return Ok(());
            }
            prop_assert!(!too_late, "timed out: {}", what);
            thread::sleep(Duration::from_micros(20));
        }
    }
}

impl Drop for ModelledController {
    fn drop(&mut self) {
        self.request_end();
        let _ = self.wait_until("the controller ends", || self.has_ended());
    }
}
