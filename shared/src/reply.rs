//! What the controller answers, as text in a message.

use std::{fmt, fmt::Write, str};

use crate::{Blink, Message, MessageType};

/// What the LED does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// It is dark.
    Off,
    /// It is lit.
    On,
    /// It blinks, and so many times yet.
    Blink(Blink),
}

impl State {
    fn from_text(text: &str) -> Option<State> {
        match text {
            "OFF" => Some(State::Off),
            "ON" => Some(State::On),
            _ => Blink::from_text(text.strip_prefix("BLINK ")?).map(State::Blink),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Off => f.write_str("OFF"),
            State::On => f.write_str("ON"),
            State::Blink(blink) => write!(f, "BLINK {blink}"),
        }
    }
}

/// An answer of the controller: `OK <state>` or `ERR <reason>`, without a NUL. After the state there may be further lines,
/// as in [`Info`](crate::Info).
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
            ("OK", answer) => State::from_text(answer.lines().next()?).map(Reply::Ok),
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
        let blink = Blink::from_text("500 500 3").map(State::Blink).unwrap();
        for reply in [Reply::Ok(State::On), Reply::Ok(State::Off), Reply::Ok(blink), Reply::Err("no such thing")] {
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
        for text in [&b""[..], b"OK", b"OK ", b"OK DIM", b"OK BLINK", b"OK BLINK 0 1", b"ok ON", b"\xff"] {
            let message: Message = Message::new(SENDER, text).unwrap();
            assert_eq!(Reply::decode(&message), None, "{}", text.escape_ascii());
        }
    }
}
