//! The command queue and the reply queue: creating, opening and removing them.

use std::mem;

use shared::{
    Key, Message, MessageType, Mode, Oversize, OwnedQueue, Permissions, Queue, QueueStatus, Select,
    TEXT_MAX,
    account::own_user,
    lock::{Lock, service_user},
};

use crate::{
    Error,
    drain::drain,
    error::TakenBy,
    existing::{Existing, may_reclaim, remove_queue, remove_stale},
    locks::{Locks, record},
    replies::{RECEIVE_PATIENCE, wait_until_received},
};

/// How many times the queues are created if another process removes them each time.
const ATTEMPTS: usize = 100;
/// How many times a queue of another user is removed if that user creates it again each time.
const RECLAIM_ATTEMPTS: usize = 1_000_000;

/// Key, mode and group of the queues.
#[derive(Clone, Copy, Debug)]
pub struct QueueOptions {
    /// Key of the command queue.
    pub key: Key,
    /// Mode of the command queue, from which that of the reply queue follows.
    pub mode: Mode,
    /// Group of both queues; none for the group of this process.
    pub group: Option<u32>,
}

/// Both queues. Dropping it removes them, the command queue first.
#[derive(Debug)]
pub struct QueuePair {
    pub(crate) commands: OwnedQueue,
    pub(crate) replies: OwnedQueue,
    pub(crate) options: QueueOptions,
    pub(crate) locks: Locks,
}

/// Why there are no queues. The locks keep other controllers from the LED until it is off.
#[derive(Debug)]
pub struct NotCreated {
    pub(crate) error: Error,
    pub(crate) locks: Box<Locks>,
}

impl NotCreated {
    fn new(error: Error, locks: Locks) -> NotCreated {
        NotCreated {
            error,
            locks: Box::new(locks),
        }
    }
}

impl QueuePair {
    /// Creates both queues, in place of stale ones.
    ///
    /// Both are created closed and recorded. Then the reply queue is opened, and last the command queue: a client that may send
    /// finds the reply queue.
    ///
    /// # Errors
    ///
    /// [`Error::Taken`] if a queue of another program has one of the keys; [`Error::Limit`] if the kernel's limit of a queue is
    /// too small for a message; [`Error::Unstable`]; [`Error::Queue`].
    pub fn create(options: QueueOptions, mut locks: Locks) -> Result<QueuePair, NotCreated> {
        let key = options.key;
        if let Err(error) = remove_stale(key, &locks) {
            return Err(NotCreated::new(error, locks));
        }
        for _ in 0..ATTEMPTS {
            let created = create(key, &locks.commands)
                .and_then(|commands| Ok((commands, create(key.reply(), &locks.replies)?)));
            let (commands, replies) = match created {
                Ok(created) => created,
                Err(error) => return Err(NotCreated::new(error, locks)),
            };
            let mut pair = QueuePair {
                commands,
                replies,
                options,
                locks,
            };
            match pair.open() {
                Ok(()) => return Ok(pair),
                Err(shared::Error::Removed(_)) => locks = pair.locks,
                Err(source) => {
                    return Err(NotCreated::new(Error::Queue { key, source }, pair.locks));
                }
            }
        }
        Err(NotCreated::new(Error::Unstable { key }, locks))
    }

    /// Creates both again, after another process removed the command queue.
    ///
    /// # Errors
    ///
    /// [`Error::Replaced`] if another queue has one of the keys; [`Error::Unstable`]; [`Error::Queue`].
    pub(crate) fn recreate(&mut self) -> Result<(), Error> {
        let key = self.options.key;
        for _ in 0..ATTEMPTS {
            let _ = self.commands.remove();
            // Clients that find the closed queue wait until it is open.
            self.commands = create(key, &self.locks.commands).map_err(Error::while_serving)?;
            // Remove the reply queue too: clients whose commands were removed notice that, and try again.
            wait_until_received(&self.replies, RECEIVE_PATIENCE);
            let _ = self.replies.remove();
            self.replies =
                create(key.reply(), &self.locks.replies).map_err(Error::while_serving)?;
            match self.open() {
                Err(shared::Error::Removed(_)) => {}
                result => return result.map_err(|source| Error::Queue { key, source }),
            }
        }
        Err(Error::Unstable { key })
    }

    /// Creates the reply queue again, after another process removed it.
    ///
    /// # Errors
    ///
    /// Those of [`QueuePair::recreate`].
    pub(crate) fn recreate_replies(&mut self) -> Result<(), Error> {
        let key = self.options.key.reply();
        for _ in 0..ATTEMPTS {
            self.replies = create(key, &self.locks.replies).map_err(Error::while_serving)?;
            match self.open_replies() {
                Err(shared::Error::Removed(_)) => {}
                result => return result.map_err(|source| Error::Queue { key, source }),
            }
        }
        Err(Error::Unstable { key })
    }

    /// Records both queues, and opens them to clients.
    fn open(&mut self) -> Result<(), shared::Error> {
        record(&mut self.locks.commands, &self.commands);
        self.open_replies()?;
        open(&self.commands, self.options.mode, self.options.group)
    }

    fn open_replies(&mut self) -> Result<(), shared::Error> {
        record(&mut self.locks.replies, &self.replies);
        let QueueOptions { mode, group, .. } = self.options;
        open(&self.replies, mode.of_replies(), group)?;
        // Send one message to oneself: only the controller may send here, so that the last sender of this queue identifies it even
        // if the record is lost.
        let mark = Message::<0>::empty(MessageType::random());
        let own = Select::Type(mark.message_type());
        let _ = self.replies.try_send(&mark);
        let _ = self.replies.try_receive::<0>(own, Oversize::Truncate);
        Ok(())
    }
}

fn open(queue: &Queue, mode: Mode, group: Option<u32>) -> Result<(), shared::Error> {
    let found = queue.status()?.permissions;
    queue.set_permissions(Permissions {
        owner: found.owner,
        group: group.unwrap_or(found.group),
        mode,
    })
}

/// Creates a closed queue.
fn create(key: Key, lock: &Option<Lock>) -> Result<OwnedQueue, Error> {
    create_or_replace(key, lock, |_| false)
}

/// Creates a closed queue. Removes an existing one first if `may_take` accepts it.
fn create_or_replace(
    key: Key,
    lock: &Option<Lock>,
    may_take: impl Fn(&QueueStatus) -> bool,
) -> Result<OwnedQueue, Error> {
    for attempt in 0..RECLAIM_ATTEMPTS {
        let queue = match Queue::create(key, Mode::CLOSED) {
            Ok(queue) => queue,
            Err(shared::Error::Exists(_)) => match Existing::find(key, lock.as_ref())? {
                Existing::Nothing => continue,
                Existing::Prepared(queue) => queue.into_owned(),
                Existing::Foreign(queue, status) if may_take(&status) => {
                    let taken = (attempt == 0).then(|| TakenBy::new(key, &queue, &status));
                    let drained = drain(&queue, None);
                    if let Some(taken) = taken {
                        log::warn!("{taken}; removing it");
                        drained.log("it was in that queue");
                    }
                    continue;
                }
                // A controller was killed just now.
                Existing::Stale(queue) => {
                    remove_queue(key, &queue)?;
                    continue;
                }
                Existing::Foreign(queue, status) => {
                    return Err(Error::Taken(TakenBy::new(key, &queue, &status)));
                }
            },
            Err(source) => return Err(Error::Queue { key, source }),
        };
        let limit = queue.status().map_or(u64::MAX, |status| status.limit);
        if limit < TEXT_MAX as u64 {
            return Err(Error::Limit { limit });
        }
        return Ok(queue);
    }
    Err(Error::Unstable { key })
}

/// Creates both queues for the service, in place of those of other users: as root, before the service starts.
///
/// The service opens these queues. If it created them itself, another user could always create a queue with the key first.
pub(crate) fn reclaim(key: Key) -> Result<(), Error> {
    if own_user() != 0 {
        return Err(Error::NeedsRoot);
    }
    let mut locks = Locks::acquire(key, None)?;
    remove_stale(key, &locks)?;
    let owner = service_user().unwrap_or(0);
    let has_locks = locks.commands.is_some() && locks.replies.is_some();
    let may_take = |status: &QueueStatus| may_reclaim(status, owner, has_locks);
    let commands = create_or_replace(key, &locks.commands, may_take)?;
    let replies = create_or_replace(key.reply(), &locks.replies, may_take)?;
    for (lock, queue) in [
        (&mut locks.commands, commands),
        (&mut locks.replies, replies),
    ] {
        // The service uses only recorded queues. A queue that cannot be recorded is dropped here, which removes it.
        let Some(Ok(())) = lock.as_mut().map(|lock| lock.record(&queue)) else {
            continue;
        };
        let status = queue.status();
        let given = status.and_then(|status| {
            queue.set_permissions(Permissions {
                owner,
                ..status.permissions
            })
        });
        given.map_err(|source| Error::Queue { key, source })?;
        // From here on the service removes it.
        mem::forget(queue);
    }
    Ok(())
}
