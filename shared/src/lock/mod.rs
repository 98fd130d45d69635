//! Ensures that one controller serves a key, and records which process it is.
//!
//! A queue does not name the process that serves it: its last receiver is 0 before the first message, and may have ended since. A
//! lock belongs to a process, and the kernel releases it however that process ends.

mod directory;
mod holder;
mod process;
mod record;

use std::{
    fs::{self, File, Permissions, TryLockError},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use crate::{
    Key, Name, Queue, QueueStatus,
    account::{User, own_user},
};
use directory::Files;
pub use directory::{directories, service_user};
pub use holder::{holder, named};
pub use process::{Holder, Process};
pub use record::RecordedLed;
use record::{Record, RecordedQueue};

/// The right to serve a key, until it is dropped or its process ends: flock(2) on a file that is never removed.
///
/// The file is `KEY-NAMESPACE.lock`, where `NAMESPACE` is the inode of the IPC namespace. Only its owner may open it, because
/// every process that can open a file can lock it. `KEY-NAMESPACE.record` beside it, which all users may read, has the PID of
/// the holder and the identifier of the queue that it created. Both are in `/run/led-controller` for root and for the user who
/// owns that directory, which is the service's user; for other users in `/run/user/UID/led-controller` if `/run/user/UID`
/// exists, otherwise in `/tmp/led-controller-UID`. Tests set another directory with `LED_LOCK_DIRECTORY`.
///
/// ```no_run
/// use shared::{Key, Mode, Queue, lock::{self, Lock}};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut lock = Lock::acquire(Key::DEFAULT)?;
/// let queue = Queue::create(Key::DEFAULT, Mode::CLOSED)?;
/// lock.record(&queue)?;
/// let holder = lock::holder(Key::DEFAULT, &queue, &queue.status()?);
/// assert_eq!(holder.pid(), Some(std::process::id()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Lock {
    key: Key,
    record: PathBuf,
    /// The last record: this process's, or that of the holder before.
    recorded: Option<Record>,
    has_predecessor: bool,
    _file: File,
}

impl Lock {
    /// Takes the lock of this key. [`Lock::record`] then makes this process known as its holder.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] if another process serves the key, [`LockError::Untrusted`] if the directory or a file in it belongs
    /// to another user or is a link, [`LockError::Os`] if a file cannot be created, locked or written.
    pub fn acquire(key: Key) -> Result<Lock, LockError> {
        Self::acquire_in(&directory::create_own()?, key)
    }

    /// Takes the lock of this key in this directory, which clients do not read.
    ///
    /// # Errors
    ///
    /// Those of [`Lock::acquire`].
    pub fn acquire_in(directory: &Path, key: Key) -> Result<Lock, LockError> {
        let Files { lock: path, record } = Files::new(directory, key);
        let at = |source| LockError::Os {
            path: path.clone(),
            source,
        };
        let (file, has_predecessor) = open(&path).map_err(at)?;
        let (found, parent) = (
            file.metadata().map_err(at)?,
            fs::metadata(directory).map_err(at)?,
        );
        // Root gives the lock to the owner of the directory, but never a file with contents: that is not a lock.
        let is_to_be_given = own_user() == 0 && parent.uid() != found.uid();
        let is_lock = found.is_file() && found.nlink() == 1;
        if !is_lock || (is_to_be_given && found.len() > 0) {
            return Err(LockError::Untrusted {
                path,
                owner: found.uid(),
            });
        }
        let before = Record::read(&record, parent.uid());
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                // While the holder starts, the record can still be its predecessor's.
                let pid = before
                    .as_ref()
                    .and_then(|record| record.process.life().pid());
                let name = before.and_then(|record| record.name);
                return Err(LockError::Held { key, pid, name });
            }
            Err(TryLockError::Error(source)) => return Err(at(source)),
        }
        if is_to_be_given {
            fchown(&file, Some(parent.uid()), Some(parent.gid())).map_err(at)?;
        }
        if found.mode() & 0o777 != 0o600 {
            file.set_permissions(Permissions::from_mode(0o600))
                .map_err(at)?;
        }
        Ok(Lock {
            key,
            record,
            recorded: before,
            has_predecessor,
            _file: file,
        })
    }

    /// Whether a holder of this lock created this queue. If this process did not, the queue is stale.
    #[must_use]
    pub fn has_created(&self, queue: &Queue, status: &QueueStatus) -> bool {
        self.recorded
            .as_ref()
            .is_some_and(|record| record.names(queue, status))
    }

    /// Whether another process held this lock before. It may have been killed before it recorded its queue.
    #[must_use]
    pub fn has_predecessor(&self) -> bool {
        self.has_predecessor
    }

    /// Records this process, and this queue as created by it.
    ///
    /// # Errors
    ///
    /// [`LockError::Os`].
    pub fn record(&mut self, queue: &Queue) -> Result<(), LockError> {
        let record = Record {
            led: self.led().cloned(),
            ..Record::own(self.key, Some(RecordedQueue::new(queue)))
        };
        self.write(record)
    }

    /// The LED of the kernel whose trigger a holder of this lock ended and did not set again.
    #[must_use]
    pub fn led(&self) -> Option<&RecordedLed> {
        let recorded = self.recorded.as_ref().filter(|record| !record.is_old());
        recorded?.led.as_ref()
    }

    /// Records that this process ended the trigger of an LED; none if it set it again.
    ///
    /// # Errors
    ///
    /// [`LockError::Os`].
    pub fn record_led(&mut self, led: Option<RecordedLed>) -> Result<(), LockError> {
        // The queue is that of the holder before until this process has created its own.
        let before = self
            .recorded
            .clone()
            .filter(|record| !record.is_old())
            .unwrap_or_else(|| Record::own(self.key, None));
        self.write(Record { led, ..before })
    }

    fn write(&mut self, record: Record) -> Result<(), LockError> {
        record.write(&self.record).map_err(|source| LockError::Os {
            path: self.record.clone(),
            source,
        })?;
        self.recorded = Some(record);
        Ok(())
    }
}

/// Opens a lock, or creates it. Returns whether it existed.
fn open(path: &Path) -> io::Result<(File, bool)> {
    // Do not follow links: the service's user can put a link to any file into a directory that root uses too.
    let mut options = File::options();
    options
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok((options.create(true).open(path)?, false))
        }
        opened => Ok((opened?, true)),
    }
}

/// Why a lock cannot be taken or recorded.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("{}", held(*key, *pid, *name))]
    Held {
        /// The key.
        key: Key,
        /// The PID of that process, if it is known.
        pid: Option<u32>,
        /// The name by which that process was given the key, if it was.
        name: Option<Name>,
    },
    /// The directory or the file belongs to another user, is a link, or other users can write to it.
    #[error("{} (owner {}) is not safe for a lock: it has another owner, is a link, or others can write to it", path.display(), User(*owner))]
    Untrusted {
        /// The directory, or the file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// A file cannot be created, locked or written.
    #[error("{}: {source}", path.display())]
    Os {
        /// The file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
}

fn held(key: Key, pid: Option<u32>, name: Option<Name>) -> String {
    let pid = pid.map_or_else(String::new, |pid| format!(" (PID {pid})"));
    match name {
        // Two names can have one key.
        Some(name) if key.name() != Some(name) => {
            format!("another controller{pid} uses key {key} ({key:#010x}) by the name {name}")
        }
        _ => format!("another controller{pid} uses key {key}"),
    }
}
