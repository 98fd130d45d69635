//! One controller per key, and how a client sees that there is one.
//!
//! The queue cannot tell which process serves it: its last receiver is 0 before the first message, and the process that read
//! last after it. A lock can, and the kernel releases it however its holder ends.

use std::{
    env, error, fmt,
    fs::{self, DirBuilder, File, Permissions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use crate::{
    Key, Queue, Status,
    account::{User, own_user},
    record::{MadeQueue, Record, own_namespace},
};

/// Where the service keeps its locks, and root without a service. Only root can make it.
const SYSTEM_DIRECTORY: &str = "/run/led-controller";

/// The right to serve a key, held until it is dropped or its process ends: flock(2) on a file that is never removed.
///
/// The file is `KEY-NAMESPACE.lock`, where `NAMESPACE` is the inode of the IPC namespace, and nobody but its owner can open
/// it: a lock that others can open is a lock that others can take. Beside it `KEY-NAMESPACE.record`, which everybody may
/// read, has the PID of the holder and the identifier of the queue that it made. Both are in `/run/led-controller` for root and
/// for the user who owns that directory, as the service does; for others in `/run/user/UID/led-controller` where there is
/// `/run/user/UID`, else in `/tmp/led-controller-UID`. A `$LED_LOCK_DIRECTORY` that is not empty, for tests, is another.
///
/// ```no_run
/// use shared::{Key, Mode, Queue, account::own_user, lock::{self, Holder, Lock}};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut lock = Lock::acquire(Key::DEFAULT)?;
/// let queue = Queue::create(Key::DEFAULT, Mode::MAKING)?;
/// lock.record(&queue)?;
/// assert_eq!(lock::holder(Key::DEFAULT, None, own_user()), Holder::Process(std::process::id()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Lock {
    record: PathBuf,
    queue: Option<MadeQueue>,
    has_predecessor: bool,
    _file: File,
}

impl Lock {
    /// Takes the lock of this key. [`Lock::record`] names this process as its holder.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] if another process serves the key, [`LockError::Untrusted`] if the directory or a file in it belongs
    /// to another user or is a link, [`LockError::Os`] if a file cannot be made, locked or written.
    pub fn acquire(key: Key) -> Result<Lock, LockError> {
        let directory = match env_directory() {
            Some(directory) => directory,
            None => own_directory()?,
        };
        Self::acquire_in(&directory, key)
    }

    /// [`Lock::acquire`] in this directory, where clients do not look.
    ///
    /// # Errors
    ///
    /// Those of [`Lock::acquire`].
    pub fn acquire_in(directory: &Path, key: Key) -> Result<Lock, LockError> {
        let path = directory.join(file_name(key, "lock"));
        let at = |source| LockError::Os { path: path.clone(), source };
        // Root may be in the directory of the service's user, who could have put a link there to any file of root's.
        let mut options = File::options();
        options.read(true).write(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
        let (file, has_predecessor) = match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (options.create(true).open(&path), false),
            opened => (opened, true),
        };
        let file = file.map_err(at)?;
        let (found, parent) = (file.metadata().map_err(at)?, fs::metadata(directory).map_err(at)?);
        if !found.is_file() || found.nlink() != 1 {
            return Err(LockError::Untrusted { path, owner: found.uid() });
        }
        // The directory's owner may hold it next. But a file with something in it is not a lock.
        let is_to_be_given = own_user() == 0 && parent.uid() != found.uid();
        if is_to_be_given && found.len() > 0 {
            return Err(LockError::Untrusted { path, owner: found.uid() });
        }
        let record = directory.join(file_name(key, "record"));
        let before = Record::read(&record, parent.uid()).ok().flatten();
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                // One that starts has not recorded itself yet.
                let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
                let pid = before.map(|record| record.pid).filter(|&pid| is_locked(&locks, found.ino(), pid));
                return Err(LockError::Held { key, pid });
            }
            Err(TryLockError::Error(source)) => return Err(at(source)),
        }
        if is_to_be_given {
            fchown(&file, Some(parent.uid()), Some(parent.gid())).map_err(at)?;
        }
        if found.mode() & 0o777 != 0o600 {
            file.set_permissions(Permissions::from_mode(0o600)).map_err(at)?;
        }
        let queue = before.and_then(|record| record.queue);
        Ok(Lock { record, queue, has_predecessor, _file: file })
    }

    /// Whether a holder of this lock made this queue: then it is left over, as nobody else holds the lock now.
    #[must_use]
    pub fn has_made(&self, queue: &Queue, status: &Status) -> bool {
        self.queue.is_some_and(|made| made.is(queue.id(), status))
    }

    /// Whether another process held this lock before: it may have been killed after it made a queue and before it recorded it.
    #[must_use]
    pub fn has_predecessor(&self) -> bool {
        self.has_predecessor
    }

    /// Records that this process has made this queue, and nothing else.
    ///
    /// # Errors
    ///
    /// [`LockError::Os`].
    pub fn record(&mut self, queue: &Queue) -> Result<(), LockError> {
        let at = |source| LockError::Os { path: self.record.clone(), source };
        let made = Some(MadeQueue::now(queue.id()));
        Record::own(made).write(&self.record).map_err(at)?;
        self.queue = made;
        Ok(())
    }
}

/// Which process serves a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Holder {
    /// The one with this PID.
    Process(u32),
    /// None: the controller that made the queue has ended.
    Nobody,
    /// It cannot be seen from here: the record is missing or another user's secret, tells of another queue, or was written in
    /// another PID namespace; or /proc is not mounted.
    Unknown,
}

impl Holder {
    /// The PID, if there is a holder and it can be seen.
    #[must_use]
    pub fn pid(self) -> Option<u32> {
        match self {
            Holder::Process(pid) => Some(pid),
            Holder::Nobody | Holder::Unknown => None,
        }
    }
}

/// Which process holds the lock of the key that the user `owner` serves, without touching the lock: its record, and
/// `/proc/locks` of proc(5). With a queue, the result is [`Holder::Nobody`] only if the record names that queue.
#[must_use]
pub fn holder(key: Key, queue: Option<Queue>, owner: u32) -> Holder {
    let Ok(locks) = fs::read_to_string("/proc/locks") else { return Holder::Unknown };
    let user_directories = [runtime_directory(owner), temporary_directory(owner)];
    let directories = env_directory().into_iter().chain([SYSTEM_DIRECTORY.into()]).chain(user_directories);
    let mut nearest = Holder::Unknown;
    for directory in directories {
        let Ok(found) = fs::symlink_metadata(&directory) else { continue };
        // In /tmp any user could have made it, with anything in it.
        let is_named = env_directory().is_some_and(|named| named == directory);
        let is_trusted = is_named || [0, owner, system_owner().unwrap_or(0)].contains(&found.uid());
        let record = Record::read(&directory.join(file_name(key, "record")), found.uid());
        let Some(record) = record.ok().flatten().filter(|_| found.is_dir() && is_trusted) else { continue };
        if record.pid_namespace != own_namespace("pid") {
            continue;
        }
        let lock = fs::symlink_metadata(directory.join(file_name(key, "lock")));
        if lock.is_ok_and(|lock| is_locked(&locks, lock.ino(), record.pid)) {
            return Holder::Process(record.pid);
        }
        if queue.is_none_or(|queue| record.queue.is_some_and(|made| made.id == queue.id())) {
            nearest = Holder::Nobody;
        }
    }
    nearest
}

/// The owner of the service's directory, whose queues everybody may trust; none where the service has not run since boot.
#[must_use]
pub fn system_owner() -> Option<u32> {
    fs::symlink_metadata(SYSTEM_DIRECTORY).ok().filter(fs::Metadata::is_dir).map(|found| found.uid())
}

/// Whether there is a line like `3: FLOCK  ADVISORY  WRITE 615 00:19:1024 0 EOF`, with this PID and, before the range, this
/// inode. The device beside it is not compared: overlay and btrfs show one number here and another to stat(2).
fn is_locked(locks: &str, inode: u64, pid: u32) -> bool {
    locks.lines().any(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", holder, file, ..] = fields[..] else { return false };
        let of_file = file.rsplit_once(':').and_then(|(_, inode)| inode.parse().ok());
        holder.parse() == Ok(pid) && of_file == Some(inode)
    })
}

fn env_directory() -> Option<PathBuf> {
    env::var_os("LED_LOCK_DIRECTORY").filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn runtime_directory(user: u32) -> PathBuf {
    format!("/run/user/{user}/led-controller").into()
}

fn temporary_directory(user: u32) -> PathBuf {
    format!("/tmp/led-controller-{user}").into()
}

fn file_name(key: Key, extension: &str) -> String {
    format!("{key}-{}.{extension}", own_namespace("ipc"))
}

/// Makes the directory where it is missing. In /tmp any user could have made one, or a link, before.
fn own_directory() -> Result<PathBuf, LockError> {
    let user = own_user();
    let has_runtime_directory = || {
        let found = fs::symlink_metadata(format!("/run/user/{user}"));
        found.is_ok_and(|found| found.is_dir() && found.uid() == user)
    };
    let path = match user {
        _ if user == 0 || system_owner() == Some(user) => SYSTEM_DIRECTORY.into(),
        _ if has_runtime_directory() => runtime_directory(user),
        _ => temporary_directory(user),
    };
    let at = |source| LockError::Os { path: path.clone(), source };
    match DirBuilder::new().mode(0o755).create(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(at(error)),
        _ => {}
    }
    let found = fs::symlink_metadata(&path).map_err(at)?;
    // Root shares the directory of the service's user.
    let is_ours = found.uid() == user || user == 0;
    if !found.is_dir() || !is_ours || found.mode() & 0o022 != 0 {
        return Err(LockError::Untrusted { path, owner: found.uid() });
    }
    // Everybody may see which process serves a key, whatever the umask.
    if found.uid() == user && found.mode() & 0o777 != 0o755 {
        fs::set_permissions(&path, Permissions::from_mode(0o755)).map_err(at)?;
    }
    Ok(path)
}

/// Why a process has no lock.
#[derive(Debug)]
pub enum LockError {
    /// Another one serves this key.
    Held {
        /// The key.
        key: Key,
        /// Its PID, as it wrote it.
        pid: Option<u32>,
    },
    /// The directory or the file is another user's, is a link, or can be written by others.
    Untrusted {
        /// The directory, or the file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// A file cannot be made, locked or written.
    Os {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockError::Held { key, pid } => {
                f.write_str("a controller")?;
                if let Some(pid) = pid {
                    write!(f, " with PID {pid}")?;
                }
                write!(
                    f,
                    " uses key {key} already; use that one, end it, or choose another --key (each takes its key and the \
                     next one)"
                )
            }
            LockError::Untrusted { path, owner } => {
                write!(f, "{} belongs to {}, is a link, or can be written by others", path.display(), User(*owner))
            }
            LockError::Os { path, source } => write!(f, "{}: {source}", path.display()),
        }
    }
}

impl error::Error for LockError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            LockError::Os { source, .. } => Some(source),
            _ => None,
        }
    }
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
        assert!(is_locked(LOCKS, 77, 400));
        assert!(is_locked(LOCKS, 777, 300));
        for (inode, pid) in [(77, 100), (77, 200), (77, 250), (77, 300), (7, 400)] {
            assert!(!is_locked(LOCKS, inode, pid), "{inode} {pid}");
        }
        assert!(!is_locked("", 77, 400));
    }
}
