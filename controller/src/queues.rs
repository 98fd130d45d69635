//! The two queues, made and removed by the controller alone.

use shared::{
    Access, Incoming, Key, Mode, Oversize, OwnedQueue, Permissions, Queue, Select,
    account::{User, own_user},
};

use crate::Error;

/// How often a key that is taken is cleared before this gives up: whoever takes it again each time means it.
const ATTEMPTS: usize = 10;

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

impl Settings {
    pub(crate) fn make_replies(&self) -> Result<OwnedQueue, Error> {
        make(self.key.reply(), self.mode.of_replies(), self.group)
    }
}

/// Both queues; dropped, they are removed, the command queue first.
#[derive(Debug)]
pub struct Queues {
    pub(crate) commands: OwnedQueue,
    pub(crate) replies: OwnedQueue,
}

impl Queues {
    /// Makes both queues, in place of any that an earlier controller of this user has left behind.
    ///
    /// The command queue comes last: whoever finds it finds the other, and is served.
    ///
    /// # Errors
    ///
    /// [`Error::Squatter`] if a key is taken by another user and this one is not root; [`Error::Queue`].
    pub fn create(settings: &Settings) -> Result<Queues, Error> {
        let replies = settings.make_replies()?;
        let commands = make(settings.key, settings.mode, settings.group)?;
        Ok(Queues { commands, replies })
    }
}

/// Makes a queue, however often somebody is in the way.
fn make(key: Key, mode: Mode, group: Option<u32>) -> Result<OwnedQueue, Error> {
    let mut attempt = 1;
    loop {
        match try_make(key, mode, group) {
            Err(shared::Error::Exists(_)) if attempt < ATTEMPTS => clear(key)?,
            Err(shared::Error::Removed(_)) if attempt < ATTEMPTS => {}
            result => return result.map_err(|source| Error::Queue { key, source }),
        }
        attempt += 1;
    }
}

fn try_make(key: Key, mode: Mode, group: Option<u32>) -> Result<OwnedQueue, shared::Error> {
    let Some(group) = group else { return Queue::create(key, mode) };
    // The group's permissions come together with the group.
    let queue = Queue::create(key, Mode::new(mode.bits() & 0o707).unwrap_or(mode))?;
    let owner = queue.status()?.permissions.owner;
    queue.set_permissions(Permissions { owner, group, mode })?;
    Ok(queue)
}

/// Makes way for a queue of ours, where the one that has our key may be removed.
fn clear(key: Key) -> Result<(), Error> {
    let Some((queue, creator)) = find(key)? else { return Ok(()) };
    let us = us()?;
    if creator == us {
        return remove_left_over(key, &queue);
    }
    if us != 0 {
        return Err(Error::Squatter { key, creator });
    }
    log::warn!("user {} made a queue with key {key}; removing it", User(creator));
    log_lost(&drain(&queue), "it was in a stranger's queue");
    queue.remove().or_else(|error| gone(key, error))
}

/// Removes what a controller of this user that was killed has left behind. Only for who holds the lock.
pub(crate) fn remove_left_overs(key: Key) -> Result<(), Error> {
    for key in [key, key.reply()] {
        match find(key)? {
            Some((queue, creator)) if creator == us()? => remove_left_over(key, &queue)?,
            Some((_, creator)) => log::warn!("the queue with key {key} is user {}'s, and stays", User(creator)),
            None => {}
        }
    }
    Ok(())
}

fn remove_left_over(key: Key, queue: &Queue) -> Result<(), Error> {
    log::warn!(
        "a controller that was killed, or another program of this user, left the queue with key {key}; removing it"
    );
    log_lost(&drain(queue), "nobody served it, and it may be old");
    queue.remove().or_else(|error| gone(key, error))
}

/// The queue with this key, and who made it.
fn find(key: Key) -> Result<Option<(Queue, u32)>, Error> {
    match Queue::open(key, Access::Find).and_then(|queue| Ok((queue, queue.status()?.creator))) {
        Ok(found) => Ok(Some(found)),
        Err(error) => gone(key, error).map(|()| None),
    }
}

/// That somebody else has removed it already is as good.
fn gone(key: Key, error: shared::Error) -> Result<(), Error> {
    match error {
        shared::Error::NotFound(_) | shared::Error::Removed(_) => Ok(()),
        source => Err(Error::Queue { key, source }),
    }
}

fn us() -> Result<u32, Error> {
    own_user().map_err(|source| Error::Os { what: "cannot tell which user this is", source })
}

/// Takes what waits in a queue off it, to be removed.
///
/// As many as there are now: a client that goes on sending does not hold this up.
pub(crate) fn drain(queue: &Queue) -> Vec<Incoming> {
    let waiting = queue.status().map_or(0, |status| status.messages);
    (0..waiting).map_while(|_| queue.try_receive(Select::Any, Oversize::Truncate).ok()).collect()
}

pub(crate) fn log_lost(lost: &[Incoming], why: &str) {
    for message in lost {
        log::warn!("not applied, {why}: {message}");
    }
}
