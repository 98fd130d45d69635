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
    /// The owner sends and discards; whoever may send commands may receive answers.
    fn reply_mode(&self) -> Mode {
        let senders = self.mode.bits() & 0o022;
        Mode::new(0o600 | senders << 1).unwrap_or(self.mode)
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
        let replies = make(settings.key.reply(), settings.reply_mode(), settings.group)?;
        let commands = make(settings.key, settings.mode, settings.group)?;
        Ok(Queues { commands, replies })
    }
}

fn make(key: Key, mode: Mode, group: Option<u32>) -> Result<OwnedQueue, Error> {
    let failed = |source| Error::Queue { key, source };
    let mut attempt = 1;
    let queue = loop {
        // The group's permissions come together with the group.
        match Queue::create(key, Mode::new(mode.bits() & 0o600).unwrap_or(mode)) {
            Ok(queue) => break queue,
            Err(shared::Error::Exists(_)) if attempt < ATTEMPTS => clear(key)?,
            Err(source) => return Err(failed(source)),
        }
        attempt += 1;
    };
    let made = queue.status().map_err(failed)?.permissions;
    let wanted = Permissions { owner: made.owner, group: group.unwrap_or(made.group), mode };
    queue.set_permissions(wanted).map_err(failed)?;
    Ok(queue)
}

/// Removes the queue that has our key, if it is ours to remove.
fn clear(key: Key) -> Result<(), Error> {
    let gone = |error| match error {
        shared::Error::NotFound(_) | shared::Error::Removed(_) => Ok(()),
        source => Err(Error::Queue { key, source }),
    };
    let queue = match Queue::open(key, Access::Find) {
        Ok(queue) => queue,
        Err(error) => return gone(error),
    };
    let creator = match queue.status() {
        Ok(status) => status.creator,
        Err(error) => return gone(error),
    };
    let us = own_user().map_err(|source| Error::Os { what: "cannot tell which user this is", source })?;
    if creator == us {
        log::warn!("a controller that ended without cleaning up left the queue with key {key}; making it anew");
        discard(&queue, "its controller is gone, and it may be old");
    } else if us == 0 {
        log::warn!("user {} made a queue with key {key}; removing it", User(creator));
        discard(&queue, "it was in a stranger's queue");
    } else {
        return Err(Error::Squatter { key, creator });
    }
    queue.remove().or_else(gone)
}

/// Takes what waits in a queue off it and logs each message as lost.
///
/// As many as there are now: a client that goes on sending does not hold this up.
pub(crate) fn discard(queue: &Queue, why: &str) {
    let waiting = queue.status().map_or(0, |status| status.messages);
    for _ in 0..waiting {
        match queue.try_receive(Select::Any, Oversize::Truncate) {
            Ok(message) => lost(&message, why),
            Err(_) => return,
        }
    }
}

fn lost(message: &Incoming, why: &str) {
    log::warn!("not applied, {why}: {message}");
}
