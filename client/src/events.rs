//! Waiting for a controller to start or end, without polling.

use std::{
    io::PipeReader,
    os::fd::{AsRawFd, BorrowedFd},
    path::PathBuf,
    time::Duration,
};

use nix::{
    poll::{PollFd, PollFlags, poll},
    sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor},
};
use shared::{Key, account::own_user, lock};

use crate::target::Target;

/// What ended a wait.
#[derive(PartialEq)]
pub(crate) enum Wakeup {
    /// The other side of `stop` is closed.
    Closed,
    /// The other end of the pipe is closed.
    Pipe,
    /// A lock or a record of the key has changed.
    Lock,
    /// A watched directory was removed or moved.
    Directory,
    Timeout,
}

/// The directories with the locks and records of a target's controllers.
///
/// A controller that starts renames its record, and one that ends, however it does, closes its lock: see inotify(7).
pub(crate) struct Events<'a> {
    key: Key,
    stop: Option<BorrowedFd<'a>>,
    /// None if the system has no instance left.
    inotify: Option<Inotify>,
    directories: Vec<PathBuf>,
    watches: Vec<WatchDescriptor>,
}

impl<'a> Events<'a> {
    pub(crate) fn new(key: Key, stop: Option<BorrowedFd<'a>>) -> Events<'a> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok();
        Events {
            key,
            stop,
            inotify,
            directories: Vec::new(),
            watches: Vec::new(),
        }
    }

    /// Watches the directories that exist now.
    pub(crate) fn watch(&mut self, target: &Target) {
        let Some(inotify) = self.inotify else { return };
        let users = [
            Some(0),
            Some(own_user()),
            target.owner,
            lock::service_user(),
        ];
        let mut directories: Vec<PathBuf> = users
            .into_iter()
            .flatten()
            .flat_map(lock::directories)
            .collect();
        directories.sort();
        directories.dedup();
        if directories == self.directories {
            return;
        }
        self.clear();
        let flags = AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        for directory in directories {
            if let Ok(watch) = inotify.add_watch(&directory, flags) {
                self.watches.push(watch);
                self.directories.push(directory);
            }
        }
    }

    /// Whether the end of the process that holds a lock in this directory is reported.
    pub(crate) fn watches(&self, directory: &PathBuf) -> bool {
        self.directories.contains(directory)
    }

    fn clear(&mut self) {
        self.directories.clear();
        for watch in self.watches.drain(..) {
            // The kernel removes it with its directory.
            let _ = self.inotify.map(|inotify| inotify.rm_watch(watch));
        }
    }

    /// Waits for an event, or without a timeout for as long as it takes.
    pub(crate) fn wait(&mut self, pipe: Option<&PipeReader>, timeout: Option<Duration>) -> Wakeup {
        let mut polled = [
            PollFd::new(
                self.stop.map_or(-1, |stop| stop.as_raw_fd()),
                PollFlags::empty(),
            ),
            PollFd::new(pipe.map_or(-1, AsRawFd::as_raw_fd), PollFlags::POLLIN),
            PollFd::new(
                self.inotify.map_or(-1, |inotify| inotify.as_raw_fd()),
                PollFlags::POLLIN,
            ),
        ];
        // Rounded up, so that it is over then.
        let milliseconds = timeout.map_or(-1, |timeout| {
            i32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
        });
        if poll(&mut polled, milliseconds).is_err() {
            // A signal was handled.
            return Wakeup::Timeout;
        }
        let [stop, pipe, inotify] =
            polled.map(|fd| fd.revents().is_some_and(|events| !events.is_empty()));
        match (stop, pipe, inotify) {
            (true, ..) => Wakeup::Closed,
            (_, true, _) => Wakeup::Pipe,
            (_, _, true) => self.read(),
            _ => Wakeup::Timeout,
        }
    }

    fn read(&mut self) -> Wakeup {
        let events = self
            .inotify
            .and_then(|inotify| inotify.read_events().ok())
            .unwrap_or_default();
        let gone =
            AddWatchFlags::IN_IGNORED | AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF;
        if events
            .iter()
            .any(|event| event.mask.intersects(gone | AddWatchFlags::IN_Q_OVERFLOW))
        {
            self.clear();
            return Wakeup::Directory;
        }
        let prefix = format!("{}-", self.key);
        let is_own =
            |name: &std::ffi::OsString| name.as_encoded_bytes().starts_with(prefix.as_bytes());
        if events
            .iter()
            .any(|event| event.name.as_ref().is_some_and(is_own))
        {
            Wakeup::Lock
        } else {
            // Files of other keys.
            Wakeup::Timeout
        }
    }
}
