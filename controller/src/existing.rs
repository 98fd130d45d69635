//! The queues that exist under the keys before the controller creates its own. Stale ones are removed; those of other programs are
//! not.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    time::{Duration, SystemTime},
};

use shared::{
    Key, Mode, Queue, QueueStatus,
    account::own_user,
    lock::{self, Holder, Lock, LockError},
};

use crate::{
    Error, Locks,
    drain::drain,
    error::TakenBy,
    replies::{RECEIVE_PATIENCE, wait_until_received},
    wait::within,
};

/// The age at which an unused queue of root counts as abandoned.
const FIRST_USE: Duration = Duration::from_secs(10);

/// What exists under a key.
pub(crate) enum Existing {
    Nothing,
    /// A closed queue that root created for the service, see `--reclaim`.
    Prepared(Queue),
    /// The queue of a controller that was killed.
    Stale(Queue),
    /// A queue of another program.
    Foreign(Queue, QueueStatus),
}

impl Existing {
    /// What exists under this key. `lock` is that of the key; none if it could not be taken.
    pub(crate) fn find(key: Key, lock: Option<&Lock>) -> Result<Existing, Error> {
        let found = Queue::find(key).map_err(|source| Error::Queue { key, source })?;
        let Some((queue, status)) = found else {
            return Ok(Existing::Nothing);
        };
        let user = own_user();
        // Only root, the creator and the owner may remove a queue.
        let is_removable = user == 0 || [status.creator, status.permissions.owner].contains(&user);
        if !is_removable {
            return Ok(Existing::Foreign(queue, status));
        }
        // Root finds the records of all users. To root, the controller of an ordinary user is just another program.
        let is_stranger =
            ![0, user].contains(&status.creator) && lock::service_user() != Some(status.creator);
        // This process holds the lock, so an earlier holder no longer serves the key, even if its process lives.
        let is_of_predecessor = lock.is_some_and(|lock| lock.has_created(&queue, &status));
        let has_ended = is_of_predecessor
            || match lock::holder(key, &queue, &status) {
                Holder::Ended => true,
                Holder::Unknown => false,
                Holder::Alive(_) if is_stranger => false,
                // That controller has its lock in another directory, or its lock was removed.
                Holder::Alive(process) => {
                    let pid = Some(process.pid());
                    let name = lock::named(key, &queue, &status).name();
                    return Err(LockError::Held { key, pid, name }.into());
                }
            };
        let was_killed_at_start = || {
            is_unused(&status)
                && lock.is_some_and(Lock::has_predecessor)
                && status.creator == user
                && stays_closed(&queue)
        };
        Ok(if has_ended && is_unused(&status) {
            Existing::Prepared(queue)
        } else if has_ended || was_killed_at_start() {
            Existing::Stale(queue)
        } else {
            Existing::Foreign(queue, status)
        })
    }

    fn stale(self) -> Option<Queue> {
        match self {
            Existing::Stale(queue) => Some(queue),
            _ => None,
        }
    }
}

/// Whether a queue is closed, and no process has used it.
fn is_unused(status: &QueueStatus) -> bool {
    // Check the times: a process of another PID namespace has no PID here.
    status.permissions.mode == Mode::CLOSED
        && status.last_sent.is_none()
        && status.last_received.is_none()
}

/// Whether a closed queue stays closed. A controller with another lock directory opens its queue soon after creating it.
fn stays_closed(queue: &Queue) -> bool {
    let is_closed = |status: QueueStatus| status.permissions.mode == Mode::CLOSED;
    !within(RECEIVE_PATIENCE, || !queue.status().is_ok_and(is_closed))
}

/// Whether the service, whose user this is, may take the key of this queue.
pub(crate) fn may_reclaim(status: &QueueStatus, service: u32, has_locks: bool) -> bool {
    match status.creator {
        0 => has_locks && is_abandoned(status, SystemTime::now()),
        creator => creator != service,
    }
}

/// Whether no program of root seems to use the queue. A program that waits for the first message leaves no trace.
fn is_abandoned(status: &QueueStatus, now: SystemTime) -> bool {
    let age = status
        .last_changed
        .and_then(|changed| now.duration_since(changed).ok());
    let is_gone = |(pid, time): (Option<u32>, Option<SystemTime>)| match pid {
        Some(pid) => !is_of_root(pid),
        // A time without a PID means a process of another PID namespace.
        None => time.is_none(),
    };
    age.is_some_and(|age| age > FIRST_USE)
        && [
            (status.last_sender, status.last_sent),
            (status.last_receiver, status.last_received),
        ]
        .into_iter()
        .all(is_gone)
}

/// Whether a process of root has this PID, or may have it.
fn is_of_root(pid: u32) -> bool {
    Holder::of_pid(pid) != Holder::Ended
        && fs::metadata(format!("/proc/{pid}")).map_or(true, |process| process.uid() == 0)
}

/// Removes the stale queues of both keys, or fails if a live controller serves one of them.
pub(crate) fn remove_stale(key: Key, locks: &Locks) -> Result<(), Error> {
    let commands = Existing::find(key, locks.commands.as_ref())?.stale();
    let replies = Existing::find(key.reply(), locks.replies.as_ref())?.stale();
    remove_pair(key, commands, replies)
}

/// Removes stale and prepared queues, for `--turn-off`, and logs those of other programs.
pub(crate) fn clean_up(key: Key, locks: &Locks) -> Result<(), Error> {
    let stale = |key, lock: &Option<Lock>| match Existing::find(key, lock.as_ref())? {
        Existing::Stale(queue) => Ok(Some(queue)),
        Existing::Prepared(queue) => {
            log::info!("removing queue {key}, which was not used");
            remove_queue(key, &queue).map(|()| None)
        }
        Existing::Foreign(queue, status) => {
            log::warn!("{}; not removed", TakenBy::new(key, &queue, &status));
            Ok(None)
        }
        Existing::Nothing => Ok(None),
    };
    let commands = stale(key, &locks.commands)?;
    let replies = stale(key.reply(), &locks.replies)?;
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
        // It may be removed already.
        Ok(()) | Err(shared::Error::Removed(_)) => Ok(()),
        Err(source) => Err(Error::Queue { key, source }),
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, id};

    use super::*;

    #[test]
    fn a_queue_of_root_is_taken_when_it_is_old_and_its_users_are_gone() {
        let queue = Queue::private(Mode::new(0o600).unwrap()).unwrap();
        let created = queue.status().unwrap();
        let now = created.last_changed.unwrap();
        let later = now + FIRST_USE + Duration::from_secs(1);
        assert!(is_abandoned(&created, later), "nobody has used it yet");
        assert!(!is_abandoned(&created, now + FIRST_USE));
        assert!(
            !is_abandoned(&created, now - FIRST_USE),
            "the clock stepped"
        );
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let uses = [
            (Some(child.id()), true),
            // Only root's processes count.
            (Some(id()), own_user() != 0),
            // A process of another PID namespace.
            (None, false),
        ];
        for (pid, is_gone) in uses {
            let sent = QueueStatus {
                last_sender: pid,
                last_sent: Some(now),
                ..created
            };
            let received = QueueStatus {
                last_receiver: pid,
                last_received: Some(now),
                ..created
            };
            for status in [sent, received] {
                assert_eq!(is_abandoned(&status, later), is_gone, "{pid:?}");
            }
        }
    }

    #[test]
    fn queues_of_the_service_are_kept_and_those_of_others_taken() {
        let queue = Queue::private(Mode::new(0o600).unwrap()).unwrap();
        let status = queue.status().unwrap();
        let of = |creator| QueueStatus { creator, ..status };
        assert!(may_reclaim(&of(54_321), 998, false));
        assert!(!may_reclaim(&of(998), 998, true));
        assert!(!may_reclaim(&of(0), 998, true), "it was created just now");
        let old = QueueStatus {
            last_changed: Some(SystemTime::UNIX_EPOCH),
            ..of(0)
        };
        assert!(may_reclaim(&old, 998, true) && !may_reclaim(&old, 998, false));
    }
}
