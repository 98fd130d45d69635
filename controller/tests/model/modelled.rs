//! The controller and its model: start, messages and steps.

use std::{
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use controller::{Error, Led, Locks, OnOff, QueueOptions, QueuePair, Server, Shutdown};
use nix::sys::signal::Signal;
use proptest::{prelude::*, test_runner::TestCaseResult};
use shared::{Access, Key, Message, MessageType, Mode, Queue};
use tempfile::TempDir;

use crate::{
    PATIENCE,
    led::{Recording, RecordingLed, lock},
    manual::{self, Model},
    steps::{By, Step},
};

const MODE: Mode = Mode::new(0o600).unwrap();

/// The controller, and its model.
pub(crate) struct ModelledController {
    pub(crate) options: QueueOptions,
    pub(crate) directory: Arc<TempDir>,
    pub(crate) shutdown: Shutdown,
    pub(crate) thread: Option<JoinHandle<Result<(), Error>>>,
    pub(crate) started: Instant,
    pub(crate) recording: Arc<Mutex<Recording>>,
    pub(crate) model: Model,
}

impl ModelledController {
    pub(crate) fn start(key: Key, directory: Arc<TempDir>) -> ModelledController {
        let started = Instant::now();
        let options = QueueOptions {
            key,
            mode: MODE,
            group: None,
        };
        let (shutdown, recording) = (Shutdown::default(), Arc::default());
        let led = Led::new(Box::new(RecordingLed(Arc::clone(&recording))), OnOff::Off);
        let locks = Locks::acquire(key, Some(directory.path())).unwrap();
        let server = Server::new(
            led,
            None,
            QueuePair::create(options, locks).unwrap(),
            shutdown.clone(),
        );
        let thread = Some(thread::spawn(|| server.run()));
        ModelledController {
            options,
            directory,
            shutdown,
            thread,
            started,
            recording,
            model: Model::new(),
        }
    }

    pub(crate) fn commands(&self) -> Result<Queue, shared::Error> {
        Queue::open(self.options.key, Access::SendAndReceive)
    }

    pub(crate) fn replies(&self) -> Result<Queue, shared::Error> {
        Queue::open(self.options.key.reply(), Access::SendAndReceive)
    }

    pub(crate) fn step(&mut self, step: Step) -> TestCaseResult {
        match step {
            Step::Send {
                message_type,
                text,
                led_fails,
            } => {
                if text.0.to_ascii_lowercase().starts_with(b"blink 1 ") {
                    // The test cannot tell when they have their replies to this.
                    self.change_for_watchers()?;
                }
                lock(&self.recording).fails = led_fails;
                self.send(message_type, &text.0);
                self.model.receive(message_type, &text.0, led_fails);
            }
            Step::Collect => self.collect()?,
            Step::LimitReplies(limit) => {
                // It may have been removed.
                if let Ok(replies) = self.replies() {
                    replies.set_limit(limit as u64).unwrap();
                    self.model.limit = limit;
                }
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
                *self = ModelledController::start(self.options.key, Arc::clone(&self.directory));
                if let Some((clients, expected)) = replied {
                    prop_assert_eq!(self.read_all(clients.join().unwrap()), expected);
                }
            }
        }
        self.compare()
    }

    pub(crate) fn send(&self, message_type: i64, text: &[u8]) {
        self.commands()
            .unwrap()
            .try_send(&message(message_type, text))
            .unwrap();
    }

    pub(crate) fn has_ended(&self) -> bool {
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
        self.shutdown.request(Signal::SIGTERM);
        let _ = self.wait_until("the controller ends", || self.has_ended());
    }
}

fn message(message_type: i64, text: &[u8]) -> Message<512> {
    Message::new(MessageType::new(message_type).unwrap(), text).unwrap()
}
