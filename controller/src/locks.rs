//! The keys that a controller has: their locks, and what is found under them.

use std::{path::Path, thread};

use shared::{
    Access, Key, Mode, Permissions, Queue, Status,
    account::own_user,
    lock::{Lock, LockError},
};

use crate::{
    Error,
    error::TakenBy,
    lost,
    queues::{COLLECT, Settings},
};

/// The locks of both keys: of the command queue's, and of the reply queue's.
#[derive(Debug)]
pub struct Locks(pub(crate) [Option<Lock>; 2]);

impl Locks {
    /// Takes both, in this directory or in the usual one. One that cannot be had, as where the directory is full, is done without: the kernel lets nobody make a queue
    /// that is there. Then only what this process leaves when it is killed is not known to be a left-over.
    ///
    /// # Errors
    ///
    /// [`Error::Lock`] if another controller holds one.
    pub fn acquire(key: Key, directory: Option<&Path>) -> Result<Locks, Error> {
        let acquire = |key| match directory.map_or_else(|| Lock::acquire(key), |path| Lock::acquire_in(path, key)) {
            Ok(lock) => Ok(Some(lock)),
            Err(held @ LockError::Held { .. }) => Err(Error::Lock(held)),
            Err(error) => {
                log::warn!("no lock for key {key}, and what a kill leaves must be removed by hand: {error}");
                Ok(None)
            }
        };
        Ok(Locks([acquire(key)?, acquire(key.reply())?]))
    }

    /// No locks: for tests.
    #[must_use]
    pub fn none() -> Locks {
        Locks([None, None])
    }

    /// What there is under both keys.
    pub(crate) fn find(&self, key: Key) -> Result<[Found; 2], Error> {
        Ok([Found::under(key, self.0[0].as_ref())?, Found::under(key.reply(), self.0[1].as_ref())?])
    }

    /// Records both queues, and opens them to clients, the command queue last.
    pub(crate) fn open(&mut self, settings: &Settings, commands: &Queue, replies: &Queue) -> Result<(), shared::Error> {
        self.record(0, commands);
        self.record(1, replies);
        open(replies, settings.mode.of_replies(), settings.group)?;
        open(commands, settings.mode, settings.group)
    }

    pub(crate) fn record(&mut self, index: usize, queue: &Queue) {
        if let Some(Err(error)) = self.0[index].as_mut().map(|lock| lock.record(queue)) {
            log::warn!("what a kill leaves must be removed by hand: {error}");
        }
    }
}

/// Says whom a queue is for.
pub(crate) fn open(queue: &Queue, mode: Mode, group: Option<u32>) -> Result<(), shared::Error> {
    let found = queue.status()?.permissions;
    queue.set_permissions(Permissions { owner: found.owner, group: group.unwrap_or(found.group), mode })
}

/// What is under a key whose lock is ours.
pub(crate) enum Found {
    Nothing,
    /// Made by root for the service, and not open yet.
    Prepared(Queue),
    /// Made by an earlier holder of the lock, which was killed.
    LeftOver(Queue, Status),
    /// Another program's.
    Other(Queue, Status),
}

impl Found {
    pub(crate) fn under(key: Key, lock: Option<&Lock>) -> Result<Found, Error> {
        let Some((queue, status)) = find(key)? else { return Ok(Found::Nothing) };
        let user = own_user();
        // The service cannot remove what root's controller left.
        let is_removable = user == 0 || [status.creator, status.permissions.owner].contains(&user);
        let Some(lock) = lock.filter(|_| is_removable) else { return Ok(Found::Other(queue, status)) };
        Ok(if lock.has_made(&queue, &status) {
            if is_unused(&status) { Found::Prepared(queue) } else { Found::LeftOver(queue, status) }
        } else if is_unused(&status) && lock.has_predecessor() && status.creator == user && is_abandoned(&queue) {
            Found::LeftOver(queue, status)
        } else {
            Found::Other(queue, status)
        })
    }

    /// The queue, if it is to be removed before another is made.
    pub(crate) fn left_over(self) -> Option<Queue> {
        match self {
            Found::LeftOver(queue, _) => Some(queue),
            _ => None,
        }
    }
}

/// Whether a queue is not open yet, and nobody has used it.
fn is_unused(status: &Status) -> bool {
    let uses = [status.last_sender, status.last_receiver];
    status.permissions.mode == Mode::MAKING && status.messages == 0 && uses == [None; 2] && status.last_sent.is_none()
}

/// Whether a queue that is not open yet stays so: a controller with another lock directory may be making it.
fn is_abandoned(queue: &Queue) -> bool {
    thread::sleep(COLLECT);
    queue.status().is_ok_and(|status| status.permissions.mode == Mode::MAKING)
}

/// Removes what a controller that was killed has left, and names what is another program's.
pub(crate) fn remove_left_overs(key: Key, locks: &Locks) -> Result<(), Error> {
    let left = |key, found| match found {
        Found::Prepared(queue) | Found::LeftOver(queue, _) => Some(queue),
        Found::Other(_, status) => {
            log::warn!("{}; it stays", TakenBy::of(key, &status));
            None
        }
        Found::Nothing => None,
    };
    let [commands, replies] = locks.find(key)?;
    remove(key, [left(key, commands), left(key.reply(), replies)])
}

/// Tells clients whose commands still wait in left-over queues that these are not applied, and removes the queues.
pub(crate) fn remove(key: Key, [commands, replies]: [Option<Queue>; 2]) -> Result<(), Error> {
    if let Some(commands) = commands {
        log::warn!("a controller that was killed left the queue with key {key}; removing it");
        let lost = lost::close(&commands, replies.as_ref());
        if let Some(replies) = replies.filter(|_| lost.is_answered()) {
            lost::wait_until_collected(&replies, COLLECT);
        }
        lost.log("no controller was running");
    }
    if let Some(replies) = replies {
        let key = key.reply();
        log::warn!("a controller that was killed left the queue with key {key}; removing it");
        replies.remove().or_else(|error| gone(key, error))?;
    }
    Ok(())
}

/// The queue with this key, and its state.
fn find(key: Key) -> Result<Option<(Queue, Status)>, Error> {
    match Queue::open(key, Access::Find).and_then(|queue| Ok((queue, queue.status()?))) {
        Ok(found) => Ok(Some(found)),
        Err(error) => gone(key, error).map(|()| None),
    }
}

/// Already removed: fine.
pub(crate) fn gone(key: Key, error: shared::Error) -> Result<(), Error> {
    match error {
        shared::Error::NotFound(_) | shared::Error::Removed(_) => Ok(()),
        source => Err(Error::Queue { key, source }),
    }
}
