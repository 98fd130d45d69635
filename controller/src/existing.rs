//! The queues that exist under the keys before the controller creates its own: stale ones, and those of other programs.

use std::thread;

use shared::{Key, Mode, Queue, Status, account::own_user, lock::Lock};

use crate::{
    Error, Locks,
    drain::drain,
    error::TakenBy,
    reply_queue::{RECEIVE_PATIENCE, wait_until_received},
};

/// What exists under a key whose lock this process holds.
pub(crate) enum Existing {
    Nothing,
    /// A closed queue that root created for the service, see `--reclaim`.
    Prepared(Queue),
    /// The queue of a controller that was killed.
    Stale(Queue, Status),
    /// A queue of another program.
    Foreign(Queue, Status),
}

impl Existing {
    pub(crate) fn find(key: Key, lock: Option<&Lock>) -> Result<Existing, Error> {
        let found = Queue::find(key).map_err(|source| Error::Queue { key, source })?;
        let Some((queue, status)) = found else {
            return Ok(Existing::Nothing);
        };
        let user = own_user();
        // The service may not remove a queue of root's controller.
        let is_removable = user == 0 || [status.creator, status.permissions.owner].contains(&user);
        let Some(lock) = lock.filter(|_| is_removable) else {
            return Ok(Existing::Foreign(queue, status));
        };
        Ok(if lock.has_created(&queue, &status) {
            if is_unused(&status) {
                Existing::Prepared(queue)
            } else {
                Existing::Stale(queue, status)
            }
        } else if is_unused(&status)
            && lock.has_predecessor()
            && status.creator == user
            && stays_closed(&queue)
        {
            Existing::Stale(queue, status)
        } else {
            Existing::Foreign(queue, status)
        })
    }

    fn stale(self) -> Option<Queue> {
        match self {
            Existing::Stale(queue, _) => Some(queue),
            _ => None,
        }
    }
}

/// Whether a queue is closed, and no process has used it.
fn is_unused(status: &Status) -> bool {
    let uses = [status.last_sender, status.last_receiver];
    status.permissions.mode == Mode::CLOSED
        && status.messages == 0
        && uses == [None; 2]
        && status.last_sent.is_none()
}

/// Whether a closed queue stays closed. A controller with another lock directory opens its queue soon after creating it.
fn stays_closed(queue: &Queue) -> bool {
    thread::sleep(RECEIVE_PATIENCE);
    queue
        .status()
        .is_ok_and(|status| status.permissions.mode == Mode::CLOSED)
}

/// Removes stale queues, before the controller creates its own.
pub(crate) fn remove_stale(key: Key, locks: &Locks) -> Result<(), Error> {
    let commands = Existing::find(key, locks.commands.as_ref())?.stale();
    let replies = Existing::find(key.reply(), locks.replies.as_ref())?.stale();
    remove_pair(key, commands, replies)
}

/// Removes stale and prepared queues, for `--turn-off`, and logs those of other programs.
pub(crate) fn clean_up(key: Key, locks: &Locks) -> Result<(), Error> {
    let removable = |key, existing| match existing {
        Existing::Prepared(queue) | Existing::Stale(queue, _) => Some(queue),
        Existing::Foreign(_, status) => {
            log::warn!("{}; not removed", TakenBy::new(key, &status));
            None
        }
        Existing::Nothing => None,
    };
    let commands = removable(key, Existing::find(key, locks.commands.as_ref())?);
    let replies = removable(
        key.reply(),
        Existing::find(key.reply(), locks.replies.as_ref())?,
    );
    remove_pair(key, commands, replies)
}

/// Replies to the clients whose commands are in a stale queue, and removes both queues.
fn remove_pair(key: Key, commands: Option<Queue>, replies: Option<Queue>) -> Result<(), Error> {
    if let Some(commands) = commands {
        log::warn!("removing stale queue {key}: its controller was killed");
        let drained = drain(&commands, replies.as_ref());
        if let Some(replies) = replies.filter(|_| drained.replies > 0) {
            wait_until_received(&replies, RECEIVE_PATIENCE);
        }
        drained.log("no controller was running");
    }
    if let Some(replies) = replies {
        let key = key.reply();
        log::warn!("removing stale queue {key}: its controller was killed");
        remove_queue(key, &replies)?;
    }
    Ok(())
}

pub(crate) fn remove_queue(key: Key, queue: &Queue) -> Result<(), Error> {
    match queue.remove() {
        // Already removed: fine.
        Ok(()) | Err(shared::Error::Removed(_)) => Ok(()),
        Err(source) => Err(Error::Queue { key, source }),
    }
}
