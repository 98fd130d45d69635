//! The directories and file names of locks and records.

use std::{
    env,
    fs::{self, DirBuilder, Metadata, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::{LockError, process::own_namespace};
use crate::{Key, account::own_user};

/// The directory of the service and of root. Only root can create it.
const SERVICE_DIRECTORY: &str = "/run/led-controller";

/// The two files of a key in a directory.
pub(super) struct Files {
    pub(super) lock: PathBuf,
    pub(super) record: PathBuf,
}

impl Files {
    pub(super) fn new(directory: &Path, key: Key) -> Files {
        let stem = format!("{}-{}", key.get(), own_namespace("ipc"));
        Files {
            lock: directory.join(format!("{stem}.lock")),
            record: directory.join(format!("{stem}.record")),
        }
    }
}

/// The user who owns the service's directory, and whose queues all users trust; none if the service has not run since boot.
#[must_use]
pub fn service_user() -> Option<u32> {
    fs::symlink_metadata(SERVICE_DIRECTORY)
        .ok()
        .filter(Metadata::is_dir)
        .map(|found| found.uid())
}

/// The directories where the controllers of this user can have their locks, and their metadata. Each exists and is trusted.
pub(super) fn trusted(user: u32) -> impl Iterator<Item = (PathBuf, Metadata)> {
    let named = from_environment();
    let directories = [SERVICE_DIRECTORY.into(), runtime(user), temporary(user)];
    named
        .clone()
        .into_iter()
        .chain(directories)
        .filter_map(move |path| {
            let found = fs::symlink_metadata(&path).ok()?;
            // In /tmp any user can create this directory.
            let owners = [0, user, service_user().unwrap_or(0)];
            let is_trusted = named.as_ref() == Some(&path) || owners.contains(&found.uid());
            (found.is_dir() && is_trusted).then_some((path, found))
        })
}

/// The directories that exist now where a controller of this user can have its lock and record. Other users cannot write to
/// them.
///
/// A client that waits for a controller to start can watch them, see inotify(7).
pub fn directories(user: u32) -> impl Iterator<Item = PathBuf> {
    trusted(user).map(|(path, _)| path)
}

/// The directory of this process, created if it does not exist.
pub(super) fn create_own() -> Result<PathBuf, LockError> {
    if let Some(named) = from_environment() {
        return Ok(named);
    }
    let user = own_user();
    let has_runtime_directory = || {
        let found = fs::symlink_metadata(format!("/run/user/{user}"));
        found.is_ok_and(|found| found.is_dir() && found.uid() == user)
    };
    let path = match user {
        _ if user == 0 || service_user() == Some(user) => SERVICE_DIRECTORY.into(),
        _ if has_runtime_directory() => runtime(user),
        _ => temporary(user),
    };
    let at = |source| LockError::Os {
        path: path.clone(),
        source,
    };
    match DirBuilder::new().mode(0o755).create(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(at(error)),
        _ => {}
    }
    // In /tmp another user may have created the directory, or a link in its place.
    let found = fs::symlink_metadata(&path).map_err(at)?;
    let is_own = found.uid() == user || user == 0;
    if !found.is_dir() || !is_own || found.mode() & 0o022 != 0 {
        return Err(LockError::Untrusted {
            path,
            owner: found.uid(),
        });
    }
    // All users must be able to read records, whatever the umask is.
    if found.uid() == user && found.mode() & 0o777 != 0o755 {
        fs::set_permissions(&path, Permissions::from_mode(0o755)).map_err(at)?;
    }
    Ok(path)
}

fn from_environment() -> Option<PathBuf> {
    env::var_os("LED_LOCK_DIRECTORY")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

fn runtime(user: u32) -> PathBuf {
    format!("/run/user/{user}/led-controller").into()
}

fn temporary(user: u32) -> PathBuf {
    format!("/tmp/led-controller-{user}").into()
}
