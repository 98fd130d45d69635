//! The pair of queues: made, made again and removed by the controller alone.

use std::{mem, time::Duration};

use shared::{
    Key, Mode, OwnedQueue, Permissions, Queue, TEXT_MAX,
    account::own_user,
    lock::{self, Lock},
};

use crate::{
    Error,
    error::TakenBy,
    locks::{Found, Locks, gone, open, remove},
    lost,
};

/// How often the queues are made again where somebody removes them while they are made.
const ATTEMPTS: usize = 100;
/// How often a key is taken back from a user who takes it again each time.
const RECLAIMS: usize = 1_000_000;
/// How long the last answers are kept for clients that have not come to receive them.
pub(crate) const COLLECT: Duration = Duration::from_millis(100);

/// Key, mode and group of the queues.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Key of the command queue.
    pub key: Key,
    /// Mode of the command queue; that of the reply queue follows from it.
    pub mode: Mode,
    /// Group of both; none for this process's own.
    pub group: Option<u32>,
}

/// Both queues; dropped, they are removed, the command queue first.
#[derive(Debug)]
pub struct Queues {
    pub(crate) commands: OwnedQueue,
    pub(crate) replies: OwnedQueue,
    pub(crate) settings: Settings,
    locks: Locks,
}

impl Queues {
    /// Makes both queues, in place of any that an earlier controller has left behind.
    ///
    /// They are opened to clients only when both are made and recorded, the command queue last: a client that may send finds
    /// the other queue, and is served.
    ///
    /// # Errors
    ///
    /// [`Error::Taken`] if a key has a queue that no earlier holder of these locks made; [`Error::Limit`] if the kernel's limit
    /// on a queue is too small for a message; [`Error::Queue`].
    pub fn create(settings: Settings, mut locks: Locks) -> Result<Queues, Error> {
        let [commands, replies] = locks.find(settings.key)?;
        remove(settings.key, [commands.left_over(), replies.left_over()])?;
        let mut attempt = 1;
        loop {
            let commands = make(settings.key, &locks.0[0], TAKE_NOTHING)?;
            let replies = make(settings.key.reply(), &locks.0[1], TAKE_NOTHING)?;
            match locks.open(&settings, &commands, &replies) {
                Err(shared::Error::Removed(_)) if attempt < ATTEMPTS => attempt += 1,
                Err(source) => return Err(Error::Queue { key: settings.key, source }),
                Ok(()) => return Ok(Queues { commands, replies, settings, locks }),
            }
        }
    }

    /// Makes both again, after another process has removed the command queue.
    ///
    /// # Errors
    ///
    /// [`Error::Replaced`] if another queue has one of the keys; [`Error::Queue`].
    pub(crate) fn recreate(&mut self) -> Result<(), Error> {
        let Settings { key, .. } = self.settings;
        for _ in 0..ATTEMPTS {
            // Removed already, but where only the other one was removed while they were made.
            let _ = self.commands.remove();
            // Clients that find it wait until it is open.
            self.commands = make(key, &self.locks.0[0], TAKE_NOTHING).map_err(Error::while_serving)?;
            // Clients that wait for the answer to a command that is gone see the reply queue go, and look again.
            lost::wait_until_collected(&self.replies, COLLECT);
            let _ = self.replies.remove();
            self.replies = make(key.reply(), &self.locks.0[1], TAKE_NOTHING).map_err(Error::while_serving)?;
            match self.locks.open(&self.settings, &self.commands, &self.replies) {
                Err(shared::Error::Removed(_)) => {}
                opened => return opened.map_err(|source| Error::Queue { key, source }),
            }
        }
        Err(Error::Unstable { key })
    }

    /// Makes the reply queue again, after another process has removed it.
    ///
    /// # Errors
    ///
    /// Those of [`Queues::recreate`].
    pub(crate) fn recreate_replies(&mut self) -> Result<(), Error> {
        let key = self.settings.key.reply();
        for _ in 0..ATTEMPTS {
            self.replies = make(key, &self.locks.0[1], TAKE_NOTHING).map_err(Error::while_serving)?;
            self.locks.record(1, &self.replies);
            match open(&self.replies, self.settings.mode.of_replies(), self.settings.group) {
                Err(shared::Error::Removed(_)) => {}
                opened => return opened.map_err(|source| Error::Queue { key, source }),
            }
        }
        Err(Error::Unstable { key })
    }
}

/// Whether a queue that this user made is to be removed.
type Takes = fn(u32) -> bool;
const TAKE_NOTHING: Takes = |_| false;

/// Makes a queue to which nobody can send yet.
fn make(key: Key, lock: &Option<Lock>, takes: Takes) -> Result<OwnedQueue, Error> {
    for attempt in 0..RECLAIMS {
        let queue = match Queue::create(key, Mode::MAKING) {
            Ok(queue) => queue,
            Err(shared::Error::Exists(_)) => match Found::under(key, lock.as_ref())? {
                Found::Nothing => continue,
                Found::Prepared(queue) => queue.into_owned(),
                Found::Other(queue, status) if takes(status.creator) => {
                    if attempt == 0 {
                        log::warn!("{}; removing it", TakenBy::of(key, &status));
                    }
                    queue.remove().or_else(|error| gone(key, error))?;
                    continue;
                }
                Found::LeftOver(_, status) | Found::Other(_, status) => {
                    return Err(Error::Taken(TakenBy::of(key, &status)));
                }
            },
            Err(source) => return Err(Error::Queue { key, source }),
        };
        let limit = queue.status().map_or(u64::MAX, |status| status.limit);
        if limit < TEXT_MAX as u64 {
            return Err(Error::Limit { key, limit });
        }
        return Ok(queue);
    }
    Err(Error::Unstable { key })
}

/// Makes both queues for the service, which then opens them, in place of any that another user has made: as root, before the
/// service starts. Between a process that removes queues and one that makes them, a stranger could take the key each time.
pub(crate) fn reclaim(key: Key) -> Result<(), Error> {
    if own_user() != 0 {
        return Err(Error::NeedsRoot);
    }
    let mut locks = Locks::acquire(key, None)?;
    let [commands, replies] = locks.find(key)?;
    remove(key, [commands.left_over(), replies.left_over()])?;
    let takes: Takes = |creator| creator != 0 && lock::system_owner() != Some(creator);
    let owner = lock::system_owner().unwrap_or(0);
    let made = [make(key, &locks.0[0], takes)?, make(key.reply(), &locks.0[1], takes)?];
    for (lock, queue) in locks.0.iter_mut().zip(made) {
        // The service would not know a queue that is not recorded for its own, so that one goes again.
        let Some(Ok(())) = lock.as_mut().map(|lock| lock.record(&queue)) else { continue };
        let given =
            queue.status().and_then(|status| queue.set_permissions(Permissions { owner, ..status.permissions }));
        given.map_err(|source| Error::Queue { key, source })?;
        // The service removes it.
        mem::forget(queue);
    }
    Ok(())
}
