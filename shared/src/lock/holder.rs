//! Finds the process that serves a queue.

use std::os::unix::fs::MetadataExt;

use super::{
    directory::{self, Files},
    process::{Holder, Identity},
    record::Record,
};
use crate::{Key, Queue, QueueStatus, account::own_user};

/// The process that serves one of the two queues of a controller, with this key and this state.
///
/// Its record can be in each directory where a controller of the queue's creator may put it. Without a record, the pair of queues
/// has only the PID of the last sender to the reply queue: [`Holder::Ended`] if this user created the pair, and no process has
/// this PID.
#[must_use]
pub fn holder(key: Key, queue: &Queue, status: &QueueStatus) -> Holder {
    let mut result = None;
    for record in records(key, queue, status) {
        match record.process.life() {
            alive @ Holder::Alive(_) => return alive,
            Holder::Ended => result = Some(Holder::Ended),
            Holder::Unknown => result = result.or(Some(Holder::Unknown)),
        }
    }
    result.unwrap_or_else(|| {
        if has_no_last_sender(key, status) {
            Holder::Ended
        } else {
            Holder::Unknown
        }
    })
}

/// The key with the name that the controller of this queue was given, if it was given one.
#[must_use]
pub fn named(key: Key, queue: &Queue, status: &QueueStatus) -> Key {
    records(key, queue, status)
        .filter_map(|record| record.name.map(Key::from))
        .find(|named| *named == key)
        .unwrap_or(key)
}

/// The records that name this queue.
fn records(key: Key, queue: &Queue, status: &QueueStatus) -> impl Iterator<Item = Record> {
    directory::trusted(status.creator).filter_map(move |(directory, found)| {
        let path = Files::new(&directory, key).record;
        let record = Record::read(&path, found.uid()).ok().flatten();
        record.filter(|record| record.names(queue, status))
    })
}

/// The process that has this PID now. Nothing else identifies it: it may be another process with the same PID.
#[must_use]
pub fn process(pid: u32) -> Holder {
    Identity::of_pid(pid).life()
}

/// Whether the controller that made the pair of queues has ended, according to its reply queue: no other process may send to it.
fn has_no_last_sender(key: Key, status: &QueueStatus) -> bool {
    let replies = if status.permissions.mode.is_of_replies() {
        Some(*status)
    } else {
        let found = Queue::find(key.reply()).ok().flatten();
        found.map(|(_, replies)| replies)
    };
    let Some(replies) = replies else {
        return false;
    };
    let is_own_pair = [status.creator, replies.creator] == [own_user(); 2]
        && replies.permissions.mode.is_of_replies();
    // A PID of another namespace is 0, which is none.
    is_own_pair
        && replies
            .last_sender
            .is_some_and(|pid| process(pid) == Holder::Ended)
}
