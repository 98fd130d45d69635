//! The two queues of a controller, as a client finds and trusts them.

use std::fs;

use shared::{
    Access, Key, Mode, Queue, Status,
    account::own_user,
    lock::{self, Holder},
};

use crate::Error;

/// Which controller: its key, and another user than the usual ones who may have made its queues.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) key: Key,
    pub(crate) owner: Option<u32>,
}

/// The pair of queues, made by somebody who is trusted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queues {
    pub(crate) commands: Queue,
    pub(crate) replies: Queue,
}

/// Why the queues cannot be used.
pub(crate) enum Failure {
    /// No queue has the key of commands.
    Gone,
    /// The queues are being made, or are closed as their controller ends.
    NotReady,
    /// There is a command queue, and no reply queue.
    NoReplies(Queue),
    Final(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Final(error)
    }
}

impl Target {
    /// Both queues, open for sending and receiving.
    pub(crate) fn open(&self) -> Result<Queues, Failure> {
        let commands = self.open_commands()?;
        let replies = self.open_replies()?.ok_or(Failure::NoReplies(commands))?;
        Ok(Queues { commands, replies })
    }

    /// The command queue, open for sending.
    pub(crate) fn open_commands(&self) -> Result<Queue, Failure> {
        let (queue, status) = self.find(self.key)?.ok_or(Failure::Gone)?;
        if status.permissions.mode.is_of_replies() {
            return Err(Error::ReplyQueue { key: self.key }.into());
        }
        if status.permissions.mode == Mode::MAKING || status.limit == 0 {
            return Err(Failure::NotReady);
        }
        self.permit(self.key, Access::Send)?;
        Ok(queue)
    }

    /// The reply queue, open for receiving; none if there is none.
    pub(crate) fn open_replies(&self) -> Result<Option<Queue>, Failure> {
        let key = self.key.reply();
        let Some((queue, status)) = self.find(key)? else { return Ok(None) };
        if status.permissions.mode == Mode::MAKING {
            return Err(Failure::NotReady);
        }
        if !status.permissions.mode.is_of_replies() {
            return Err(Error::NoReplies { key: self.key }.into());
        }
        self.permit(key, Access::Receive)?;
        Ok(Some(queue))
    }

    /// Whether there is a reply queue that nobody made who is not trusted, or none.
    pub(crate) fn trust_replies(&self) -> Result<(), Failure> {
        self.find(self.key.reply()).map(drop)
    }

    /// The queue with this key, if somebody made it who is trusted.
    fn find(&self, key: Key) -> Result<Option<(Queue, Status)>, Failure> {
        match Queue::open(key, Access::Find).and_then(|queue| Ok((queue, queue.status()?))) {
            Ok((_, status)) if !self.trusts(status.creator) => {
                Err(Error::Untrusted { key, creator: status.creator }.into())
            }
            Ok(found) => Ok(Some(found)),
            Err(shared::Error::NotFound(_) | shared::Error::Removed(_)) => Ok(None),
            Err(source) => Err(Error::Queue { key, source }.into()),
        }
    }

    /// Whether a queue of this maker may be used: root, this user, the service's user or `--owner`. The maker of a queue keeps the
    /// owner's rights for good.
    pub(crate) fn trusts(&self, creator: u32) -> bool {
        creator == 0 || creator == own_user() || self.owner == Some(creator) || lock::system_owner() == Some(creator)
    }

    fn permit(&self, key: Key, access: Access) -> Result<(), Failure> {
        match Queue::open(key, access) {
            Ok(_) => Ok(()),
            Err(shared::Error::NotFound(_)) => Err(Failure::NotReady),
            Err(error) => Err(failure(key, access, error)),
        }
    }

    /// The process that serves the queue, if it can be seen.
    pub(crate) fn holder(&self, queue: Queue, status: &Status) -> Holder {
        lock::holder(self.key, Some(queue), status.creator)
    }
}

/// Why a queue that is there cannot be used.
pub(crate) fn failure(key: Key, access: Access, error: shared::Error) -> Failure {
    match error {
        shared::Error::NotPermitted(source) => {
            let status = look(key).map(|(_, status)| Box::new(status));
            Error::NotPermitted { key, access, status, source }.into()
        }
        source => Error::Queue { key, source }.into(),
    }
}

/// The queue with this key and its state, also one that is not to be trusted: nothing is sent to it.
pub(crate) fn look(key: Key) -> Option<(Queue, Status)> {
    Queue::open(key, Access::Find).and_then(|queue| Ok((queue, queue.status()?))).ok()
}

/// How many seconds the system has run; none where /proc is not mounted.
pub(crate) fn uptime() -> Option<u64> {
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    uptime.split('.').next()?.parse().ok()
}
