//! The controller beside a small model of it, written from led-controller(7) and not from the code. Both get the same
//! messages, and must send the same replies.
//!
//! `Server::run` runs in a thread, with real queues: the model checks its loop, its end, and its recovery from a removed
//! queue. It has one message at a time, and a `STATUS` after it shows that it is done. Where several messages have to wait,
//! a write to the LED blocks the controller. So nothing depends on scheduling, and a failure repeats.

use std::{
    collections::VecDeque,
    fs,
    hash::{BuildHasher, RandomState},
    io, iter, mem,
    path::Path,
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc::channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

mod manual;
mod steps;

use controller::{Error, Led, Level, Locks, QueueOptions, QueuePair, Server, Shutdown};
use nix::sys::signal::Signal;
use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed, TestCaseResult, TestRunner},
};
use shared::{Access, Key, Message, MessageType, Mode, Oversize, Queue, Select, lock::Lock};
use tempfile::TempDir;

use manual::{Model, Reply};
use steps::{By, Step, Text, steps};

/// How long to wait for anything.
const PATIENCE: Duration = Duration::from_secs(20);
const MODE: Mode = Mode::new(0o600).unwrap();
/// The type of the test's own replies, which no random request has.
const PROBE: i64 = 4711;

/// An LED that records its changes, and can be made to fail.
struct RecordingLed(Arc<Mutex<Recording>>);

#[derive(Default)]
struct Recording {
    changes: Vec<&'static str>,
    fails: bool,
}

impl controller::Output for RecordingLed {
    fn set(&mut self, level: Level) -> io::Result<()> {
        let mut recording = lock(&self.0);
        if recording.fails {
            return Err(io::Error::other("broken"));
        }
        recording.changes.push(if level == Level::On { "on" } else { "off" });
        Ok(())
    }
}

impl Drop for RecordingLed {
    fn drop(&mut self) {
        lock(&self.0).changes.push("released");
    }
}

fn lock(recording: &Mutex<Recording>) -> MutexGuard<'_, Recording> {
    recording.lock().unwrap_or_else(PoisonError::into_inner)
}

type Blocked<'a> = Option<MutexGuard<'a, Recording>>;

/// Removes the queues that a failed case left.
struct RemoveQueues(Key);

impl Drop for RemoveQueues {
    fn drop(&mut self) {
        for key in [self.0, self.0.reply()] {
            let _ = Queue::open(key, Access::Find).and_then(|queue| queue.remove());
        }
    }
}

/// The controller, and its model.
struct ModelledController {
    options: QueueOptions,
    directory: Arc<TempDir>,
    shutdown: Shutdown,
    thread: Option<JoinHandle<Result<(), Error>>>,
    started: Instant,
    recording: Arc<Mutex<Recording>>,
    model: Model,
}

impl ModelledController {
    fn start(key: Key, directory: Arc<TempDir>) -> ModelledController {
        let started = Instant::now();
        let options = QueueOptions { key, mode: MODE, group: None };
        let (shutdown, recording) = (Shutdown::default(), Arc::default());
        let led = Led::new(Box::new(RecordingLed(Arc::clone(&recording))), Level::Off);
        let locks = Locks::acquire(key, Some(directory.path())).unwrap();
        let server = Server::new(led, None, QueuePair::create(options, locks).unwrap(), shutdown.clone());
        let thread = Some(thread::spawn(|| server.run()));
        ModelledController { options, directory, shutdown, thread, started, recording, model: Model::new() }
    }

    fn commands(&self) -> Result<Queue, shared::Error> {
        Queue::open(self.options.key, Access::SendAndReceive)
    }

    fn replies(&self) -> Result<Queue, shared::Error> {
        Queue::open(self.options.key.reply(), Access::SendAndReceive)
    }

    fn step(&mut self, step: Step) -> TestCaseResult {
        match step {
            Step::Send { message_type, text, led_fails } => {
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
            Step::Remove { commands, replies, waiting } => {
                self.remove(commands, replies, &waiting)?;
                // Only the next reply creates the reply queue again. It should be that of the next step.
                if self.model.replies.is_none() && waiting.is_empty() {
                    return Ok(());
                }
            }
            Step::End { by, waiting, led_fails } => {
                self.end(&by, &waiting, led_fails)?;
                let mut replied = None;
                if let By::Kill { leaves_commands } = by {
                    self.leave();
                    waiting.iter().for_each(|text| self.send(1, &text.0));
                    if !leaves_commands {
                        self.commands().unwrap().remove().unwrap();
                    }
                    replied = Some((self.clients()?, manual::not_applied(waiting.iter().filter(|_| leaves_commands))));
                }
                *self = ModelledController::start(self.options.key, Arc::clone(&self.directory));
                if let Some((clients, expected)) = replied {
                    prop_assert_eq!(self.read_all(clients.join().unwrap()), expected);
                }
            }
        }
        self.compare()
    }

    fn remove(&mut self, commands: bool, replies: bool, waiting: &[Text]) -> TestCaseResult {
        if commands {
            // The controller would wait for them.
            self.collect()?;
        }
        let recording = Arc::clone(&self.recording);
        let blocked = self.block(&recording, waiting, false)?;
        waiting.iter().for_each(|text| self.send(1, &text.0));
        if replies {
            let _ = self.replies().and_then(|queue| queue.remove());
            self.model.replies = None;
        }
        if !commands {
            waiting.iter().for_each(|text| self.model.receive(1, &text.0, false));
            return Ok(());
        }
        let old = self.commands().unwrap();
        old.remove().unwrap();
        self.model.create_replies();
        drop(blocked);
        self.wait_until("the command queue is created again", || self.commands().is_ok_and(|new| new != old))
    }

    fn end(&mut self, by: &By, waiting: &[Text], led_fails: bool) -> TestCaseResult {
        let recording = Arc::clone(&self.recording);
        // After a kill, the commands wait for the next controller.
        let waiting = if let By::Kill { .. } = by { &[] } else { waiting };
        lock(&recording).fails = led_fails;
        let blocked = self.block(&recording, waiting, led_fails)?;
        let exit = if let By::Exit(text) = by { &text.0[..] } else { b"" };
        let clients = if self.model.replies.is_some() { Some(self.clients()?) } else { None };
        if let By::Exit(text) = by {
            self.send(2, &text.0);
        }
        waiting.iter().for_each(|text| self.send(1, &text.0));
        if !matches!(by, By::Exit(_)) {
            self.shutdown.request(Signal::SIGTERM);
        }
        drop(blocked);
        self.wait_until("the controller ends", || self.has_ended())?;
        let ended = self.thread.take().unwrap().join();
        let expected = self.model.end(exit, waiting, led_fails);
        prop_assert_eq!(ended.ok().map(|ended| ended.is_ok()), Some(!led_fails));
        prop_assert!(self.commands().is_err() && self.replies().is_err(), "a queue is left");
        let replies = clients.map(|clients| self.read_all(clients.join().unwrap()));
        prop_assert_eq!(replies, expected);
        prop_assert_eq!(&lock(&recording).changes, &self.model.changes);
        Ok(())
    }

    /// If commands are to wait, blocks the controller in a write to its LED.
    fn block<'a>(
        &mut self,
        recording: &'a Mutex<Recording>,
        waiting: &[Text],
        led_fails: bool,
    ) -> Result<Blocked<'a>, TestCaseError> {
        if waiting.is_empty() {
            return Ok(None);
        }
        let blocked = lock(recording);
        self.send(1, b"OFF");
        self.model.receive(1, b"OFF", led_fails);
        self.wait_until("the controller receives the command", || {
            self.commands().unwrap().status().unwrap().messages == 0
        })?;
        Ok(Some(blocked))
    }

    /// Starts a thread that receives all replies until the reply queue is removed. Returns when it sleeps.
    fn clients(&mut self) -> Result<JoinHandle<Vec<Message>>, TestCaseError> {
        self.collect()?;
        let replies = self.replies().unwrap();
        let (sender, task) = channel();
        let thread = thread::spawn(move || {
            sender.send(fs::read_link("/proc/thread-self").unwrap()).unwrap();
            iter::from_fn(|| replies.receive(Select::Any, Oversize::Truncate).ok()).collect()
        });
        let stat = Path::new("/proc").join(task.recv().unwrap()).join("stat");
        let start = Instant::now();
        while !fs::read_to_string(&stat).unwrap().contains(") S ") {
            prop_assert!(start.elapsed() < PATIENCE, "timed out: the clients sleep");
        }
        Ok(thread)
    }

    /// Leaves queues and records as a killed controller does.
    fn leave(&mut self) {
        let QueueOptions { key, mode, .. } = self.options;
        for (key, mode) in [(key.reply(), mode.of_replies()), (key, mode)] {
            let queue = Queue::create(key, mode).unwrap();
            Lock::acquire_in(self.directory.path(), key).unwrap().record(&queue).unwrap();
            mem::forget(queue);
        }
        self.model.replies = None;
    }

    fn compare(&mut self) -> TestCaseResult {
        let (start, mut passes) = (Instant::now(), self.model.pass_time());
        if passes {
            // Room for the replies of all following requests.
            self.collect()?;
        }
        while passes {
            let (reply, expected) = self.ask(b"STATUS\0reply=4711\0")?;
            // The state and the last change do not come at the same instant.
            let has_come = reply == expected && lock(&self.recording).changes.len() >= self.model.changes.len();
            passes = !has_come && reply.1.starts_with("OK BLINK 1 ") && start.elapsed() < PATIENCE;
        }
        let (reply, expected) = self.ask(b"STATUS\0reply=4711\0")?;
        prop_assert_eq!(reply, expected);
        let mut recording = lock(&self.recording);
        recording.fails = false;
        prop_assert_eq!(mem::take(&mut recording.changes), mem::take(&mut self.model.changes));
        let waiting = self.replies().unwrap().status().unwrap().messages;
        prop_assert_eq!(waiting, self.model.replies.as_ref().unwrap().len() as u64, "replies");
        Ok(())
    }

    /// The reply, and the expected one.
    fn ask(&mut self, text: &[u8]) -> Result<(Reply, Reply), TestCaseError> {
        loop {
            self.send(1, text);
            self.model.receive(1, text, false);
            let replies = self.model.replies.as_mut().unwrap();
            if replies.back().is_some_and(|(reply_to, _)| *reply_to == PROBE) {
                let expected = replies.pop_back().unwrap();
                let (own, mut reply) = (Select::Type(MessageType::new(PROBE).unwrap()), None);
                self.wait_until("a reply comes", || {
                    reply = self.replies().and_then(|replies| replies.try_receive(own, Oversize::Truncate)).ok();
                    reply.is_some()
                })?;
                return Ok((self.read(&reply.unwrap()), expected));
            }
            self.wait_until("the reply queue is created again", || self.replies().is_ok())?;
        }
    }

    /// Receives and compares all replies.
    fn collect(&mut self) -> TestCaseResult {
        if let (Some(expected), Ok(replies)) = (self.model.replies.as_mut().map(mem::take), self.replies()) {
            let next = || replies.try_receive(Select::Any, Oversize::Truncate).ok();
            let replies: VecDeque<_> = iter::from_fn(next).map(|reply| self.read(&reply)).collect();
            prop_assert_eq!(replies, expected);
        }
        Ok(())
    }

    fn read_all(&self, replies: Vec<Message>) -> Vec<Reply> {
        replies.iter().map(|reply| self.read(reply)).collect()
    }

    /// Type and text of a reply, with an uptime of 0.
    fn read(&self, reply: &Message) -> Reply {
        let text = String::from_utf8_lossy(reply.text()).into_owned();
        let uptime = text.split_once("\nuptime ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
        let uptime = uptime.filter(|&uptime: &u64| uptime <= self.started.elapsed().as_secs());
        let text = uptime.map(|uptime| text.replace(&format!("\nuptime {uptime}\n"), "\nuptime 0\n")).unwrap_or(text);
        (reply.message_type().get(), text)
    }

    fn send(&self, message_type: i64, text: &[u8]) {
        self.commands().unwrap().try_send(&message(message_type, text)).unwrap();
    }

    fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn wait_until(&self, what: &str, mut condition: impl FnMut() -> bool) -> TestCaseResult {
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

#[test]
fn the_controller_behaves_as_the_model() {
    let mut config = Config { failure_persistence: None, max_shrink_time: 60_000, ..Config::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(RandomState::new().hash_one(()));
    }
    // Shown only if the test fails.
    eprintln!("to repeat this: PROPTEST_RNG_SEED={} PROPTEST_CASES={}", config.rng_seed, config.cases);
    let key = Key::new(0x4000_0000 | process::id() << 2).unwrap();
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let outcome = TestRunner::new(config).run(&steps(), |steps| {
        let _remove_queues = RemoveQueues(key);
        let mut controller = ModelledController::start(key, Arc::clone(&directory));
        steps.into_iter().try_for_each(|step| controller.step(step))?;
        controller.collect()?;
        controller.end(&By::Signal, &[], false)
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
