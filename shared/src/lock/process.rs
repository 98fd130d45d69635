//! Identifies a process, and finds out from the kernel whether it lives.

use std::{
    fs,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::Path,
    sync::Arc,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{fstat, fstatfs},
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open},
};

/// `PID_FS_MAGIC` of Linux 6.9: on this file system the inode number of a pidfd belongs to one process until the next boot.
const PID_FS_MAGIC: i64 = 0x5049_4446;

/// A process, as it is recorded. The kernel uses PIDs again, so the other numbers identify the process that had this PID.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Identity {
    /// The PID, in its PID namespace.
    pub(super) pid: u32,
    /// The inode number of that namespace, see namespaces(7).
    pub(super) pid_namespace: u64,
    /// The boot, see random(4). None if it cannot be read.
    pub(super) boot: Option<String>,
    /// When it was started, in clock ticks after the boot: field 22 of proc_pid_stat(5). None if it cannot be read.
    pub(super) started: Option<u64>,
    /// The inode number of its pidfd, from Linux 6.9 on.
    pub(super) pidfd: Option<u64>,
}

/// A process that lives. Its end can be waited for with poll(2), by any user: its file descriptor, that of pidfd_open(2), is
/// readable then.
#[derive(Clone, Debug)]
pub struct Process {
    pid: u32,
    pidfd: Arc<OwnedFd>,
}

impl Process {
    /// The PID.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        is_readable(self.pidfd.as_fd())
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

impl PartialEq for Process {
    fn eq(&self, other: &Process) -> bool {
        self.pid == other.pid
    }
}

impl Eq for Process {}

/// The process that serves a queue, according to its record and to the kernel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Holder {
    /// This process, which lives.
    Alive(Process),
    /// None: the controller that created the queue has ended.
    Ended,
    /// It is not known: there is no record, or the process is in another PID namespace.
    Unknown,
}

impl Holder {
    /// The process that has this PID now. Nothing else identifies it: it may be another process with the same PID.
    #[must_use]
    pub fn of_pid(pid: u32) -> Holder {
        Identity::of_pid(pid).life()
    }

    /// The PID of the process that lives.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match self {
            Holder::Alive(process) => Some(process.pid()),
            Holder::Ended | Holder::Unknown => None,
        }
    }
}

impl Identity {
    /// The identity of this process.
    pub(super) fn own() -> Identity {
        let pid = std::process::id();
        let pidfd = open(pid).ok();
        Identity {
            pid,
            pid_namespace: own_namespace("pid"),
            boot: boot(),
            started: started(pid),
            pidfd: pidfd.and_then(|pidfd| inode(pidfd.as_fd())),
        }
    }

    /// The process that has this PID now, of which nothing else is known.
    pub(super) fn of_pid(pid: u32) -> Identity {
        Identity {
            pid,
            pid_namespace: own_namespace("pid"),
            boot: None,
            started: None,
            pidfd: None,
        }
    }

    /// Whether this process lives.
    ///
    /// It has ended only if the kernel says so: another boot, no process with this PID in the same namespace, a process that has
    /// ended, or one with another identity. What cannot be seen proves nothing.
    pub(super) fn life(&self) -> Holder {
        if differ(&self.boot, &boot()) {
            return Holder::Ended;
        }
        if self.pid_namespace != own_namespace("pid") {
            return Holder::Unknown;
        }
        let pidfd = match open(self.pid) {
            Ok(pidfd) => pidfd,
            Err(Errno::SRCH) => return Holder::Ended,
            Err(_) => return Holder::Unknown,
        };
        // A process that its parent has not waited for still has its PID.
        if is_readable(pidfd.as_fd()) {
            return Holder::Ended;
        }
        let is_another = match (self.pidfd, inode(pidfd.as_fd())) {
            (Some(recorded), Some(found)) => recorded != found,
            _ => differ(&self.started, &started(self.pid)),
        };
        if is_another {
            return Holder::Ended;
        }
        Holder::Alive(Process {
            pid: self.pid,
            pidfd: Arc::new(pidfd),
        })
    }
}

/// Whether both are known, and differ.
pub(super) fn differ<T: PartialEq>(recorded: &Option<T>, found: &Option<T>) -> bool {
    recorded.is_some() && found.is_some() && recorded != found
}

fn open(pid: u32) -> Result<OwnedFd, Errno> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pidfd_open(pid.ok_or(Errno::INVAL)?, PidfdFlags::empty())
}

fn is_readable(pidfd: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(pidfd, PollFlags::IN)];
    // A poll that does not sleep is not interrupted.
    poll(&mut polled, Some(&Timespec::default()))
        .is_ok_and(|ready| ready == 1 && polled[0].revents().contains(PollFlags::IN))
}

#[allow(
    clippy::useless_conversion,
    reason = "the type of the field differs between architectures"
)]
fn inode(pidfd: BorrowedFd<'_>) -> Option<u64> {
    let is_unique = fstatfs(pidfd).is_ok_and(|found| i64::from(found.f_type) == PID_FS_MAGIC);
    is_unique.then(|| fstat(pidfd).ok().map(|found| found.st_ino))?
}

fn started(pid: u32) -> Option<u64> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program, in parentheses, can contain anything.
    let stat = String::from_utf8_lossy(&stat);
    let (_, fields) = stat.rsplit_once(')')?;
    // Field 3 is the first one after the name.
    fields.split_ascii_whitespace().nth(22 - 3)?.parse().ok()
}

/// This boot, see random(4).
pub(super) fn boot() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(boot.trim_end().to_owned())
}

/// The inode of a namespace of this process, see namespaces(7); 0 if /proc is not mounted.
pub(super) fn own_namespace(kind: &str) -> u64 {
    fs::metadata(Path::new("/proc/self/ns").join(kind)).map_or(0, |namespace| namespace.ino())
}
