//! What ends the sleep of a follower: a controller that starts or ends, a reply, or the time.

use std::{
    ffi::CStr,
    io::PipeReader,
    mem::MaybeUninit,
    os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd},
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, poll},
};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
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
    /// Watches the directories; none if the system has no inotify instance left.
    inotify: Option<OwnedFd>,
    directories: Vec<PathBuf>,
}

impl<'a> Wakeups<'a> {
    pub(crate) fn new(key: Key, output: Option<BorrowedFd<'a>>) -> Wakeups<'a> {
        Wakeups {
            key,
            output,
            inotify: None,
            directories: Vec::new(),
        }
    }

    /// Watches the directories that exist now.
    pub(crate) fn look_in_directories(&mut self, target: &Target) {
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
        self.watch(directories);
    }

    fn watch(&mut self, mut directories: Vec<PathBuf>) {
        if directories == self.directories {
            return;
        }
        // Another instance: removed watches would leave events in the old one.
        self.inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok();
        let flags = WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        directories.retain(|directory| {
            let inotify = self.inotify.as_ref();
            inotify.is_some_and(|inotify| inotify::add_watch(inotify, directory, flags).is_ok())
        });
        self.directories = directories;
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
                    self.inotify.as_ref().map(AsRawFd::as_raw_fd),
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

    /// Whether a reported change is of a file of this key, or of a directory itself.
    fn has_started(&mut self) -> bool {
        let Some(inotify) = &self.inotify else {
            return false;
        };
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = Reader::new(inotify, &mut buffer);
        let prefix = format!("{}-", self.key.get());
        let gone = ReadFlags::IGNORED | ReadFlags::MOVE_SELF | ReadFlags::QUEUE_OVERFLOW;
        let (mut has_started, mut is_gone) = (false, false);
        while let Ok(event) = events.next() {
            let is_own = |name: &CStr| name.to_bytes().starts_with(prefix.as_bytes());
            has_started |= event.file_name().is_some_and(is_own);
            is_gone |= event.events().intersects(gone);
            if events.is_buffer_empty() {
                break;
            }
        }
        if is_gone {
            self.directories.clear();
        }
        has_started || is_gone
    }
}

/// The interval at which a follower looks for a controller whose start the system does not report: one without a record, or with a
/// record in a new directory.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;
    use testing::watches;

    use super::*;

    fn directory() -> TempDir {
        tempfile::tempdir().unwrap()
    }

    fn watching(key: Key, directories: &[&TempDir]) -> Wakeups<'static> {
        let mut wakeups = Wakeups::new(key, None);
        watch(&mut wakeups, directories);
        wakeups
    }

    fn watch(wakeups: &mut Wakeups<'_>, directories: &[&TempDir]) {
        let paths = directories.iter().map(|found| found.path().to_owned());
        wakeups.watch(paths.collect());
    }

    /// What has happened until now.
    fn wakeup(wakeups: &mut Wakeups<'_>) -> Wakeup {
        wakeups.wait(None, None, Some(Duration::ZERO))
    }

    /// Replaces the record of a key, as a controller does at its start.
    fn record(directory: &TempDir, key: Key) {
        let path = directory.path().join(format!("{}-1.record", key.get()));
        let new = directory.path().join("new");
        fs::write(&new, "").unwrap();
        fs::rename(new, path).unwrap();
    }

    #[test]
    fn the_record_of_a_key_wakes_who_follows_it_by_number_or_by_name() {
        let directory = directory();
        let (number, name) = (Key::DEFAULT, "door".parse().unwrap());
        for (key, other) in [(number, name), (name, number)] {
            let mut wakeups = watching(key, &[&directory]);
            record(&directory, other);
            assert_eq!(wakeup(&mut wakeups), Wakeup::Timeout);
            record(&directory, key);
            assert_eq!(wakeup(&mut wakeups), Wakeup::Started);
            assert_eq!(wakeup(&mut wakeups), Wakeup::Timeout);
        }
    }

    #[test]
    fn a_change_of_the_directories_wakes_once() {
        let (first, second) = (directory(), directory());
        let mut wakeups = watching(Key::DEFAULT, &[&first]);
        watch(&mut wakeups, &[&first, &second]);
        assert_eq!(wakeup(&mut wakeups), Wakeup::Timeout);
        drop(second);
        assert_eq!(wakeup(&mut wakeups), Wakeup::Started);
        watch(&mut wakeups, &[&first]);
        assert_eq!(wakeup(&mut wakeups), Wakeup::Timeout);
        record(&first, Key::DEFAULT);
        assert_eq!(wakeup(&mut wakeups), Wakeup::Started);
    }

    #[test]
    fn nothing_watches_a_directory_after_it() {
        let directory = directory();
        let wakeups = watching(Key::DEFAULT, &[&directory]);
        assert_eq!(watches(directory.path()), 1);
        drop(wakeups);
        assert_eq!(watches(directory.path()), 0);
    }
}
