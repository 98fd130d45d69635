//! Waiting for a controller to start or end, without polling.

use std::{
    fs, io,
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    poll::{PollFd, PollFlags, poll},
    sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor},
};
use shared::{account::own_user, lock};

use crate::target::Target;

/// What ended a wait.
pub(crate) enum Wakeup {
    /// The reader of standard output has gone.
    Closed,
    /// The other end of the pipe is closed.
    Pipe,
    /// A file in a directory of locks and records has changed.
    Files,
    Timeout,
}

/// The directories where a controller of this target has its lock and its record.
///
/// A controller that starts renames its record, and one that ends, however it does, closes its lock: see inotify(7).
pub(crate) struct Events {
    /// None if the system has no instance left. Then nothing is reported.
    inotify: Option<Inotify>,
    directories: Vec<(PathBuf, u64)>,
    watches: Vec<WatchDescriptor>,
}

impl Events {
    pub(crate) fn new() -> Events {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok();
        Events { inotify, directories: Vec::new(), watches: Vec::new() }
    }

    /// Watches the directories that exist now, and the parents of those that do not. Returns `false` if one cannot be watched.
    pub(crate) fn watch(&mut self, target: &Target) -> bool {
        let Some(inotify) = self.inotify else { return false };
        let flags = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        // A directory can be created meanwhile.
        while directories(target) != self.directories {
            for watch in self.watches.drain(..) {
                // The kernel has removed it with its directory.
                let _ = inotify.rm_watch(watch);
            }
            self.directories = directories(target);
            for (directory, _) in &self.directories {
                match inotify.add_watch(directory, flags) {
                    Ok(watch) => self.watches.push(watch),
                    Err(_) => {
                        self.directories.clear();
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Waits for an event, or without a timeout for as long as it takes.
    pub(crate) fn wait(&self, pipe: Option<&impl AsRawFd>, timeout: Option<Duration>) -> Wakeup {
        let mut polled = [
            PollFd::new(io::stdout().as_raw_fd(), PollFlags::empty()),
            PollFd::new(pipe.map_or(-1, AsRawFd::as_raw_fd), PollFlags::POLLIN),
            PollFd::new(self.inotify.map_or(-1, |inotify| inotify.as_raw_fd()), PollFlags::POLLIN),
        ];
        let milliseconds = timeout.map_or(-1, |timeout| i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX));
        match poll(&mut polled, milliseconds) {
            // A signal that was handled.
            Err(_) => return Wakeup::Timeout,
            Ok(0) => return Wakeup::Timeout,
            Ok(_) => {}
        }
        let [stdout, pipe, files] = polled.map(|fd| fd.revents().is_some_and(|events| !events.is_empty()));
        match (stdout, pipe, files) {
            (true, ..) => Wakeup::Closed,
            (_, true, _) => Wakeup::Pipe,
            _ => {
                let _ = self.inotify.map(Inotify::read_events);
                Wakeup::Files
            }
        }
    }
}

/// The directories to watch, and their inodes: one that is removed and created again is another one.
fn directories(target: &Target) -> Vec<(PathBuf, u64)> {
    let users = [Some(0), Some(own_user()), target.owner, lock::service_user()];
    let existing = |user| {
        let directory = lock::directory(user);
        let inode = |path: &Path| fs::metadata(path).ok().filter(fs::Metadata::is_dir).map(|found| found.ino());
        match inode(&directory) {
            Some(inode) => Some((directory, inode)),
            None => directory.parent().and_then(|parent| Some((parent.to_owned(), inode(parent)?))),
        }
    };
    let mut directories: Vec<_> = users.into_iter().flatten().filter_map(existing).collect();
    directories.sort();
    directories.dedup();
    directories
}
