//! Why the controller refuses a message.

use std::fmt;

use libc::c_long;

use super::{Command, TEXT_MAX};
use crate::MessageType;

/// A message that the controller refused.
///
/// ```
/// use shared::{Incoming, MessageType, Refusal, Refused, Request};
///
/// let message = Incoming::new(MessageType::LED, b"SHINE\0reply=4711\0").unwrap();
/// let reply_to = MessageType::new(4711);
/// assert_eq!(Request::decode(&message), Err(Refused { refusal: Refusal::UnknownVerb, reply_to }));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refused {
    /// The reason.
    pub refusal: Refusal,
    /// The type of the reply, if the message requests one.
    pub reply_to: Option<MessageType>,
}

/// Why a message is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// More than [`TEXT_MAX`] bytes of text, without a NUL or a newline in the first ones.
    #[error("the text is longer than {TEXT_MAX} bytes")]
    TooLong,
    /// Neither type 1 nor type 2.
    #[error("unknown message type; known are 1 (LED) and 2 (exit)")]
    UnknownType,
    /// The text is not UTF-8.
    #[error("the text is not UTF-8")]
    NotText,
    /// No text, or blanks only.
    #[error("there is no text")]
    Empty,
    /// The text does not begin with a known verb.
    #[error("unknown command; known are {KnownVerbs}")]
    UnknownVerb,
    /// The text is in the format of PHP's `serialize`, which its `msg_send` applies by default.
    #[error("the text is serialized: in PHP, the fourth argument of msg_send must be false")]
    Serialized,
    /// `ON` with anything but a brightness and a fade.
    #[error(
        "ON takes an optional brightness in percent, 1 to 100 or -, and then an optional fade in milliseconds, 1 to 3600000"
    )]
    On,
    /// `OFF` with anything but a fade.
    #[error("OFF takes an optional fade in milliseconds, 1 to 3600000")]
    Off,
    /// `BLINK` without two or three numbers, or with a number that is out of range.
    #[error(
        "BLINK takes two numbers of milliseconds, 1 to 3600000, and an optional count, 1 to 1000000"
    )]
    Blink,
    /// `FLASH` without two or three numbers, or with a number that is out of range.
    #[error(
        "FLASH takes two numbers of milliseconds, 1 to 3600000, and an optional count, 1 to 1000000"
    )]
    Flash,
    /// A brightness below 100 percent for an LED that has none.
    #[error(
        "this LED can only be on or off; to dim it, let the kernel drive it by PWM: controller(8) has the overlay"
    )]
    TwoLevels,
    /// `WATCH` with anything but a state.
    #[error("WATCH takes a state: ON, OFF or BLINK with its numbers")]
    Watch,
    /// `reply=` without a valid message type.
    #[error("the message type after reply= must be from 1 to {}", c_long::MAX)]
    ReplyType,
    /// The controller ended before it came to this message. Clients may rely on this text: the command was not applied and
    /// may be sent to the next controller.
    #[error("not applied: the controller ended before it came to this command")]
    Ended,
}

struct KnownVerbs;

impl fmt::Display for KnownVerbs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (verb, _) in Command::VERBS {
            write!(f, "{verb}, ")?;
        }
        write!(f, "{}, {}", Command::BLINK, Command::FLASH)
    }
}
