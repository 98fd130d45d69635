//! Finds the process that serves a queue.

use std::os::unix::fs::MetadataExt;

use super::{
    directory::{self, Files},
    process::Holder,
    record::Record,
};
use crate::{Key, Queue, QueueStatus, account::own_user};

/// The process that serves one of the two queues of a controller, with this key and this state.
///
/// Its record can be in each directory where a controller of the queue's creator may put it. Without a record, the pair of queues
/// has only the PID of the last sender to the reply queue. It is [`Holder::Ended`] if this user created the pair, no process has
/// this PID, and no record names that process for another queue.
#[must_use]
pub fn holder(key: Key, queue: &Queue, status: &QueueStatus) -> Holder {
    let mut result = None;
    let records: Vec<Record> = records(key, status.creator).collect();
    let of_queue = records.iter().filter(|record| record.names(queue, status));
    for record in of_queue {
        match record.process.life() {
            alive @ Holder::Alive(_) => return alive,
            Holder::Ended => result = Some(Holder::Ended),
            Holder::Unknown => result = result.or(Some(Holder::Unknown)),
        }
    }
    result.unwrap_or_else(|| {
        if last_sender_has_ended(key, status, &records) {
            Holder::Ended
        } else {
            Holder::Unknown
        }
    })
}

/// The key with the name that the controller of this queue was given, if it was given one.
#[must_use]
pub fn named(key: Key, queue: &Queue, status: &QueueStatus) -> Key {
    records(key, status.creator)
        .filter(|record| record.names(queue, status))
        .filter_map(|record| record.name.map(Key::from))
        .find(|named| *named == key)
        .unwrap_or(key)
}

/// The records of this key, where a controller of this user can put them.
fn records(key: Key, creator: u32) -> impl Iterator<Item = Record> {
    directory::trusted(creator).filter_map(move |(directory, found)| {
        Record::read(&Files::new(&directory, key).record, found.uid())
    })
}

/// Whether the controller that made the pair of queues has ended, because no other process may send to its reply queue. A
/// controller with a record of another queue did not make this one.
fn last_sender_has_ended(key: Key, status: &QueueStatus, of_others: &[Record]) -> bool {
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
    let has_record = |pid| {
        let mut records = of_others.iter().filter(|record| !record.is_old());
        records.any(|record| record.queue.is_some() && record.process.pid == pid)
    };
    // A PID of another namespace is 0, which is none.
    is_own_pair
        && replies
            .last_sender
            .is_some_and(|pid| Holder::of_pid(pid) == Holder::Ended && !has_record(pid))
}
