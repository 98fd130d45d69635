//! What ends the sleep of a follower: a controller that starts or ends, a reply, or the time.

use std::{
    io::PipeReader,
    os::fd::{AsRawFd, BorrowedFd, RawFd},
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, poll},
    sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor},
};
use shared::{Key, account::own_user, lock};

use crate::target::Target;

/// What ended a wait.
#[derive(Debug, PartialEq)]
pub(crate) enum Wakeup {
    /// The reader of `output` has closed it.
    ReaderGone,
    /// The pipe is readable.
    Pipe,
    /// The process has ended.
    Ended,
    /// A controller of this key may have started: its record has changed, or a directory of records.
    Started,
    Timeout,
}

/// The files on which a follower sleeps: `output`, and the directories with the records of controllers. A controller that starts
/// renames its record into one of them, which inotify(7) reports.
pub(crate) struct Wakeups<'a> {
    key: Key,
    /// A pipe or socket of this program.
    output: Option<BorrowedFd<'a>>,
    /// None if the system has no inotify instance left.
    inotify: Option<Inotify>,
    directories: Vec<PathBuf>,
    descriptors: Vec<WatchDescriptor>,
}

impl<'a> Wakeups<'a> {
    pub(crate) fn new(key: Key, output: Option<BorrowedFd<'a>>) -> Wakeups<'a> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok();
        Wakeups {
            key,
            output,
            inotify,
            directories: Vec::new(),
            descriptors: Vec::new(),
        }
    }

    /// Watches the directories that exist now.
    pub(crate) fn look_in_directories(&mut self, target: &Target) {
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
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        for directory in directories {
            if let Ok(descriptor) = inotify.add_watch(&directory, flags) {
                self.descriptors.push(descriptor);
                self.directories.push(directory);
            }
        }
    }

    fn clear(&mut self) {
        self.directories.clear();
        for descriptor in self.descriptors.drain(..) {
            // The kernel removes a watch with its directory.
            let _ = self.inotify.map(|inotify| inotify.rm_watch(descriptor));
        }
    }

    /// Waits for an event, or without a timeout for as long as it takes.
    pub(crate) fn wait(
        &mut self,
        pipe: Option<&PipeReader>,
        process: Option<BorrowedFd<'_>>,
        timeout: Option<Duration>,
    ) -> Wakeup {
        let end = timeout.map(|timeout| Instant::now() + timeout);
        let left = || end.map(|end| end.saturating_duration_since(Instant::now()));
        loop {
            let fd = |fd: Option<RawFd>, events| PollFd::new(fd.unwrap_or(-1), events);
            let mut polled = [
                fd(
                    self.output.map(|output| output.as_raw_fd()),
                    PollFlags::empty(),
                ),
                fd(pipe.map(AsRawFd::as_raw_fd), PollFlags::POLLIN),
                fd(
                    process.map(|process| process.as_raw_fd()),
                    PollFlags::POLLIN,
                ),
                fd(
                    self.inotify.map(|inotify| inotify.as_raw_fd()),
                    PollFlags::POLLIN,
                ),
            ];
            // Rounded up, so that the time is over when poll(2) returns.
            let milliseconds = left().map_or(-1, |left| {
                i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
            });
            match poll(&mut polled, milliseconds) {
                Ok(_) => {}
                Err(Errno::EINTR) => continue,
                // poll(2) lacks memory, or too few open files are allowed: sleep instead.
                Err(_) => {
                    thread::sleep(left().unwrap_or(LOOK_INTERVAL).min(LOOK_INTERVAL));
                    return Wakeup::Timeout;
                }
            }
            let is_ready = polled.map(|fd| fd.revents().is_some_and(|events| !events.is_empty()));
            match is_ready {
                [true, ..] => return Wakeup::ReaderGone,
                [_, true, ..] => return Wakeup::Pipe,
                [_, _, true, _] => return Wakeup::Ended,
                [.., true] if self.has_started() => return Wakeup::Started,
                _ if left().is_some_and(|left| left.is_zero()) => return Wakeup::Timeout,
                _ => {}
            }
        }
    }

    /// Whether a reported change is of a file of this key.
    fn has_started(&mut self) -> bool {
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
            return true;
        }
        let prefix = format!("{}-", self.key);
        let is_own =
            |name: &std::ffi::OsString| name.as_encoded_bytes().starts_with(prefix.as_bytes());
        events
            .iter()
            .any(|event| event.name.as_ref().is_some_and(is_own))
    }
}

/// The interval at which a follower looks for a controller whose start the system does not report: one without a record, or with a
/// record in a new directory.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_secs(1);
