//! One controller per key, and how a client sees that there is one.
//!
//! The queue cannot tell who serves it: its last receiver is 0 before the first message and whoever read last after it.
//! A lock can, and the kernel lets go of it however its holder ends.

use std::{
    env, error, fmt,
    fs::{self, DirBuilder, File, Permissions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::{
    Key,
    account::{User, own_user},
};

/// Where the service keeps its locks, and root without a service.
const SYSTEM_DIRECTORY: &str = "/run/led-controller";

/// The right to serve a key, held until it is dropped or its process ends: flock(2) on a file that is never removed.
///
/// The file is `KEY.lock`, and holds the PID of the last process that locked it, in `$RUNTIME_DIRECTORY` (which systemd
/// sets), else `/run/led-controller` for root, else `/tmp/led-controller-UID`: a place that depends on the user alone,
/// so that cron and a login shell agree on it.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of this key, and leaves this process's PID in it.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] if another process serves the key, [`LockError::Untrusted`] if the directory is not this
    /// user's own, [`LockError::Os`] if there can be no lock file.
    pub fn acquire(key: Key) -> Result<Lock, LockError> {
        let directory = match env_directory() {
            Some(directory) => directory,
            None => own_directory()?,
        };
        let path = lock_file(&directory, key);
        let at = |source| LockError::Os { path: path.clone(), source };
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(at)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                file.read_to_string(&mut pid).map_err(at)?;
                return Err(LockError::Held { key, pid: pid.trim().parse().ok() });
            }
            Err(TryLockError::Error(source)) => return Err(at(source)),
        }
        // Everybody may see who holds it, whatever the umask.
        file.set_permissions(Permissions::from_mode(0o644)).map_err(at)?;
        file.set_len(0).map_err(at)?;
        writeln!(file, "{}", std::process::id()).map_err(at)?;
        Ok(Lock { _file: file })
    }
}

/// Who serves a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Holder {
    /// The process with this PID.
    Process(u32),
    /// Nobody.
    Nobody,
    /// It cannot be seen from here: /proc is not mounted or hides it.
    Unknown,
}

/// Who holds the lock of the key that the user `owner` serves, without touching the lock: `/proc/locks` of proc(5).
#[must_use]
pub fn holder(key: Key, owner: u32) -> Holder {
    let Ok(locks) = fs::read_to_string("/proc/locks") else { return Holder::Unknown };
    let directories = match env_directory() {
        Some(directory) => vec![directory],
        None => vec![SYSTEM_DIRECTORY.into(), user_directory(owner)],
    };
    let inodes = directories.iter().filter_map(|directory| fs::metadata(lock_file(directory, key)).ok());
    match inodes.filter_map(|file| flock_holder(&locks, file.ino())).next() {
        Some(pid) => Holder::Process(pid),
        None => Holder::Nobody,
    }
}

/// The PID in a line like `3: FLOCK  ADVISORY  WRITE 615 00:19:1024 0 EOF`, whose last number before the range is the
/// inode. The device beside it is not compared: overlay and btrfs show one number here and another to stat(2).
fn flock_holder(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", pid, file, ..] = fields[..] else { return None };
        let (_, of_file) = file.rsplit_once(':')?;
        if of_file.parse() == Ok(inode) { pid.parse().ok() } else { None }
    })
}

fn env_directory() -> Option<PathBuf> {
    // systemd separates several directories with colons.
    env::split_paths(&env::var_os("RUNTIME_DIRECTORY")?).find(|path| path.is_absolute())
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
    let path = if user == 0 { SYSTEM_DIRECTORY.into() } else { user_directory(user) };
    let at = |source| LockError::Os { path: path.clone(), source };
    match DirBuilder::new().mode(0o755).create(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(at(error)),
        _ => {}
    }
    let found = fs::symlink_metadata(&path).map_err(at)?;
    if user != 0 && (!found.is_dir() || found.uid() != user || found.mode() & 0o022 != 0) {
        return Err(LockError::Untrusted { path, owner: found.uid() });
    }
    Ok(path)
}

/// Why a process may not serve a key.
#[derive(Debug)]
pub enum LockError {
    /// Another one does.
    Held {
        /// The key.
        key: Key,
        /// Its PID, as it wrote it; none in the instant before it does.
        pid: Option<u32>,
    },
    /// The directory for the lock is somebody else's, or others may write to it.
    Untrusted {
        /// The directory.
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
            LockError::Held { key, pid: Some(pid) } => {
                write!(
                    f,
                    "a controller with PID {pid} serves key {key} already; use that one, end it, or choose another --key"
                )
            }
            LockError::Held { key, pid: None } => {
                write!(f, "another controller serves key {key} already; use that one, end it, or choose another --key")
            }
            LockError::Untrusted { path, owner } => write!(
                f,
                "{} is not a directory of this user's alone (it belongs to {}); remove it, or set RUNTIME_DIRECTORY to one that is",
                path.display(),
                User(*owner)
            ),
            LockError::Os { path, source } => {
                write!(f, "cannot lock {}: {source}; RUNTIME_DIRECTORY names another directory for it", path.display())
            }
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
    fn the_holder_is_the_process_with_the_exclusive_flock_on_the_inode() {
        assert_eq!(flock_holder(LOCKS, 77), Some(400));
        assert_eq!(flock_holder(LOCKS, 777), Some(300));
        assert_eq!(flock_holder(LOCKS, 7), None);
        assert_eq!(flock_holder("", 77), None);
    }
}
