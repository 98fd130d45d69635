//! Saves the state in the background.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use shared::Light;

use crate::{SavedState, saved_state::PATIENCE, wait::within};

/// The shortest time between two writes: flash memory wears.
const INTERVAL: Duration = Duration::from_secs(10);

/// Writes the state in a thread, which sleeps while nothing changes.
#[derive(Debug)]
pub struct Saver {
    slot: Arc<Slot>,
    thread: JoinHandle<()>,
    path: PathBuf,
    last: Option<Light>,
}

/// What the thread is to do. It has room for one state: only the last one counts.
#[derive(Debug, Default)]
struct Slot {
    task: Mutex<Task>,
    /// Signalled when the first state is to be written, and at the end.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Task {
    unsaved: Option<Light>,
    is_end: bool,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Task> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Saver {
    /// Starts the thread. `saved` is the state in the file, if it has one.
    ///
    /// # Errors
    ///
    /// No thread can be started.
    pub fn start(file: SavedState, saved: Option<Light>) -> io::Result<Saver> {
        let (slot, path) = (Arc::new(Slot::default()), file.path.clone());
        let of_thread = Arc::clone(&slot);
        let thread = thread::Builder::new()
            .name("state".into())
            .spawn(move || run(file, &of_thread, saved))?;
        Ok(Saver {
            slot,
            thread,
            path,
            last: saved,
        })
    }

    /// Saves what a command did, within [`INTERVAL`].
    pub(crate) fn save(&mut self, state: Light) {
        if self.last != Some(state) {
            self.last = Some(state);
            // If a state is already waiting, the thread is already awake.
            if self.slot.lock().unsaved.replace(state).is_none() {
                self.slot.changed.notify_all();
            }
        }
    }

    /// Saves the last state now. Waits at most one second for the disk, so that a slow disk does not delay the end for longer.
    pub(crate) fn end(self) {
        self.slot.lock().is_end = true;
        self.slot.changed.notify_all();
        if !within(PATIENCE, || self.thread.is_finished())
            && let Some(state) = self.slot.lock().unsaved
        {
            let path = self.path.display();
            log::warn!(
                "{path}: the disk is too slow; the state {} is not saved",
                state.state
            );
        }
    }
}

fn run(mut file: SavedState, slot: &Slot, mut saved: Option<Light>) {
    let (mut next, mut has_warned) = (Instant::now(), false);
    let mut task = slot.lock();
    loop {
        let wait = next.saturating_duration_since(Instant::now());
        let state = match task.unsaved {
            Some(state) if task.is_end || wait.is_zero() => state,
            // Collect further changes until then in one write.
            Some(_) => {
                let waited = slot.changed.wait_timeout(task, wait);
                task = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            None if task.is_end => return,
            None => {
                let waited = slot.changed.wait(task);
                task = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
        };
        drop(task);
        if saved != Some(state) {
            let written = file.write(state);
            next = Instant::now() + INTERVAL;
            if let Err(error) = &written
                && !has_warned
            {
                log::warn!("{}: {error}; the state is not saved", file.path.display());
            }
            has_warned = written.is_err();
            saved = written.map(|()| state).ok().or(saved);
        }
        task = slot.lock();
        if saved == Some(state) {
            task.unsaved.take_if(|unsaved| *unsaved == state);
        } else if task.is_end {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use shared::State;

    use super::*;

    #[test]
    fn the_last_state_is_saved_at_the_end_and_not_every_one_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("1234.state");
        let mut saver =
            Saver::start(SavedState::at(path.clone()), Some(State::Off.into())).unwrap();
        saver.save(State::On.into());
        let is_saved = || SavedState::at(path.clone()).read().ok() == Some(State::On.into());
        assert!(
            within(INTERVAL, is_saved),
            "the first change is saved at once"
        );
        let inode = || std::os::unix::fs::MetadataExt::ino(&fs::metadata(&path).unwrap());
        let first = inode();
        for _ in 0..100 {
            saver.save(State::Off.into());
            saver.save(State::from_text("BLINK 1 1").unwrap().into());
        }
        assert_eq!(inode(), first);
        saver.end();
        assert_eq!(
            SavedState::at(path).read().ok(),
            State::from_text("BLINK 1 1").map(Light::from)
        );
    }
}
