//! `--initial last`: the state that the last command set, in a file.

use std::{
    env,
    fs::{self, File},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use shared::{Brightness, Key, Light, State, file};

use crate::wait::within;

/// How long to wait for the disk at the end, and at the start for a controller that ends.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// The most bytes to read. A state is shorter.
const LONGEST: u64 = 256;

/// The first line of the file.
const VERSION: &str = "led-controller state 1";

/// The file of a key: in `$STATE_DIRECTORY`, which the service has, see systemd.exec(5), otherwise in
/// `$XDG_STATE_HOME/led-controller`.
///
/// Only the controller that holds the lock beside the file writes it. Others may have the same key in other IPC namespaces.
#[derive(Debug)]
pub struct SavedState {
    pub(crate) path: PathBuf,
    lock: Option<File>,
}

impl SavedState {
    /// The file of this key. None if the environment names no directory.
    #[must_use]
    pub fn new(key: Key) -> Option<SavedState> {
        let directory = directory(|name| env::var_os(name).map(PathBuf::from))?;
        Some(SavedState::at(
            directory.join(format!("{}.state", key.get())),
        ))
    }

    pub(crate) fn at(path: PathBuf) -> SavedState {
        SavedState { path, lock: None }
    }

    /// Takes the lock and reads the state; none, with a warning in the log, if that fails.
    ///
    /// Waits up to a second for a controller that has ended and still writes.
    #[must_use]
    pub fn open(&mut self) -> Option<Light> {
        let mut is_held = || {
            let locked = self.lock();
            locked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        };
        // Any other error occurs again when the state is written, and is logged then.
        if !within(PATIENCE, || !is_held()) {
            let path = self.path.display();
            log::warn!("{path}: another controller writes it; the state is not saved");
        }
        let read = self.read().inspect_err(|error| {
            let path = self.path.display();
            log::warn!("{path}: {error}; starting with the LED off");
        });
        read.ok()
    }

    fn lock(&mut self) -> io::Result<()> {
        if self.lock.is_none() {
            fs::create_dir_all(self.directory()?)?;
            // Open it for reading only: a file that is open for writing keeps the file system from being remounted read-only.
            let path = self.path.with_extension("lock");
            let lock = File::open(&path).or_else(|_| {
                let mut options = File::options();
                options.write(true).create(true).mode(0o600).open(&path)?;
                File::open(&path)
            })?;
            lock.try_lock()?;
            self.lock = Some(lock);
        }
        Ok(())
    }

    fn directory(&self) -> io::Result<&Path> {
        self.path
            .parent()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The state, and a line `brightness` of an LED that was not at full brightness.
    pub(crate) fn read(&self) -> io::Result<Light> {
        let (_, text) = file::read(&self.path, LONGEST)?;
        let light = || {
            let mut lines = text.strip_prefix(VERSION)?.trim().lines();
            let state = State::from_text(lines.next()?)?;
            let brightness = match lines.next() {
                None => Brightness::FULL,
                Some(line) => Brightness::from_text(line.strip_prefix("brightness ")?)?,
            };
            Some(Light { state, brightness })
        };
        light().ok_or_else(|| io::Error::other("not a state of this version"))
    }

    /// Replaces the file atomically. After a power cut it has the old or the new state.
    pub(crate) fn write(&mut self, light: Light) -> io::Result<()> {
        self.lock()?;
        let Light { state, brightness } = light;
        let mut text = format!("{VERSION}\n{state}\n");
        if brightness != Brightness::FULL {
            text += &format!("brightness {brightness}\n");
        }
        file::replace(&self.path, &text, File::sync_all)?;
        File::open(self.directory()?)?.sync_all()
    }
}

/// The directory that these variables name. `STATE_DIRECTORY` can have several paths, see systemd.exec(5); a relative
/// `XDG_STATE_HOME` is to be ignored, says the XDG base directory specification.
fn directory(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let named = |name| variable(name).filter(|path| !path.as_os_str().is_empty());
    if let Some(paths) = named("STATE_DIRECTORY") {
        return env::split_paths(&paths).next();
    }
    let home = || Some(named("HOME")?.join(".local/state"));
    let state_home = named("XDG_STATE_HOME").filter(|path| path.is_absolute());
    Some(state_home.or_else(home)?.join("led-controller"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_was_written_and_other_files_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = SavedState::at(directory.path().join("new/1234.state"));
        assert!(file.read().is_err());
        for text in ["ON", "OFF", "BLINK 1 3600000"] {
            let state = State::from_text(text).unwrap();
            for percent in [1, 40, 100] {
                let brightness = Brightness::new(percent).unwrap();
                let light = Light { state, brightness };
                file.write(light).unwrap();
                assert_eq!(file.read().ok(), Some(light));
            }
        }
        // As versions before the brightness wrote it.
        fs::write(&file.path, "led-controller state 1\nON\n").unwrap();
        assert_eq!(file.read().ok(), Some(State::On.into()));
        for text in [
            "",
            "ON\n",
            "led-controller state 2\nON\n",
            "led-controller state 1\n",
            "led-controller state 1\nDIM\n",
            "led-controller state 1\nON\nbrightness 0\n",
            "led-controller state 1\nON\nbrightness +40\n",
            "led-controller state 1\nON\ndim 40\n",
        ] {
            fs::write(&file.path, text).unwrap();
            assert!(file.read().is_err(), "{text:?}");
        }
        fs::write(&file.path, b"\xff").unwrap();
        assert!(file.read().is_err());
        // A pipe does not block, and a link is not followed.
        fs::remove_file(&file.path).unwrap();
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&file.path)
                .status()
                .unwrap()
                .success()
        );
        assert!(file.read().is_err());
        let target = directory.path().join("target");
        std::os::unix::fs::symlink(&target, file.path.with_extension("new")).unwrap();
        file.write(State::On.into()).unwrap();
        assert!(!target.exists() && file.read().ok() == Some(State::On.into()));
    }

    #[test]
    fn one_controller_saves_and_a_second_one_when_the_first_has_ended() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("1234.state");
        let mut first = SavedState::at(path.clone());
        assert_eq!(first.open(), None);
        first.write(State::On.into()).unwrap();
        let mut second = SavedState::at(path);
        assert_eq!(second.open(), Some(State::On.into()));
        let refused = second.write(State::Off.into()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(first.read().ok(), Some(State::On.into()));
        drop(first);
        second.write(State::Off.into()).unwrap();
        assert_eq!(second.read().ok(), Some(State::Off.into()));
    }

    #[test]
    fn the_directory_is_the_first_one_of_the_service_or_an_absolute_one_of_the_user() {
        let all = [
            (["/a:/b", "/x", "/h"], Some("/a")),
            (["/a", "/x", "/h"], Some("/a")),
            (["", "/x", "/h"], Some("/x/led-controller")),
            (["", "x", "/h"], Some("/h/.local/state/led-controller")),
            (["", "", "/h"], Some("/h/.local/state/led-controller")),
            (["", "x", ""], None),
        ];
        for ([state, state_home, home], expected) in all {
            let found = directory(|name| {
                let value = match name {
                    "STATE_DIRECTORY" => state,
                    "XDG_STATE_HOME" => state_home,
                    _ => home,
                };
                Some(value.into())
            });
            assert_eq!(
                found,
                expected.map(PathBuf::from),
                "{state} {state_home} {home}"
            );
        }
    }
}
