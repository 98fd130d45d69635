//! What the controller answers, as text in a message.

use std::{fmt, fmt::Write, str};

use crate::{Message, MessageType};

/// What the LED does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// It is dark.
    Off,
    /// It is lit.
    On,
}

impl State {
    fn from_text(text: &str) -> Option<State> {
        match text {
            "OFF" => Some(State::Off),
            "ON" => Some(State::On),
            _ => None,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Off => "OFF",
            State::On => "ON",
        })
    }
}

/// An answer of the controller: `OK <state>` or `ERR <reason>`, without a NUL.
///
/// ```
/// use shared::{MessageType, Reply, State};
///
/// let sender = MessageType::new(4711).unwrap();
/// let answer = Reply::<&str>::Ok(State::On).encode(sender);
/// assert_eq!(answer.text(), b"OK ON");
/// assert_eq!(Reply::decode(&answer), Some(Reply::Ok(State::On)));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reply<R> {
    /// The command took effect, and this is the state now.
    Ok(State),
    /// It did not, and this is why.
    Err(R),
}

impl<R: fmt::Display> Reply<R> {
    /// The message to send; a reason that is too long for it is cut.
    pub fn encode(&self, reply_to: MessageType) -> Message {
        let mut message = Message::empty(reply_to);
        // A cut reason is still a reason.
        let _ = match self {
            Reply::Ok(state) => write!(message, "OK {state}"),
            Reply::Err(reason) => write!(message, "ERR {reason}"),
        };
        message
    }
}

impl<'a> Reply<&'a str> {
    /// The answer in a message; none if it has none, as from a controller of another version.
    #[must_use]
    pub fn decode<const N: usize>(message: &'a Message<N>) -> Option<Self> {
        let text = str::from_utf8(message.text()).ok()?;
        match text.split_once(' ')? {
            ("OK", state) => State::from_text(state).map(Reply::Ok),
            ("ERR", reason) => Some(Reply::Err(reason)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::TEXT_MAX;

    const SENDER: MessageType = MessageType::EXIT;

    #[test]
    fn what_is_encoded_is_decoded_to_the_same() {
        for reply in [Reply::Ok(State::On), Reply::Ok(State::Off), Reply::Err("no such thing")] {
            assert_eq!(Reply::decode(&reply.encode(SENDER)), Some(reply));
        }
    }

    #[test]
    fn a_long_reason_is_cut_to_fit() {
        let message = Reply::Err("é".repeat(TEXT_MAX)).encode(SENDER);
        assert_eq!(message.text().len(), TEXT_MAX);
        assert!(matches!(Reply::decode(&message), Some(Reply::Err(_))));
    }

    #[test]
    fn other_texts_are_no_answers() {
        for text in [&b""[..], b"OK", b"OK ", b"OK DIM", b"ok ON", b"\xff"] {
            let message: Message = Message::new(SENDER, text).unwrap();
            assert_eq!(Reply::decode(&message), None, "{}", text.escape_ascii());
        }
    }
}
