//! Which process serves a key, as its clients see it.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use nix::{errno::Errno, sys::signal::kill, unistd::Pid};

use super::{
    directory::{self, Files},
    record::{Record, own_namespace},
};
use crate::{Key, Queue};

/// Which process serves a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Holder {
    /// The process with this PID.
    Process(u32),
    /// None: it has ended.
    Ended,
    /// Not known: there is no record of this queue that this user may read and trust, it was written in another PID
    /// namespace, or /proc is not mounted.
    Unknown,
}

impl Holder {
    /// The PID, if it is known.
    #[must_use]
    pub fn pid(self) -> Option<u32> {
        match self {
            Holder::Process(pid) => Some(pid),
            Holder::Ended | Holder::Unknown => None,
        }
    }
}

/// Which process holds the lock of this key, if the user `owner` serves it. Reads the record and `/proc/locks` of proc(5), and
/// does not touch the lock. With a queue, the result is [`Holder::Ended`] only if the record names that queue.
#[must_use]
pub fn holder(key: Key, queue: Option<Queue>, owner: u32) -> Holder {
    holder_and_directory(key, queue, owner).0
}

/// [`holder`], and the directory of the lock of a [`Holder::Process`].
#[must_use]
pub fn holder_and_directory(
    key: Key,
    queue: Option<Queue>,
    owner: u32,
) -> (Holder, Option<PathBuf>) {
    let mut result = Holder::Unknown;
    for (directory, found) in directory::trusted(owner) {
        let files = Files::new(&directory, key);
        let Ok(Some(record)) = Record::read(&files.record, found.uid()) else {
            continue;
        };
        if record.pid_namespace != own_namespace("pid") {
            continue;
        }
        match is_held(&files.lock, record.pid) {
            Ok(true) => return (Holder::Process(record.pid), Some(directory)),
            Ok(false) => {}
            Err(_) => return (Holder::Unknown, None),
        }
        if queue.is_none_or(|queue| {
            record
                .queue
                .is_some_and(|recorded| recorded.id == queue.id())
        }) {
            result = Holder::Ended;
        }
    }
    (result, None)
}

/// How often to look for the lock of a process that exists.
const LOOKS: usize = 10;

/// Whether this process holds this lock.
///
/// The kernel writes a page of `/proc/locks` for each read(2), and continues by position: if a lock on one page is released, the
/// first one on the next page is missed. So a lock that is not found there is proof only if its process has ended. Otherwise
/// its number can be another process's now, or it has ended and its parent has not waited for it: then the lock is not found
/// however often one looks.
///
/// # Errors
///
/// /proc is not mounted.
pub(super) fn is_held(lock: &Path, pid: u32) -> io::Result<bool> {
    let Ok(lock) = fs::symlink_metadata(lock) else {
        return Ok(false);
    };
    for _ in 0..LOOKS {
        // Longer than a page. fs::read reads a few bytes at first.
        let locks = BufReader::with_capacity(1 << 17, File::open("/proc/locks")?);
        for line in locks.lines() {
            if is_lock(&line?, lock.ino(), pid) {
                return Ok(true);
            }
        }
        if !exists(pid) {
            break;
        }
    }
    Ok(false)
}

fn exists(pid: u32) -> bool {
    i32::try_from(pid).is_ok_and(|pid| kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH))
}

/// Whether a line like `3: FLOCK  ADVISORY  WRITE 615 00:19:1024 0 EOF` has this PID and inode. The device is not compared:
/// overlay and btrfs show another number here than stat(2) returns.
fn is_lock(line: &str, inode: u64, pid: u32) -> bool {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, "FLOCK", _, "WRITE", holder, file, ..] = fields[..] else {
        return false;
    };
    let of_file = file
        .rsplit_once(':')
        .and_then(|(_, inode)| inode.parse().ok());
    holder.parse() == Ok(pid) && of_file == Some(inode)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCKS: &str = "\
1: POSIX  ADVISORY  WRITE 100 00:19:77 0 EOF
2: FLOCK  ADVISORY  READ  200 00:19:77 0 EOF
2: -> FLOCK  ADVISORY  WRITE 250 00:19:77 0 EOF
3: FLOCK  ADVISORY  WRITE 300 fe:00:777 0 EOF
4: FLOCK  ADVISORY  WRITE 400 00:19:77 0 EOF
";

    #[test]
    fn only_an_exclusive_flock_of_this_process_on_this_inode_counts() {
        let is_locked = |inode, pid| LOCKS.lines().any(|line| is_lock(line, inode, pid));
        assert!(is_locked(77, 400));
        assert!(is_locked(777, 300));
        for (inode, pid) in [(77, 100), (77, 200), (77, 250), (77, 300), (7, 400)] {
            assert!(!is_locked(inode, pid), "{inode} {pid}");
        }
    }
}
