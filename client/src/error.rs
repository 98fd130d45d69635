//! Why a command is not known to have been applied. The errors have causes; the program adds the next step.

use std::{io, time::Duration};

use shared::{
    Access, Command, Key, Light,
    account::{User, is_unmapped},
    count,
};

use crate::{
    permissions::{NamedPermissions, denied},
    state_text::StateText,
    target::look_up,
    waiting::Waiting,
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
    /// The controller does not know the command.
    #[error("the controller is older than this program and does not know {command}")]
    Older {
        /// The command.
        command: Command,
    },
    /// The controller ended as requested, but failed to turn the LED off.
    #[error("the controller ended, but {reason}")]
    Ended {
        /// The reason.
        reason: String,
    },
    /// The reply is not one of this protocol.
    #[error("unknown reply from the controller ({reply})")]
    Malformed {
        /// The message.
        reply: String,
    },
    /// No queue has the key.
    #[error("no controller is running: no queue has key {key}")]
    NotRunning {
        /// The key.
        key: Key,
    },
    /// The queue's controller was killed.
    #[error("no controller is running: queue {key} is stale, its {} will be discarded", count(*messages, "command"))]
    Stale {
        /// Its key.
        key: Key,
        /// Number of messages in it.
        messages: u64,
    },
    /// The queue is closed to clients.
    #[error("queue {key} is closed: its controller is starting or ending; nothing was sent")]
    NotReady {
        /// Its key.
        key: Key,
    },
    /// The creator of the queue is not trusted.
    #[error("queue {key} was created by user {}, who is not trusted; nothing was sent", named(name, *creator))]
    Untrusted {
        /// Its key.
        key: Key,
        /// The user who created it.
        creator: u32,
        /// The name of that user, or the number.
        name: String,
    },
    /// The creator of the queue has no number in this user namespace.
    #[error(
        "queue {key} was created by a user whom this user namespace does not map (it shows {creator} for each of them); nothing \
         was sent"
    )]
    Unmapped {
        /// Its key.
        key: Key,
        /// The number that stands for all such users.
        creator: u32,
    },
    /// This user may not use the queue.
    #[error("{}", denied(*key, permissions.as_ref(), source))]
    NotPermitted {
        /// Its key.
        key: Key,
        /// What was tried.
        access: Access,
        /// Whose it is, if it still exists.
        permissions: Option<NamedPermissions>,
        /// EACCES.
        source: io::Error,
    },
    /// The controller did not reply in time.
    #[error("no reply within {timeout:?}: {queue}")]
    NoReply {
        /// The key of its command queue.
        key: Key,
        /// The time.
        timeout: Duration,
        /// Its command queue.
        queue: Waiting,
    },
    /// The reply was lost, and the command may have been applied.
    #[error("the reply was lost, and the command may have been applied{}", led_is(*light))]
    Unconfirmed {
        /// What the LED does now, if it is known.
        light: Option<Light>,
    },
    /// The command was sent, and its reply cannot be received.
    #[error("{cause}; the command may have been applied")]
    NotReceived {
        /// Why not.
        cause: Box<Error>,
    },
    /// The command queue has no reply queue.
    #[error(
        "queue {key} belongs to another program: there is no reply queue with key {}; nothing was sent", key.reply()
    )]
    NoReplies {
        /// The key of the command queue.
        key: Key,
    },
    /// The command queue is full.
    #[error("queue {key} {}; nothing was sent: {queue}", full_for(*timeout))]
    Full {
        /// Its key.
        key: Key,
        /// How long the client tried; none for one attempt.
        timeout: Option<Duration>,
        /// The queue.
        queue: Waiting,
    },
    /// The limit of the command queue is below one command.
    #[error("queue {key} holds only {}; nothing was sent", count(*limit, "byte"))]
    TooSmall {
        /// Its key.
        key: Key,
        /// The limit in bytes.
        limit: u64,
    },
    /// The key is that of a reply queue.
    #[error("queue {key} is a reply queue; nothing was sent")]
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

/// What an error means for the command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// It was refused, or a call failed.
    Refused,
    /// The key is wrong.
    WrongKey,
    /// No controller serves the key now. Nothing was applied, and nothing will be.
    NoController,
    /// This user may not send it, or does not trust the queue. Nothing was sent.
    NotPermitted,
    /// No reply came, or none can come: it may have been applied, or may still be.
    NoReply,
    /// The queue has no room. Nothing was sent.
    Full,
}

impl Error {
    /// What the error means for the command.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Error::Refused { .. }
            | Error::Older { .. }
            | Error::Ended { .. }
            | Error::Malformed { .. }
            | Error::Queue { .. } => Kind::Refused,
            Error::ReplyQueue { .. } => Kind::WrongKey,
            Error::NotRunning { .. } | Error::Stale { .. } | Error::NotReady { .. } => {
                Kind::NoController
            }
            Error::NotPermitted { .. } | Error::Untrusted { .. } | Error::Unmapped { .. } => {
                Kind::NotPermitted
            }
            Error::NoReply { .. }
            | Error::NoReplies { .. }
            | Error::NotReceived { .. }
            | Error::Unconfirmed { .. } => Kind::NoReply,
            Error::Full { .. } | Error::TooSmall { .. } => Kind::Full,
        }
    }

    /// Whether the error passes once a controller runs and reads its queue.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self.kind(), Kind::NoController | Kind::NoReply | Kind::Full)
    }

    /// Whether the error says that the command was not sent, or will not be applied.
    #[must_use]
    pub fn is_not_applied(&self) -> bool {
        let kind = self.kind();
        matches!(
            kind,
            Kind::NoController | Kind::NotPermitted | Kind::Full | Kind::WrongKey
        ) || matches!(self, Error::NoReplies { .. })
    }

    /// Why the controller refused a command.
    pub(crate) fn refused(command: Command, reason: &str) -> Error {
        // Every version of the controller refuses an unknown verb with this reason.
        if reason.starts_with("unknown command") {
            return Error::Older { command };
        }
        Error::Refused {
            reason: reason.to_owned(),
        }
    }

    /// Why an existing queue cannot be used.
    pub(crate) fn of_queue(key: Key, access: Access, error: shared::Error) -> Error {
        match error {
            shared::Error::NotPermitted(source) => Error::NotPermitted {
                key,
                access,
                permissions: look_up(key).map(|(_, status)| status.permissions.into()),
                source,
            },
            source => Error::Queue { key, source },
        }
    }

    /// A queue whose creator is not trusted.
    #[must_use]
    pub fn untrusted(key: Key, creator: u32) -> Error {
        if is_unmapped(creator) {
            Error::Unmapped { key, creator }
        } else {
            Error::Untrusted {
                key,
                creator,
                name: User(creator).name(),
            }
        }
    }
}

/// `eve (1001)`, or the number alone.
fn named(name: &str, number: u32) -> String {
    let number = number.to_string();
    if name == number {
        number
    } else {
        format!("{name} ({number})")
    }
}

fn led_is(light: Option<Light>) -> String {
    light.map_or_else(String::new, |light| {
        format!("; the LED is now {}", StateText(light))
    })
}

fn full_for(timeout: Option<Duration>) -> String {
    match timeout {
        Some(timeout) => format!("was full for {timeout:?}"),
        None => "is full".into(),
    }
}
