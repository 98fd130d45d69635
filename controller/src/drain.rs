//! Removes the commands that are not applied because their controller ends or was killed.

use shared::{Incoming, Oversize, Queue, Refusal, Refused, Reply, Request, Select};

use crate::replies::send_reply;

/// How many drained messages are logged.
const LOGGED: usize = 10;

/// Messages that were drained from a command queue.
#[derive(Debug, Default)]
pub(crate) struct Drained {
    first: Vec<Incoming>,
    count: u64,
    /// How many of their senders got a reply.
    pub(crate) replies: u64,
}

impl Drained {
    fn add(&mut self, message: &Incoming) {
        self.count += 1;
        if self.first.len() < LOGGED {
            self.first.push(*message);
        }
    }

    /// Logs the first ten, and the number of the others.
    pub(crate) fn log(&self, reason: &str) {
        for message in &self.first {
            log::warn!("not applied, {reason}: {message}");
        }
        let others = self.count - self.first.len() as u64;
        if others > 0 {
            log::warn!("not applied, {reason}: {others} more");
        }
    }
}

/// Closes and removes the command queue, and replies to each command in it that it is not applied.
///
/// A queue with a limit of 0 bytes accepts no message, not even from root: none can come between the last one drained and the
/// removal.
pub(crate) fn drain(commands: &Queue, replies: Option<&Queue>) -> Drained {
    let mut drained = Drained::default();
    // If the queue was already removed, nothing is in it.
    let _ = commands.set_limit(0);
    let waiting = commands.status().map_or(0, |status| status.messages);
    for _ in 0..waiting {
        let Ok(message) = commands.try_receive(Select::Any, Oversize::Truncate) else {
            break;
        };
        drained.add(&message);
        let reply_to = match Request::decode(&message) {
            Ok(Request { reply_to, .. }) | Err(Refused { reply_to, .. }) => reply_to,
        };
        if let Some((replies, reply_to)) = replies.zip(reply_to) {
            let reply = Reply::Err(Refusal::Ended).encode(reply_to);
            drained.replies += u64::from(send_reply(replies, &reply, |_| {}).is_ok());
        }
    }
    let _ = commands.remove();
    drained
}
