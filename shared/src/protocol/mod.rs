//! The protocol between controller and client: keys and modes of the two queues, requests and replies.

mod blink;
mod command;
mod info;
mod key;
mod light;
mod mode;
mod name;
mod refusal;
mod reply;
mod request;

pub use blink::Blink;
pub use command::Command;
pub use info::{Info, Line, Place};
pub use key::{Key, KeyError};
pub use light::{Brightness, Fade, Known, Light};
pub use name::Name;
pub use refusal::{Refusal, Refused};
pub use reply::{Reply, State};
pub use request::{Incoming, Request};

use crate::{Message, MessageType};

/// The most bytes of text that a message of this protocol may have.
pub const TEXT_MAX: usize = 256;

const _: fn(Message) -> Message<TEXT_MAX> = |message| message;

impl MessageType {
    /// Commands to the LED.
    pub const LED: MessageType = MessageType::new(1).unwrap();
    /// The end of the controller.
    pub const EXIT: MessageType = MessageType::new(2).unwrap();
}
