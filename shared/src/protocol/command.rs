//! The commands.

use std::{fmt, str};

use super::{Blink, Refusal, State};
use crate::MessageType;

/// What the controller is to do.
///
/// ```
/// use std::time::Duration;
/// use shared::{Blink, Command};
///
/// let phase = Duration::from_millis(500);
/// let blink = Command::Blink(Blink::new(phase, phase, None).unwrap());
/// assert_eq!((Command::On.to_string(), blink.to_string()), ("ON".to_owned(), "BLINK 500 500".to_owned()));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Command {
    /// LED on: type 1, `ON`.
    On,
    /// LED off: type 1, `OFF`.
    Off,
    /// LED on if it is off, else off: type 1, `TOGGLE`.
    Toggle,
    /// LED alternately on and off until the next command, or `count` times and then off: type 1,
    /// `BLINK on_ms off_ms [count]`.
    Blink(Blink),
    /// Reply with the state of LED and controller, see [`Info`](crate::Info): type 1, `STATUS`.
    Status,
    /// Reply as to `STATUS` as soon as the state is not this one, or at once without a state: type 1, `WATCH [state]`.
    Watch(Option<State>),
    /// LED off, both queues removed, end: type 2, any text.
    Exit,
}

impl Command {
    /// The commands of type 1 that consist of a verb alone.
    pub(super) const VERBS: [(&'static str, Command); 5] = [
        ("ON", Command::On),
        ("OFF", Command::Off),
        ("TOGGLE", Command::Toggle),
        ("STATUS", Command::Status),
        ("WATCH", Command::Watch(None)),
    ];
    pub(super) const BLINK: &'static str = "BLINK";
    const WATCH: &'static str = "WATCH";

    /// The type of its message.
    pub(super) fn message_type(self) -> MessageType {
        match self {
            Command::Exit => MessageType::EXIT,
            _ => MessageType::LED,
        }
    }

    /// Whether it may be sent again when its reply was lost: applying it twice has the effect of applying it once.
    #[must_use]
    pub fn is_idempotent(self) -> bool {
        match self {
            Command::On | Command::Off | Command::Status | Command::Watch(_) => true,
            Command::Toggle | Command::Blink(_) | Command::Exit => false,
        }
    }

    /// The command with this text. Blanks and newlines at its end are ignored.
    pub(super) fn from_text(text: &[u8]) -> Result<Command, Refusal> {
        match text {
            // What comes in floods.
            b"ON" => return Ok(Command::On),
            b"OFF" => return Ok(Command::Off),
            _ => {}
        }
        let text = text.trim_ascii_end();
        let same_verb = |(verb, _): &&(&str, Command)| verb.as_bytes().eq_ignore_ascii_case(text);
        if let Some((_, command)) = Self::VERBS.iter().find(same_verb) {
            return Ok(*command);
        }
        let text = str::from_utf8(text).map_err(|_| Refusal::NotText)?;
        if text.is_empty() {
            return Err(Refusal::Empty);
        }
        let (verb, arguments) = text
            .split_once(|c: char| c.is_ascii_whitespace())
            .unwrap_or((text, ""));
        if verb.eq_ignore_ascii_case(Self::BLINK) {
            return Blink::from_text(arguments)
                .map(Command::Blink)
                .ok_or(Refusal::Blink);
        }
        if verb.eq_ignore_ascii_case(Self::WATCH) {
            return State::from_text(arguments.trim_ascii())
                .map(|state| Command::Watch(Some(state)))
                .ok_or(Refusal::Watch);
        }
        Err(match text.as_bytes() {
            [b's', b':', b'0'..=b'9', ..] => Refusal::Serialized,
            _ => Refusal::UnknownVerb,
        })
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Blink(blink) => write!(f, "{} {blink}", Self::BLINK),
            Command::Watch(Some(state)) => write!(f, "{} {state}", Self::WATCH),
            _ => {
                let verb = Self::VERBS.iter().find(|(_, command)| command == self);
                f.write_str(verb.map_or("EXIT", |(verb, _)| verb))
            }
        }
    }
}
