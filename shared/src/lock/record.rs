//! The record of a key: which process serves it, and which queue it created.

use std::{
    fmt, fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    time::{Duration, SystemTime},
};

use crate::{Status, account::own_user, file};

/// How far the times of a queue and of its record may differ: the kernel keeps whole seconds, and they are written one after
/// the other.
const SAME_TIME: Duration = Duration::from_secs(10);

/// What a controller writes beside its lock, for clients and for the next controller: lines of a name and a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Record {
    /// The PID of the process, in its PID namespace.
    pub(super) pid: u32,
    /// The inode of that namespace.
    pub(super) pid_namespace: u64,
    /// The queue that this process created.
    pub(super) queue: Option<RecordedQueue>,
}

/// A queue, and when it was created. The kernel uses identifiers again after a boot, and in another IPC namespace.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct RecordedQueue {
    pub(super) id: i32,
    /// In whole seconds since 1970.
    created: u64,
    /// The user who created it.
    creator: u32,
}

impl RecordedQueue {
    /// The queue with this identifier, which this process has just created.
    pub(super) fn new(id: i32) -> RecordedQueue {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        RecordedQueue {
            id,
            created: now.as_secs(),
            creator: own_user(),
        }
    }

    /// Whether this is the queue with that identifier and state.
    ///
    /// Root's record is believed for any queue, another user's only for queues that this user created or owns. The time of the
    /// last change is that of the creation, unless a controller closed the queue: only controllers set the limit to 0.
    pub(super) fn is(&self, id: i32, status: &Status) -> bool {
        let created = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.created));
        let is_same_time = created
            .zip(status.last_changed)
            .is_some_and(|(created, changed)| {
                let difference = created
                    .duration_since(changed)
                    .or_else(|_| changed.duration_since(created));
                difference.is_ok_and(|difference| difference <= SAME_TIME)
            });
        let is_believed = [0, status.creator, status.permissions.owner].contains(&self.creator);
        is_believed && self.id == id && (is_same_time || status.limit == 0)
    }
}

impl Record {
    /// The record of this process.
    pub(super) fn own(queue: Option<RecordedQueue>) -> Record {
        Record {
            pid: std::process::id(),
            pid_namespace: own_namespace("pid"),
            queue,
        }
    }

    /// Reads a record; none if there is no valid one, it is a link, or neither root nor `writer` wrote it. Only root can name
    /// another user as the creator of the queue.
    ///
    /// # Errors
    ///
    /// This user may not read it.
    pub(super) fn read(path: &Path, writer: u32) -> io::Result<Option<Record>> {
        // A record is far shorter.
        let (found, text) = match file::read(path, 512) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
            Err(_) => return Ok(None),
            Ok(read) => read,
        };
        let mut record = Record::from_text(&text).filter(|_| [0, writer].contains(&found.uid()));
        if let Some(Record {
            queue: Some(queue), ..
        }) = record.as_mut().filter(|_| found.uid() != 0)
        {
            queue.creator = found.uid();
        }
        Ok(record)
    }

    /// Replaces the record with this path atomically. All users may read it, whatever the umask is.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        file::replace(path, &self.to_string(), |file| {
            file.set_permissions(fs::Permissions::from_mode(0o644))
        })
    }

    fn from_text(text: &str) -> Option<Record> {
        let value = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(' '));
            lines
                .find(|(found, _)| *found == name)
                .map(|(_, value)| value)
        };
        let queue = || {
            Some(RecordedQueue {
                id: value("queue")?.parse().ok()?,
                created: value("created")?.parse().ok()?,
                creator: value("creator")?.parse().ok()?,
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
        write!(
            f,
            "pid {}\npid_namespace {}\n",
            self.pid, self.pid_namespace
        )?;
        match self.queue {
            Some(RecordedQueue {
                id,
                created,
                creator,
            }) => {
                write!(f, "queue {id}\ncreated {created}\ncreator {creator}\n")
            }
            None => Ok(()),
        }
    }
}

/// The inode of a namespace of this process, see namespaces(7); 0 if /proc is not mounted.
pub(super) fn own_namespace(kind: &str) -> u64 {
    fs::metadata(Path::new("/proc/self/ns").join(kind)).map_or(0, |namespace| namespace.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mode, Queue};

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let first = RecordedQueue {
            id: 0,
            created: 1,
            creator: 0,
        };
        let last = RecordedQueue {
            id: i32::MAX,
            created: u64::MAX,
            creator: u32::MAX,
        };
        for queue in [None, Some(first), Some(last)] {
            let record = Record {
                pid: 640,
                pid_namespace: 4_026_531_836,
                queue,
            };
            assert_eq!(Record::from_text(&record.to_string()), Some(record));
        }
    }

    #[test]
    fn a_record_that_was_cut_or_is_of_another_kind_is_ignored() {
        for text in ["", "640\n", "pid 640\n", "pid x\npid_namespace 1\n"] {
            assert_eq!(Record::from_text(text), None, "{text:?}");
        }
        let without_queue = Record {
            pid: 1,
            pid_namespace: 2,
            queue: None,
        };
        for text in [
            "pid 1\npid_namespace 2\nqueue 3\n",
            "pid 1\npid_namespace 2\nqueue x\ncreated 1\ncreator 0\nnew 5\n",
        ] {
            assert_eq!(Record::from_text(text), Some(without_queue), "{text:?}");
        }
    }

    #[test]
    fn an_identifier_that_is_used_again_names_another_queue() {
        let queue = Queue::private(Mode::new(0o600).unwrap()).unwrap();
        let (id, status) = (queue.id(), queue.status().unwrap());
        let now = RecordedQueue::new(id);
        assert!(now.is(id, &status));
        assert!(!now.is(id + 1, &status));
        assert!(
            !RecordedQueue {
                creator: 4_000_000_000,
                ..now
            }
            .is(id, &status)
        );
        for created in [now.created - 60, now.created + 60, 0, u64::MAX] {
            assert!(
                !RecordedQueue { created, ..now }.is(id, &status),
                "{created}"
            );
        }
        // Its controller changed it when it closed it.
        queue.set_limit(0).unwrap();
        assert!(
            RecordedQueue {
                created: now.created - 60,
                ..now
            }
            .is(id, &queue.status().unwrap())
        );
    }
}
