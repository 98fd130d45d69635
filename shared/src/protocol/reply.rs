//! A reply: the result of a command, as the controller sends it.

use std::{fmt, fmt::Write, str};

use super::{Blink, Brightness, Light};
use crate::{Message, MessageType};

/// What the LED does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// It is off.
    Off,
    /// It is on.
    On,
    /// It blinks; the count is the number of flashes left.
    Blink(Blink),
}

impl State {
    /// Whether both are the same state to a watcher: the number of flashes left does not count.
    #[must_use]
    pub fn is_same(self, other: State) -> bool {
        match (self, other) {
            (State::Blink(one), State::Blink(other)) => {
                let kind = |blink: Blink| (blink.on(), blink.off(), blink.count().is_some());
                kind(one) == kind(other)
            }
            _ => self == other,
        }
    }

    /// The state with this text, as it is displayed; none if there is no such state. The case of its first word is ignored, as in
    /// a request.
    #[must_use]
    pub fn from_text(text: &str) -> Option<State> {
        let (word, numbers) = text
            .split_once(|c: char| c.is_ascii_whitespace())
            .unwrap_or((text, ""));
        let is = |state: &str| word.eq_ignore_ascii_case(state);
        match numbers {
            "" if is("OFF") => Some(State::Off),
            "" if is("ON") => Some(State::On),
            _ if is("BLINK") => Blink::from_text(numbers).map(State::Blink),
            _ => None,
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

/// A reply of the controller: `OK <state>` or `ERR <reason>`, without a NUL. A line `brightness <percent>` follows the state of an
/// LED that is on or blinking below full brightness. Further lines may follow, see [`Info`](crate::Info).
///
/// ```
/// use shared::{MessageType, Reply, State};
///
/// let sender = MessageType::new(4711).unwrap();
/// let reply = Reply::<&str>::Ok(State::On.into()).encode(sender);
/// assert_eq!(reply.text(), b"OK ON");
/// assert_eq!(Reply::decode(&reply), Some(Reply::Ok(State::On.into())));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reply<R> {
    /// The command was applied, and this is what the LED does now.
    Ok(Light),
    /// The command was not applied, for this reason.
    Err(R),
}

impl<R: fmt::Display> Reply<R> {
    /// The message to send. A reason that is too long is cut.
    pub fn encode(&self, reply_to: MessageType) -> Message {
        let mut message = Message::empty(reply_to);
        // A reason that does not fit is cut.
        let _ = match self {
            Reply::Ok(Light { state, brightness }) => {
                let written = write!(message, "OK {state}");
                if *state != State::Off && *brightness != Brightness::FULL {
                    written.and_then(|()| write!(message, "\nbrightness {brightness}\n"))
                } else {
                    written
                }
            }
            Reply::Err(reason) => write!(message, "ERR {reason}"),
        };
        message
    }
}

impl<'a> Reply<&'a str> {
    /// Decodes a message; none if it is not a reply of this protocol.
    #[must_use]
    pub fn decode<const N: usize>(message: &'a Message<N>) -> Option<Self> {
        let text = str::from_utf8(message.text()).ok()?;
        match text.split_once(' ')? {
            ("OK", lines) => {
                let state = State::from_text(lines.lines().next()?)?;
                let brightness = value(text, "brightness").and_then(Brightness::from_text);
                Some(Reply::Ok(Light {
                    state,
                    brightness: brightness
                        .filter(|_| state != State::Off)
                        .unwrap_or(Brightness::FULL),
                }))
            }
            ("ERR", reason) => Some(Reply::Err(reason)),
            _ => None,
        }
    }

    /// Whether the controller ended before it came to the command, which another one may get. Its reason begins with
    /// `not applied:`.
    #[must_use]
    pub fn is_not_applied(self) -> bool {
        matches!(self, Reply::Err(reason) if reason.starts_with("not applied:"))
    }
}

/// The value in the line with this name, after the first line.
pub(super) fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = text
        .split_inclusive('\n')
        .skip(1)
        .filter_map(|line| line.strip_suffix('\n')?.split_once(' '));
    lines
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TEXT_MAX;

    const SENDER: MessageType = MessageType::EXIT;

    #[test]
    fn what_is_encoded_is_decoded_to_the_same() {
        let blink = Blink::from_text("500 500 3").map(State::Blink).unwrap();
        let dimmed = |state| Light {
            state,
            brightness: Brightness::new(40).unwrap(),
        };
        for reply in [
            Reply::Ok(State::On.into()),
            Reply::Ok(State::Off.into()),
            Reply::Ok(blink.into()),
            Reply::Ok(dimmed(State::On)),
            Reply::Ok(dimmed(blink)),
            Reply::Err("no such thing"),
        ] {
            assert_eq!(Reply::decode(&reply.encode(SENDER)), Some(reply));
        }
    }

    #[test]
    fn an_old_client_reads_the_state_in_the_first_line() {
        let dimmed = |state, percent| {
            let brightness = Brightness::new(percent).unwrap();
            Reply::<&str>::Ok(Light { state, brightness }).encode(SENDER)
        };
        assert_eq!(dimmed(State::On, 40).text(), b"OK ON\nbrightness 40\n");
        assert_eq!(dimmed(State::On, 100).text(), b"OK ON");
        assert_eq!(dimmed(State::Off, 40).text(), b"OK OFF");
        // Cut, or out of range.
        for text in ["OK ON\nbrightness 40", "OK ON\nbrightness 0\n"] {
            let message: Message = Message::new(SENDER, text.as_bytes()).unwrap();
            assert_eq!(
                Reply::decode(&message),
                Some(Reply::Ok(State::On.into())),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_long_reason_is_cut_to_fit() {
        let message = Reply::Err("é".repeat(TEXT_MAX)).encode(SENDER);
        assert_eq!(message.text().len(), TEXT_MAX);
        assert!(matches!(Reply::decode(&message), Some(Reply::Err(_))));
    }

    #[test]
    fn other_texts_are_not_replies() {
        for text in [
            &b""[..],
            b"OK",
            b"OK ",
            b"OK DIM",
            b"OK BLINK",
            b"OK BLINK 0 1",
            b"ok ON",
            b"\xff",
        ] {
            let message: Message = Message::new(SENDER, text).unwrap();
            assert_eq!(Reply::decode(&message), None, "{}", text.escape_ascii());
        }
    }
}
