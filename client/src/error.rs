//! Why a command is not known to have been applied.

use std::{io, time::Duration};

use shared::{Access, Key, Permissions, State, Status, account::User};

use crate::{
    advice::{controller_state, denied, last_received, start, waiting, was_read_lately},
    state_text::StateText,
    target::look_up,
};

/// Why a command is not known to have been applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The controller refused the command.
    #[error("refused: {reason}")]
    Refused {
        /// The reason.
        reason: String,
    },
    /// The controller ended as requested, but failed to turn the LED off.
    #[error("the controller ended, but {reason}")]
    Ended {
        /// The reason.
        reason: String,
    },
    /// The reply is not one of this protocol.
    #[error(
        "unknown reply from the controller ({reply}); client and controller may have different versions"
    )]
    Malformed {
        /// The message.
        reply: String,
    },
    /// No queue has the key.
    #[error("no controller is running: no queue has key {key}; {}", start(*key))]
    NotRunning {
        /// The key.
        key: Key,
    },
    /// The queue's controller was killed.
    #[error("no controller is running: queue {key} is stale, its {messages} commands will be discarded; {}", start(*key))]
    Stale {
        /// Its key.
        key: Key,
        /// Number of messages in it.
        messages: u64,
    },
    /// The queue is closed to clients.
    #[error("queue {key} is closed: its controller is starting or ending; nothing was sent; try again, or {}", start(*key))]
    NotReady {
        /// Its key.
        key: Key,
    },
    /// The creator of the queue is not trusted.
    #[error(
        "queue {key} was created by user {}, who is not trusted; nothing was sent; remove it with \"sudo ipcrm -Q {key}\", \
         or trust that user with --owner {}", User(*creator), User(*creator).name()
    )]
    Untrusted {
        /// Its key.
        key: Key,
        /// The user who created it.
        creator: u32,
    },
    /// This user may not use the queue.
    #[error("{}", denied(*key, *access, permissions.as_ref(), source))]
    NotPermitted {
        /// Its key.
        key: Key,
        /// What was tried.
        access: Access,
        /// Owner, group and mode, if the queue still exists.
        permissions: Option<Permissions>,
        /// EACCES.
        source: io::Error,
    },
    /// The controller did not reply in time.
    #[error("no reply within {timeout:?}: {}", controller_state(*pid, status))]
    NoReply {
        /// The key of its command queue.
        key: Key,
        /// The time.
        timeout: Duration,
        /// The state of its command queue.
        status: Box<Status>,
        /// The controller, if it is known.
        pid: Option<u32>,
    },
    /// The reply was lost, and the command may have been applied.
    #[error("the reply was lost, and the command may have been applied; {}", led_is(*state))]
    Unconfirmed {
        /// The state of the LED now, if it is known.
        state: Option<State>,
    },
    /// The command queue has no reply queue.
    #[error(
        "queue {key} belongs to another program: there is no reply queue with key {}; nothing was sent; if that program serves \
         it, use --no-wait, else remove it with \"ipcrm -Q {key}\"", key.reply()
    )]
    NoReplies {
        /// The key of the command queue.
        key: Key,
    },
    /// The command queue is full.
    #[error("queue {key} {}; nothing was sent; {}", full_for(*timeout), full_advice(*timeout, *pid, status))]
    Full {
        /// Its key.
        key: Key,
        /// How long the client tried.
        timeout: Duration,
        /// Its state.
        status: Box<Status>,
        /// The controller, if it is known.
        pid: Option<u32>,
    },
    /// The limit of the command queue is below one command.
    #[error(
        "queue {key} holds only {limit} bytes; nothing was sent; run \"sudo sysctl kernel.msgmnb=16384\" and restart the controller"
    )]
    TooSmall {
        /// Its key.
        key: Key,
        /// The limit in bytes.
        limit: u64,
    },
    /// The key is that of a reply queue.
    #[error("queue {key} is a reply queue; nothing was sent; use --key {}", key.get() - 1)]
    ReplyQueue {
        /// The key.
        key: Key,
    },
    /// Another call on a queue failed.
    #[error("queue {key}: {source}")]
    Queue {
        /// Its key.
        key: Key,
        /// The error.
        source: shared::Error,
    },
}

impl Error {
    /// Why an existing queue cannot be used.
    pub(crate) fn of_queue(key: Key, access: Access, error: shared::Error) -> Error {
        match error {
            shared::Error::NotPermitted(source) => {
                let permissions = look_up(key).map(|(_, status)| status.permissions);
                Error::NotPermitted {
                    key,
                    access,
                    permissions,
                    source,
                }
            }
            source => Error::Queue { key, source },
        }
    }

    /// Whether it passes when a controller runs and reads its queue.
    pub(crate) fn is_temporary(&self) -> bool {
        matches!(self.exit_status(), 3 | 5 | 6)
    }

    /// Whether it says that nothing was sent or applied.
    pub(crate) fn says_not_sent(&self) -> bool {
        matches!(self.exit_status(), 3 | 4 | 6) || matches!(self, Error::NoReplies { .. })
    }

    /// The exit status of led(1).
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Error::Refused { .. }
            | Error::Ended { .. }
            | Error::Malformed { .. }
            | Error::Queue { .. } => 1,
            Error::ReplyQueue { .. } => 2,
            Error::NotRunning { .. } | Error::Stale { .. } | Error::NotReady { .. } => 3,
            Error::NotPermitted { .. } | Error::Untrusted { .. } => 4,
            Error::NoReply { .. } | Error::NoReplies { .. } | Error::Unconfirmed { .. } => 5,
            Error::Full { .. } | Error::TooSmall { .. } => 6,
        }
    }
}

/// What an error says of the LED, if it is known, or how to find out.
#[must_use]
pub fn led_is(state: Option<State>) -> String {
    match state {
        Some(state) => format!("the LED is now {}", StateText(state)),
        None => "run \"led status\" when a controller is running".into(),
    }
}

fn full_for(timeout: Duration) -> String {
    if timeout.is_zero() {
        "is full".into()
    } else {
        format!("was full for {timeout:?}")
    }
}

fn full_advice(timeout: Duration, pid: Option<u32>, status: &Status) -> String {
    if was_read_lately(status) {
        let retry = if timeout.is_zero() {
            "try again"
        } else {
            "try a longer --timeout"
        };
        format!("{}, {}; {retry}", waiting(status), last_received(status))
    } else {
        controller_state(pid, status)
    }
}
