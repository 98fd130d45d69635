//! `--initial last`: the state that the last command set, in a file.

use std::{
    env,
    fs::{self, File},
    io,
    path::PathBuf,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use shared::{Key, State, file};

/// The shortest time between two writes: flash memory wears.
const INTERVAL: Duration = Duration::from_secs(10);

/// The most bytes to read. A state is shorter.
const LONGEST: u64 = 256;

/// The first line of the file.
const VERSION: &str = "led-controller state 1";

/// The file of a key: in `$STATE_DIRECTORY` of the service, see systemd.exec(5), else in `$XDG_STATE_HOME/led-controller`.
#[derive(Clone, Debug)]
pub struct SavedState {
    path: PathBuf,
}

impl SavedState {
    /// The file of this key. None if neither of the variables, nor `$HOME`, is set.
    #[must_use]
    pub fn new(key: Key) -> Option<SavedState> {
        let variable = |name| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let user =
            || variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local/state")));
        let directory =
            variable("STATE_DIRECTORY").or_else(|| Some(user()?.join("led-controller")))?;
        Some(SavedState {
            path: directory.join(format!("{key}.state")),
        })
    }

    /// Reads the state; none, with a warning, if that fails.
    #[must_use]
    pub fn read(&self) -> Option<State> {
        let read = || {
            let (_, text) = file::read(&self.path, LONGEST)?;
            let state = text
                .strip_prefix(VERSION)
                .and_then(|text| State::from_text(text.trim()));
            state.ok_or_else(|| io::Error::other("not a state of this version"))
        };
        read()
            .inspect_err(|error| {
                log::warn!(
                    "{}: {error}; starting with the LED off",
                    self.path.display()
                )
            })
            .ok()
    }

    /// Replaces the file atomically. After a power cut it has the old or the new state.
    fn write(&self, state: State) -> io::Result<()> {
        let directory = self.path.parent().ok_or(io::ErrorKind::NotFound)?;
        fs::create_dir_all(directory)?;
        file::replace(&self.path, &format!("{VERSION}\n{state}\n"), File::sync_all)?;
        File::open(directory)?.sync_all()
    }
}

/// Writes the state in a thread, which sleeps while nothing changes.
#[derive(Debug)]
pub struct Saver {
    states: Option<Sender<State>>,
    thread: Option<JoinHandle<()>>,
    last: Option<State>,
}

impl Saver {
    /// Starts the thread. `saved` is the state in the file, if it has one.
    ///
    /// # Errors
    ///
    /// No thread can be started.
    pub fn start(file: SavedState, saved: Option<State>) -> io::Result<Saver> {
        let (states, changes) = channel();
        let thread = thread::Builder::new()
            .name("state".into())
            .spawn(move || run(&file, &changes, saved))?;
        Ok(Saver {
            states: Some(states),
            thread: Some(thread),
            last: saved,
        })
    }

    /// Saves what a command did, within [`INTERVAL`]. An LED that blinks a number of times is off then.
    pub(crate) fn save(&mut self, state: State) {
        let state = match state {
            State::Blink(blink) if blink.count().is_some() => State::Off,
            state => state,
        };
        if self.last != Some(state)
            && let Some(states) = &self.states
        {
            self.last = Some(state);
            let _ = states.send(state);
        }
    }
}

/// Saves the last state now.
impl Drop for Saver {
    fn drop(&mut self) {
        drop(self.states.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(file: &SavedState, states: &Receiver<State>, mut saved: Option<State>) {
    let (mut unsaved, mut has_warned) = (None, false);
    let mut next = Instant::now();
    loop {
        let received = match unsaved {
            None => states.recv().map_err(RecvTimeoutError::from),
            // Further changes until then need no write of their own.
            Some(_) => states.recv_timeout(next.saturating_duration_since(Instant::now())),
        };
        let is_end = received == Err(RecvTimeoutError::Disconnected);
        if let Ok(state) = received {
            unsaved = Some(state).filter(|_| saved != Some(state));
        } else if let Some(state) = unsaved {
            next = Instant::now() + INTERVAL;
            match file.write(state) {
                Ok(()) => (saved, unsaved, has_warned) = (Some(state), None, false),
                Err(error) if !has_warned => {
                    has_warned = true;
                    log::warn!("{}: {error}; the state is not saved", file.path.display());
                }
                Err(_) => {}
            }
        }
        if is_end {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_was_written_and_other_files_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let file = SavedState {
            path: directory.path().join("new/1234.state"),
        };
        assert_eq!(file.read(), None);
        for text in ["ON", "OFF", "BLINK 1 3600000"] {
            let state = State::from_text(text).unwrap();
            file.write(state).unwrap();
            assert_eq!(file.read(), Some(state));
        }
        for text in [
            "",
            "ON\n",
            "led-controller state 2\nON\n",
            "led-controller state 1\n",
            "led-controller state 1\nDIM\n",
        ] {
            fs::write(&file.path, text).unwrap();
            assert_eq!(file.read(), None, "{text:?}");
        }
        fs::write(&file.path, b"\xff").unwrap();
        assert_eq!(file.read(), None);
        // A pipe does not block, and a link is not followed.
        fs::remove_file(&file.path).unwrap();
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&file.path)
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(file.read(), None);
        let target = directory.path().join("target");
        std::os::unix::fs::symlink(&target, file.path.with_extension("new")).unwrap();
        file.write(State::On).unwrap();
        assert!(!target.exists() && file.read() == Some(State::On));
    }

    #[test]
    fn the_last_state_is_saved_at_the_end_and_not_every_one_before() {
        let directory = tempfile::tempdir().unwrap();
        let file = SavedState {
            path: directory.path().join("1234.state"),
        };
        let mut saver = Saver::start(file.clone(), Some(State::Off)).unwrap();
        saver.save(State::On);
        let start = Instant::now();
        while file.read() != Some(State::On) {
            assert!(
                start.elapsed() < INTERVAL,
                "the first change is saved at once"
            );
            thread::yield_now();
        }
        let inode = || std::os::unix::fs::MetadataExt::ino(&fs::metadata(&file.path).unwrap());
        let first = inode();
        for _ in 0..100 {
            saver.save(State::Off);
            saver.save(State::from_text("BLINK 1 1").unwrap());
        }
        assert_eq!(inode(), first);
        drop(saver);
        assert_eq!(file.read(), State::from_text("BLINK 1 1"));
    }
}
