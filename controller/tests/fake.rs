//! A fake output, and a server with one.

use std::{
    io,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use controller::{Led, Locks, Output, QueueOptions, QueuePair, Server, Shutdown};
use shared::{Mode, Place, State};
use testing::Fixture;

pub(crate) const MODE: Mode = Mode::new(0o600).unwrap();

/// An output that fails never, and one that always fails.
pub(crate) const WORKS: Range<usize> = 0..0;
pub(crate) const FAILS: Range<usize> = 0..usize::MAX;

/// An output with a level for each percent that records its changes. It blocks while its recording is locked.
pub(crate) struct Fake(pub(crate) Arc<Mutex<Recording>>);

#[derive(Default)]
pub(crate) struct Recording {
    pub(crate) changes: Vec<Change>,
    pub(crate) times: Vec<Instant>,
    /// Which calls fail, counted from 0.
    pub(crate) failures: Range<usize>,
    pub(crate) calls: usize,
    /// How long the next changes take, the last one first.
    pub(crate) costs: Vec<Duration>,
}

/// What happened to an output.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    Level(u32),
    Released,
}

impl Output for Fake {
    fn brightest(&self) -> u32 {
        100
    }

    fn set(&mut self, level: u32) -> io::Result<()> {
        let mut recording = lock(&self.0);
        recording.calls += 1;
        if recording.failures.contains(&(recording.calls - 1)) {
            return Err(io::Error::other("broken"));
        }
        recording.changes.push(Change::Level(level));
        recording.times.push(Instant::now());
        let cost = recording.costs.pop().unwrap_or_default();
        drop(recording);
        thread::sleep(cost);
        Ok(())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        lock(&self.0).changes.push(Change::Released);
    }
}

pub(crate) fn lock(recording: &Mutex<Recording>) -> MutexGuard<'_, Recording> {
    recording.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A server with the key of this fixture, and what its output records.
pub(crate) fn server(
    fixture: &Fixture,
    state: State,
    failures: Range<usize>,
    shutdown: &Shutdown,
) -> (Server, Arc<Mutex<Recording>>) {
    let (led, queues, recording) = parts(fixture, state, failures);
    (
        Server::new(led, Place::Simulated, queues, shutdown.clone()),
        recording,
    )
}

/// An LED, queues with the key of this fixture, and what the output of the LED records.
pub(crate) fn parts(
    fixture: &Fixture,
    state: State,
    failures: Range<usize>,
) -> (Led, QueuePair, Arc<Mutex<Recording>>) {
    let recording = Recording {
        failures,
        ..Recording::default()
    };
    let recording = Arc::new(Mutex::new(recording));
    let options = QueueOptions {
        key: fixture.key,
        mode: MODE,
        group: None,
    };
    let locks = Locks::acquire(fixture.key, Some(fixture.path())).unwrap();
    let queues = QueuePair::create(options, locks).unwrap();
    let led = Led::new(Box::new(Fake(Arc::clone(&recording))), state);
    (led, queues, recording)
}
