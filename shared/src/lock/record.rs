//! The record of a key: which process serves it, and which queue it created.

use std::{
    fmt, fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use super::process::{Identity, boot, differ};
use crate::{Key, Name, Queue, QueueStatus, account::own_user, file, kernel_led::KernelLed};

/// What a controller writes beside its lock, for clients and for the next controller: lines of a name and a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Record {
    /// The process.
    pub(super) process: Identity,
    /// The name of its key, if it was given as a name.
    pub(super) name: Option<Name>,
    /// The queue that it created.
    pub(super) queue: Option<RecordedQueue>,
    /// The LED whose trigger it has ended and not set again.
    pub(super) led: Option<RecordedLed>,
}

/// An LED of the kernel, and the trigger that drove it before a controller did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordedLed {
    /// Its name.
    pub name: String,
    /// The name of the trigger.
    pub trigger: String,
}

/// A queue, by its identifier. The kernel uses identifiers again only after a boot, or in another IPC namespace.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct RecordedQueue {
    id: i32,
    /// The user who created it.
    creator: u32,
}

impl RecordedQueue {
    /// This queue, which this process has just created.
    pub(super) fn new(queue: &Queue) -> RecordedQueue {
        RecordedQueue {
            id: queue.id(),
            creator: own_user(),
        }
    }
}

impl Record {
    /// The record of this process, which serves this key.
    pub(super) fn own(key: Key, queue: Option<RecordedQueue>) -> Record {
        Record {
            process: Identity::own(),
            name: key.name(),
            queue,
            led: None,
        }
    }

    /// Whether it is from before the last boot.
    pub(super) fn is_old(&self) -> bool {
        differ(&self.process.boot, &boot())
    }

    /// Whether it names this queue.
    ///
    /// Root's record is believed for any queue, another user's only for queues that its writer created or owns. A record from
    /// before the last boot names none.
    pub(super) fn names(&self, queue: &Queue, status: &QueueStatus) -> bool {
        !self.is_old()
            && self.queue.is_some_and(|recorded| {
                recorded.id == queue.id()
                    && [0, status.creator, status.permissions.owner].contains(&recorded.creator)
            })
    }

    /// Reads a record; none if there is no valid one, it is a link, or neither root nor `writer` wrote it. Only root can name
    /// another user as the creator of the queue.
    pub(super) fn read(path: &Path, writer: u32) -> Option<Record> {
        // A record is far shorter.
        let (found, text) = file::read(path, 1024).ok()?;
        let mut record = Record::from_text(&text).filter(|_| [0, writer].contains(&found.uid()))?;
        if let Some(queue) = record.queue.as_mut().filter(|_| found.uid() != 0) {
            queue.creator = found.uid();
        }
        Some(record)
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
        let number = |name| value(name)?.parse().ok();
        let name = || value("name")?.parse().ok();
        let queue = || {
            Some(RecordedQueue {
                id: value("queue")?.parse().ok()?,
                creator: value("creator")?.parse().ok()?,
            })
        };
        let led = || {
            Some(RecordedLed {
                name: value("led")
                    .filter(|name| KernelLed::is_name(name))?
                    .to_owned(),
                trigger: value("trigger")?.to_owned(),
            })
        };
        Some(Record {
            process: Identity {
                pid: value("pid")?.parse().ok()?,
                pid_namespace: number("pid_namespace")?,
                boot: value("boot").map(str::to_owned),
                started: number("started"),
                pidfd: number("pidfd"),
            },
            name: name(),
            queue: queue(),
            led: led(),
        })
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Identity {
            pid,
            pid_namespace,
            boot,
            started,
            pidfd,
        } = &self.process;
        write!(f, "pid {pid}\npid_namespace {pid_namespace}\n")?;
        if let Some(boot) = boot {
            writeln!(f, "boot {boot}")?;
        }
        for (name, number) in [("started", started), ("pidfd", pidfd)] {
            if let Some(number) = number {
                writeln!(f, "{name} {number}")?;
            }
        }
        if let Some(name) = self.name {
            writeln!(f, "name {name}")?;
        }
        if let Some(RecordedQueue { id, creator }) = self.queue {
            write!(f, "queue {id}\ncreator {creator}\n")?;
        }
        if let Some(RecordedLed { name, trigger }) = &self.led {
            write!(f, "led {name}\ntrigger {trigger}\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mode;

    fn identity(pid: u32) -> Identity {
        Identity {
            pid,
            pid_namespace: 4_026_531_836,
            boot: None,
            started: None,
            pidfd: None,
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let all = Identity {
            boot: Some("15e1d2c5-8f4c-4d2c-9a32-7e8b4e5a0c11".into()),
            started: Some(u64::MAX),
            pidfd: Some(0),
            ..identity(640)
        };
        let first = RecordedQueue { id: 0, creator: 0 };
        let last = RecordedQueue {
            id: i32::MAX,
            creator: u32::MAX,
        };
        for process in [identity(1), all] {
            let led = RecordedLed {
                name: "mmc0:: status".into(),
                trigger: "mmc0".into(),
            };
            for queue in [None, Some(first), Some(last)] {
                for (name, led) in [(None, None), ("door".parse().ok(), Some(led.clone()))] {
                    let record = Record {
                        process: process.clone(),
                        name,
                        queue,
                        led,
                    };
                    assert_eq!(Record::from_text(&record.to_string()), Some(record));
                }
            }
        }
    }

    #[test]
    fn a_record_that_was_cut_or_is_of_another_kind_is_ignored() {
        for text in ["", "640\n", "pid 640\n", "pid x\npid_namespace 1\n"] {
            assert_eq!(Record::from_text(text), None, "{text:?}");
        }
        let without_queue = Record {
            process: identity(1),
            name: None,
            queue: None,
            led: None,
        };
        for text in [
            "pid 1\npid_namespace 4026531836\nqueue 3\n",
            "pid 1\npid_namespace 4026531836\nqueue x\ncreator 0\nname Door\nnew 5\n",
            "pid 1\npid_namespace 4026531836\nled ../ACT\ntrigger mmc0\n",
        ] {
            assert_eq!(
                Record::from_text(text),
                Some(without_queue.clone()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn identifier_creator_and_boot_decide_which_queue_a_record_names() {
        let queue = Queue::private(Mode::new(0o600).unwrap()).unwrap();
        let status = queue.status().unwrap();
        let own = Record::own(Key::DEFAULT, Some(RecordedQueue::new(&queue)));
        assert!(own.names(&queue, &status));
        assert!(!own.names(&Queue::from_id(queue.id() + 1), &status));
        let mut of_another_boot = own.clone();
        of_another_boot.process.boot = Some("15e1d2c5-8f4c-4d2c-9a32-7e8b4e5a0c11".into());
        assert!(!of_another_boot.names(&queue, &status));
        let of_another_user = Record {
            queue: own.queue.map(|queue| RecordedQueue {
                creator: 4_000_000_000,
                ..queue
            }),
            ..own.clone()
        };
        assert!(!of_another_user.names(&queue, &status));
        // The limit, and with it the time of the last change, can be changed by anybody who may.
        queue.set_limit(0).unwrap();
        assert!(own.names(&queue, &queue.status().unwrap()));
    }
}
