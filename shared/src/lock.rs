//! One controller per key, and how a client sees that there is one.
//!
//! The queue cannot tell who serves it: its last receiver is 0 before the first message and whoever read last after it.
//! A lock can, and the kernel lets go of it however its holder ends.

use std::{
    env, error, fmt,
    fs::{self, DirBuilder, File, Permissions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use crate::{
    Key,
    account::{User, own_user},
};

/// Where the service keeps its locks, and root without a service.
const SYSTEM_DIRECTORY: &str = "/run/led-controller";

/// The right to serve a key, held until it is dropped or its process ends: flock(2) on files that are never removed.
///
/// The files are `KEY.lock` of the command queue's key and of the reply queue's, and hold the PID of the last process that
/// locked them. They are in `/run/led-controller` for root and for the user whose that is, as it is the service's, else in
/// `/tmp/led-controller-UID`: a place that depends on the user alone, so that a unit, cron and a login shell agree on it.
/// `$LED_LOCK_DIRECTORY`, for tests, is another.
///
/// ```no_run
/// use shared::{Key, account::own_user, lock::{self, Holder, Lock}};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let lock = Lock::acquire(Key::DEFAULT)?;
/// assert_eq!(lock::holder(Key::DEFAULT, own_user()?), Holder::Process(std::process::id()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Lock {
    _files: [File; 2],
}

impl Lock {
    /// Takes the lock of this key and of its reply queue's, and leaves this process's PID in both.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] if another process serves one of the two, [`LockError::Untrusted`] if the directory or a file in
    /// it is not what this made, [`LockError::Os`] if there can be no lock file.
    pub fn acquire(key: Key) -> Result<Lock, LockError> {
        let directory = match env_directory() {
            Some(directory) => directory,
            None => own_directory()?,
        };
        Ok(Lock { _files: [lock(&directory, key)?, lock(&directory, key.reply())?] })
    }
}

fn lock(directory: &Path, key: Key) -> Result<File, LockError> {
    let path = lock_file(directory, key);
    let at = |source| LockError::Os { path: path.clone(), source };
    // Root may be in the directory of the service's user, who could have put a link there to any file of root's.
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false).custom_flags(libc::O_NOFOLLOW);
    let mut file = options.open(&path).map_err(at)?;
    let found = file.metadata().map_err(at)?;
    if !found.is_file() || found.nlink() != 1 {
        return Err(LockError::Untrusted { path, owner: found.uid() });
    }
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            file.read_to_string(&mut pid).map_err(at)?;
            return Err(LockError::Held { key, pid: pid.trim().parse().ok() });
        }
        Err(TryLockError::Error(source)) => return Err(at(source)),
    }
    // Whose the directory is may hold it next, and everybody may see who does, whatever the umask.
    let owner = fs::metadata(directory).map_err(at)?;
    if found.uid() != owner.uid() && own_user().is_ok_and(|user| user == 0) {
        fchown(&file, Some(owner.uid()), Some(owner.gid())).map_err(at)?;
    }
    file.set_permissions(Permissions::from_mode(0o644)).map_err(at)?;
    file.set_len(0).map_err(at)?;
    writeln!(file, "{}", std::process::id()).map_err(at)?;
    Ok(file)
}

/// Who serves a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Holder {
    /// The process with this PID.
    Process(u32),
    /// Nobody.
    Nobody,
    /// It cannot be seen from here: /proc is not mounted or hides it, or the lock is in a directory of another user's.
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

/// Who holds the lock of the key that the user `owner` serves, without touching the lock: `/proc/locks` of proc(5).
#[must_use]
pub fn holder(key: Key, owner: u32) -> Holder {
    let Ok(locks) = fs::read_to_string("/proc/locks") else { return Holder::Unknown };
    let mut is_hidden = false;
    let mut directories = env_directory().into_iter().chain([SYSTEM_DIRECTORY.into(), user_directory(owner)]);
    let held = directories.find_map(|directory| {
        // In /tmp anybody could have made it, with anything in it.
        let is_trusted = |file: &fs::Metadata| file.uid() == owner || file.uid() == 0;
        fs::symlink_metadata(&directory).ok().filter(|found| found.is_dir() && is_trusted(found))?;
        let mut options = File::options();
        options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let file = options.open(lock_file(&directory, key));
        is_hidden |= file.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
        let file = file.ok()?;
        let found = file.metadata().ok().filter(|found| found.is_file() && is_trusted(found))?;
        let pid = io::read_to_string(file.take(32)).ok()?.trim().parse().ok()?;
        is_locked(&locks, found.ino(), pid).then_some(pid)
    });
    match held {
        Some(pid) => Holder::Process(pid),
        None if is_hidden => Holder::Unknown,
        None => Holder::Nobody,
    }
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
    env::var_os("LED_LOCK_DIRECTORY").map(PathBuf::from)
}

fn user_directory(user: u32) -> PathBuf {
    format!("/tmp/led-controller-{user}").into()
}

fn lock_file(directory: &Path, key: Key) -> PathBuf {
    directory.join(format!("{key}.lock"))
}

/// Makes the directory where it is missing. In /tmp anybody could have made one, or a link, before.
fn own_directory() -> Result<PathBuf, LockError> {
    let user = own_user().map_err(|source| LockError::Os { path: "/proc/self".into(), source })?;
    let is_service = fs::symlink_metadata(SYSTEM_DIRECTORY).is_ok_and(|found| found.is_dir() && found.uid() == user);
    let path = if is_service || user == 0 { SYSTEM_DIRECTORY.into() } else { user_directory(user) };
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
    // Everybody may see who serves a key, whatever the umask.
    if found.uid() == user && found.mode() & 0o777 != 0o755 {
        fs::set_permissions(&path, Permissions::from_mode(0o755)).map_err(at)?;
    }
    Ok(path)
}

/// Why a process may not serve a key.
#[derive(Debug)]
pub enum LockError {
    /// Another one uses this key or the next.
    Held {
        /// The one it uses.
        key: Key,
        /// Its PID, as it wrote it; for an instant when it has begun none, or that of the one before.
        pid: Option<u32>,
    },
    /// The directory for the lock is somebody else's, or others may write to it; or the file is a link.
    Untrusted {
        /// The directory, or the file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// The lock file cannot be made or locked.
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
            LockError::Untrusted { path, owner } => write!(
                f,
                "{} is not as a controller of this user makes it: it belongs to {}, or is a link, or others may write to \
                 it; remove it",
                path.display(),
                User(*owner)
            ),
            LockError::Os { path, source } => write!(f, "cannot lock {}: {source}", path.display()),
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
