//! Commands that are not applied because their controller ends, or has been killed.

use std::{
    thread,
    time::{Duration, Instant},
};

use shared::{Incoming, Message, MessageType, Oversize, Queue, Refusal, Refused, Reply, Request, Select, TEXT_MAX};

/// How many of them are logged.
const LOGGED: usize = 10;

/// The first of them, and how many there were.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    first: Vec<Incoming>,
    count: u64,
    answered: u64,
}

impl Lost {
    fn add(&mut self, message: &Incoming) {
        self.count += 1;
        if self.first.len() < LOGGED {
            self.first.push(*message);
        }
    }

    /// Whether any sender was told.
    pub(crate) fn is_answered(&self) -> bool {
        self.answered > 0
    }

    /// Logs the first ten, and the number of the others.
    pub(crate) fn log(&self, why: &str) {
        for message in &self.first {
            log::warn!("not applied, {why}: {message}");
        }
        let others = self.count - self.first.len() as u64;
        if others > 0 {
            log::warn!("not applied, {why}: {others} more");
        }
    }
}

/// Closes the command queue to all senders, tells each client that waits for an answer that its command is not applied, and
/// removes the queue.
///
/// A queue with a limit of no bytes takes no message, also not from root: none can come between the last one that is taken
/// off and the removal.
pub(crate) fn close(commands: &Queue, replies: Option<&Queue>) -> Lost {
    let mut lost = Lost::default();
    // Where it is removed already, nothing waits.
    let _ = commands.set_limit(0);
    let waiting = commands.status().map_or(0, |status| status.messages);
    for _ in 0..waiting {
        let Ok(message) = commands.try_receive(Select::Any, Oversize::Truncate) else { break };
        lost.add(&message);
        let reply_to = match Request::decode(&message) {
            Ok(Request { reply_to, .. }) | Err(Refused { reply_to, .. }) => reply_to,
        };
        if let Some((replies, reply_to)) = replies.zip(reply_to) {
            let answer = Reply::Err(Refusal::Ended).encode(reply_to);
            lost.answered += u64::from(put(replies, &answer, |_| {}).is_ok());
        }
    }
    let _ = commands.remove();
    lost
}

/// Sends an answer, and never sleeps: where the queue is full of answers that nobody collects, the oldest make room.
pub(crate) fn put(
    replies: &Queue,
    answer: &Message,
    mut dropped: impl FnMut(MessageType),
) -> Result<(), shared::Error> {
    loop {
        match replies.try_send(answer) {
            Err(shared::Error::Full(full)) => match replies.try_receive::<TEXT_MAX>(Select::Any, Oversize::Truncate) {
                Ok(oldest) => dropped(oldest.message_type()),
                // Not one byte fits: somebody has lowered the queue's limit.
                Err(shared::Error::Empty(_)) => return Err(shared::Error::Full(full)),
                Err(error) => return Err(error),
            },
            sent => return sent,
        }
    }
}

/// Waits until clients have taken all answers, or so long.
pub(crate) fn wait_until_collected(replies: &Queue, patience: Duration) {
    let start = Instant::now();
    let waits = || replies.status().is_ok_and(|status| status.messages > 0);
    while waits() && start.elapsed() < patience {
        thread::sleep(Duration::from_millis(1));
    }
}
