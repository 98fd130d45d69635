//! The record of a key: which process serves it, and which queue that process made.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
    time::{Duration, SystemTime},
};

use crate::{Status, account::own_user};

/// The kernel notes whole seconds, and the queue and its record are written one after the other.
const SAME_TIME: Duration = Duration::from_secs(10);

/// What a controller writes beside its lock, for its clients and for the next controller: lines of a name and a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Record {
    /// The process, as its PID namespace numbers it.
    pub(crate) pid: u32,
    /// The inode of that PID namespace.
    pub(crate) pid_namespace: u64,
    /// The queue that this process made, or that the one before it made and this one has not removed yet.
    pub(crate) queue: Option<MadeQueue>,
}

/// A queue, and when it was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct MadeQueue {
    pub(crate) id: i32,
    /// In whole seconds since 1970. An identifier comes again after a boot, in another IPC namespace with the same number,
    /// and then names another queue.
    pub(crate) made: u64,
    /// The user who made it, and whose word this is.
    pub(crate) maker: u32,
}

impl MadeQueue {
    pub(crate) fn now(id: i32) -> MadeQueue {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        MadeQueue { id, made: now.as_secs(), maker: own_user() }
    }

    /// Whether this is the queue with that identifier and state. Root is believed, another user only of queues that this user made
    /// or owns. A controller that ends sets the limit to 0, which counts as a
    /// change; no other program does that.
    pub(crate) fn is(&self, id: i32, status: &Status) -> bool {
        let made = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.made));
        let is_same_time = made.zip(status.last_changed).is_some_and(|(made, changed)| {
            let apart = made.duration_since(changed).or_else(|_| changed.duration_since(made));
            apart.is_ok_and(|apart| apart <= SAME_TIME)
        });
        let is_believed = [0, status.creator, status.permissions.owner].contains(&self.maker);
        is_believed && self.id == id && (is_same_time || status.limit == 0)
    }
}

impl Record {
    /// One of this process.
    pub(crate) fn own(queue: Option<MadeQueue>) -> Record {
        Record { pid: std::process::id(), pid_namespace: own_namespace("pid"), queue }
    }

    /// The record at this path; none if it is a link, or neither root nor this user wrote it. Only root can name another user as
    /// the maker of the queue.
    pub(crate) fn read(path: &Path, writer: u32) -> io::Result<Option<Record>> {
        let mut options = File::options();
        // In /tmp it could be anything: a pipe would keep us waiting.
        options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let file = match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
            Err(_) => return Ok(None),
            Ok(file) => file,
        };
        let found = file.metadata()?;
        if !found.is_file() || ![0, writer].contains(&found.uid()) {
            return Ok(None);
        }
        let mut text = String::new();
        // Far more than a record has.
        let mut record = file.take(512).read_to_string(&mut text).ok().and_then(|_| Record::from_text(&text));
        if let Some(Record { queue: Some(queue), .. }) = record.as_mut().filter(|_| found.uid() != 0) {
            queue.maker = found.uid();
        }
        Ok(record)
    }

    /// Replaces the record at this path at one stroke, for everybody to read whatever the umask is.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let new = path.with_extension("new");
        // What a killed process left.
        let _ = fs::remove_file(&new);
        let mut file = File::options().write(true).create_new(true).open(&new)?;
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
        file.write_all(self.to_string().as_bytes())?;
        fs::rename(&new, path)
    }

    fn from_text(text: &str) -> Option<Record> {
        let value = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(' '));
            lines.find(|(found, _)| *found == name).map(|(_, value)| value)
        };
        let queue = || {
            let number = |name| value(name)?.parse().ok();
            Some(MadeQueue {
                id: value("queue")?.parse().ok()?,
                made: value("made")?.parse().ok()?,
                maker: number("maker")?,
            })
        };
        Some(Record {
            pid: value("pid")?.parse().ok()?,
            pid_namespace: value("pid_namespace")?.parse().ok()?,
            queue: queue(),
        })
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {}\npid_namespace {}\n", self.pid, self.pid_namespace)?;
        match self.queue {
            Some(MadeQueue { id, made, maker }) => write!(f, "queue {id}\nmade {made}\nmaker {maker}\n"),
            None => Ok(()),
        }
    }
}

/// The inode of a namespace of this process, see namespaces(7); 0 where /proc is not mounted.
pub(crate) fn own_namespace(kind: &str) -> u64 {
    fs::metadata(Path::new("/proc/self/ns").join(kind)).map_or(0, |namespace| namespace.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mode, Queue};

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let first = MadeQueue { id: 0, made: 1, maker: 0 };
        let last = MadeQueue { id: i32::MAX, made: u64::MAX, maker: u32::MAX };
        for queue in [None, Some(first), Some(last)] {
            let record = Record { pid: 640, pid_namespace: 4_026_531_836, queue };
            assert_eq!(Record::from_text(&record.to_string()), Some(record));
        }
    }

    #[test]
    fn a_record_that_is_cut_or_foreign_is_none() {
        for text in ["", "640\n", "pid 640\n", "pid x\npid_namespace 1\n"] {
            assert_eq!(Record::from_text(text), None, "{text:?}");
        }
        let without_queue = Record { pid: 1, pid_namespace: 2, queue: None };
        for text in ["pid 1\npid_namespace 2\nqueue 3\n", "pid 1\npid_namespace 2\nqueue x\nmade 1\nmaker 0\nnew 5\n"] {
            assert_eq!(Record::from_text(text), Some(without_queue), "{text:?}");
        }
    }

    #[test]
    fn an_identifier_that_comes_again_names_another_queue() {
        let queue = Queue::private(Mode::new(0o600).unwrap()).unwrap();
        let (id, status) = (queue.id(), queue.status().unwrap());
        let now = MadeQueue::now(id);
        assert!(now.is(id, &status));
        assert!(!now.is(id + 1, &status));
        assert!(!MadeQueue { maker: 4_000_000_000, ..now }.is(id, &status));
        for made in [now.made - 60, now.made + 60, 0, u64::MAX] {
            assert!(!MadeQueue { made, ..now }.is(id, &status), "{made}");
        }
        // One that its controller has closed was changed then.
        queue.set_limit(0).unwrap();
        assert!(MadeQueue { made: now.made - 60, ..now }.is(id, &queue.status().unwrap()));
    }
}
