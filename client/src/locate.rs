//! Finds the queues of a controller, and checks them: permission, trust, and the mark of the reply queue.

use shared::{Access, Key, Queue, lock::Holder};

use crate::{Error, Target, target::look_up};

/// The queues of a controller, as a client finds them. Conditions that can pass are variants here; the others are an [`Error`].
#[derive(Debug)]
pub(crate) enum Located {
    /// A controller serves them.
    Ready(Queues),
    /// Another process removed the reply queue. The controller lives, and creates it again for its next reply.
    NoReplyQueue(Queue),
    /// A queue is closed: its controller is starting or ending.
    Closed,
    /// No queue has the key.
    Absent,
    /// The queue's controller was killed. The queue has this number of messages.
    Stale(u64),
}

/// A command queue, open for sending, and a reply queue, open for receiving.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queues {
    pub(crate) commands: Queue,
    pub(crate) replies: Queue,
}

/// Finds the queues of a target, and checks that a trusted user created them and that this user may use them.
///
/// # Errors
///
/// [`Error::ReplyQueue`], [`Error::Untrusted`], [`Error::NotPermitted`], [`Error::NoReplies`] and [`Error::Queue`].
pub(crate) fn locate(target: &Target) -> Result<Located, Error> {
    let commands = match target.open(target.key, Access::Send)? {
        Opened::Queue(queue) => queue,
        Opened::Absent => return Ok(Located::Absent),
        Opened::Closed => return Ok(Located::Closed),
    };
    match target.open(target.key.reply(), Access::Receive)? {
        Opened::Queue(replies) => Ok(Located::Ready(Queues { commands, replies })),
        Opened::Closed => Ok(Located::Closed),
        Opened::Absent => {
            let Ok(status) = commands.status() else {
                return Ok(Located::Closed);
            };
            match target.holder(&commands, &status) {
                Holder::Alive(_) => Ok(Located::NoReplyQueue(commands)),
                Holder::Ended => Ok(Located::Stale(status.messages)),
                Holder::Unknown => Err(Error::NoReplies { key: target.key }),
            }
        }
    }
}

/// The result of opening a queue.
pub(crate) enum Opened {
    Queue(Queue),
    Closed,
    Absent,
}

impl Target {
    /// Checks that this user may send commands, or receive replies. Returns the key of that queue.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`] if there is no command queue, [`Error::NotReady`] if the queue is closed, [`Error::NoReplies`] if
    /// there is no reply queue, and those of a queue that this user may not use.
    pub fn check(&self, access: Access) -> Result<Key, Error> {
        let key = match access {
            Access::Receive => self.key.reply(),
            _ => self.key,
        };
        match self.open(key, access)? {
            Opened::Queue(_) => Ok(key),
            Opened::Closed => Err(Error::NotReady { key }),
            Opened::Absent if self.find(self.key)?.is_none() => {
                Err(Error::NotRunning { key: self.key })
            }
            Opened::Absent => Err(Error::NoReplies { key: self.key }),
        }
    }

    /// Opens one of the two queues.
    pub(crate) fn open(&self, key: Key, access: Access) -> Result<Opened, Error> {
        let Some((queue, status)) = self.find(key)? else {
            return Ok(Opened::Absent);
        };
        let is_command_queue = key == self.key;
        if !status.is_open() {
            return Ok(Opened::Closed);
        }
        match (is_command_queue, status.permissions.mode.is_of_replies()) {
            (true, true) => return Err(Error::ReplyQueue { key }),
            (false, false) => return Err(Error::NoReplies { key: self.key }),
            _ => {}
        }
        // The kernel checks the permission.
        match Queue::open(key, access) {
            Ok(opened) if opened == queue => Ok(Opened::Queue(queue)),
            // Another queue has the key now.
            Ok(_) | Err(shared::Error::NotFound(_)) => Ok(Opened::Closed),
            Err(_) if self.is_gone_or_closed(&queue) => Ok(Opened::Closed),
            Err(error) => Err(Error::of_queue(key, access, error)),
        }
    }

    /// Whether a queue is gone or closed now, for example because its controller restarts.
    pub(crate) fn is_gone_or_closed(&self, queue: &Queue) -> bool {
        let mut now = [self.key, self.key.reply()].into_iter().filter_map(look_up);
        !now.any(|(found, status)| found == *queue && status.is_open())
    }
}
