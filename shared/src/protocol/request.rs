//! A request: a command, as a client sends it.

use std::{fmt::Write, str};

use super::{Command, Refusal, Refused, TEXT_MAX};
use crate::{Message, MessageType};

/// A buffer for a request: one byte longer than the longest permitted text, so that a text that the kernel cut to the buffer
/// is recognized.
pub type Incoming = Message<{ TEXT_MAX + 1 }>;

/// A command, and the message type of the reply.
///
/// The message has the command's type. Its text is the command, with the verb in any case, and a NUL, which a reader in C may
/// need. To request a reply, it has `reply=`, a message type in decimal, and a NUL after that:
///
/// ```
/// use shared::{Command, Incoming, MessageType, Request};
///
/// let request = Request { command: Command::ON, reply_to: MessageType::new(4711) };
/// assert_eq!(request.encode().text(), b"ON\0reply=4711\0");
///
/// let textbook = Incoming::new(MessageType::LED, b"on\n\0").unwrap();
/// assert_eq!(Request::decode(&textbook), Ok(Request { command: Command::ON, reply_to: None }));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Request {
    /// What to do.
    pub command: Command,
    /// The type of the reply, if one is requested.
    pub reply_to: Option<MessageType>,
}

impl Request {
    /// The message to send.
    #[must_use]
    pub fn encode(&self) -> Message {
        let mut message = Message::empty(self.command.message_type());
        let written = match self.reply_to {
            Some(reply_to) => write!(message, "{}\0reply={reply_to}\0", self.command),
            None => write!(message, "{}\0", self.command),
        };
        debug_assert!(
            written.is_ok(),
            "a verb and a number fit into {TEXT_MAX} bytes"
        );
        message
    }

    /// Decodes a message. Its text ends at the first NUL or newline, or at the end of the message.
    ///
    /// After the first NUL, only `reply=` is read: some clients in C send their whole buffer, with remains of
    /// earlier commands, and it may be longer than [`Incoming`].
    ///
    /// # Errors
    ///
    /// The reason for a refusal, and the type of the reply if it is valid.
    pub fn decode(message: &Incoming) -> Result<Request, Refused> {
        let whole = message.text();
        let is_cut = whole.len() > TEXT_MAX;
        let end = whole.iter().position(|&byte| byte == 0 || byte == b'\n');
        if end.is_none() && is_cut {
            return Err(Refused {
                refusal: Refusal::TooLong,
                reply_to: None,
            });
        }
        let (text, rest) = whole.split_at(end.unwrap_or(whole.len()));
        let reply_to = reply_to(rest, is_cut);
        let command = match message.message_type() {
            MessageType::LED => Command::from_text(text),
            MessageType::EXIT => Ok(Command::Exit),
            _ => Err(Refusal::UnknownType),
        };
        match (command, reply_to) {
            (Ok(command), Ok(reply_to)) => Ok(Request { command, reply_to }),
            // A message of type 2 ends the controller, whatever its text.
            (Ok(Command::Exit), Err(_)) => Ok(Request {
                command: Command::Exit,
                reply_to: None,
            }),
            (Err(refusal), reply_to) => Err(Refused {
                refusal,
                reply_to: reply_to.ok().flatten(),
            }),
            (Ok(_), Err(refusal)) => Err(Refused {
                refusal,
                reply_to: None,
            }),
        }
    }
}

/// The type of the reply, if the first NUL is followed by one. In a message that the kernel cut, the number is whole only if a
/// NUL follows.
fn reply_to(rest: &[u8], is_cut: bool) -> Result<Option<MessageType>, Refusal> {
    let Some(nul) = position_of_nul(rest) else {
        return Ok(None);
    };
    let Some(digits) = rest[nul + 1..].strip_prefix(b"reply=") else {
        return Ok(None);
    };
    let digits = match position_of_nul(digits) {
        Some(end) => &digits[..end],
        None if is_cut => return Ok(None),
        None => digits,
    };
    let is_number = digits.iter().all(u8::is_ascii_digit);
    let number = str::from_utf8(digits)
        .ok()
        .filter(|_| is_number)
        .and_then(|digits| digits.parse().ok());
    number
        .and_then(MessageType::new)
        .map(Some)
        .ok_or(Refusal::ReplyType)
}

fn position_of_nul(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == 0)
}

#[cfg(test)]
mod tests;
