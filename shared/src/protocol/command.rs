//! The commands.

use std::{fmt, str};

use super::{Blink, Brightness, Fade, Known, Refusal};
use crate::MessageType;

/// What the controller is to do.
///
/// ```
/// use std::time::Duration;
/// use shared::{Blink, Command};
///
/// let phase = Duration::from_millis(500);
/// let blink = Command::Blink(Blink::new(phase, phase, None).unwrap());
/// assert_eq!((Command::ON.to_string(), blink.to_string()), ("ON".to_owned(), "BLINK 500 500".to_owned()));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Command {
    /// LED on: type 1, `ON [percent|- [ms]]`.
    On {
        /// Its brightness; none for the last one.
        brightness: Option<Brightness>,
        /// How long it takes.
        fade: Option<Fade>,
    },
    /// LED off: type 1, `OFF [ms]`.
    Off {
        /// How long it takes.
        fade: Option<Fade>,
    },
    /// LED on if it is off, otherwise off: type 1, `TOGGLE`.
    Toggle,
    /// LED alternately on and off until the next command, or `count` times and then off: type 1,
    /// `BLINK on_ms off_ms [count]`.
    Blink(Blink),
    /// As [`Command::Blink`] with a count, and then what the LED did before: type 1, `FLASH on_ms off_ms [count]`. On an LED that
    /// is lit a flash begins with off.
    Flash(Blink),
    /// Reply with the state of LED and controller, see [`Info`](crate::Info): type 1, `STATUS`.
    Status,
    /// Reply as to `STATUS`, as soon as the state is not the given one. Without a state, reply at once: type 1,
    /// `WATCH [state]`.
    Watch(Option<Known>),
    /// LED off, both queues removed, end: type 2, any text.
    Exit,
}

/// Decodes the arguments of a command.
type Decode = fn(&str) -> Option<Command>;

impl Command {
    /// LED on, at the last brightness, at once: `ON`.
    pub const ON: Command = Command::On {
        brightness: None,
        fade: None,
    };
    /// LED off, at once: `OFF`.
    pub const OFF: Command = Command::Off { fade: None };
    /// The commands of type 1 that consist of a verb alone.
    pub(super) const VERBS: [(&'static str, Command); 5] = [
        ("ON", Command::ON),
        ("OFF", Command::OFF),
        ("TOGGLE", Command::Toggle),
        ("STATUS", Command::Status),
        ("WATCH", Command::Watch(None)),
    ];
    pub(super) const BLINK: &'static str = "BLINK";
    pub(super) const FLASH: &'static str = "FLASH";
    /// The commands of type 1 with arguments: how they are decoded, and the refusal if that fails.
    const WITH_ARGUMENTS: [(&'static str, Decode, Refusal); 5] = [
        ("ON", Self::on, Refusal::On),
        ("OFF", Self::off, Refusal::Off),
        (Self::BLINK, Self::blink, Refusal::Blink),
        (Self::FLASH, Self::flash, Refusal::Flash),
        ("WATCH", Self::watch, Refusal::Watch),
    ];

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
            Command::On { .. } | Command::Off { .. } | Command::Status | Command::Watch(_) => true,
            Command::Toggle | Command::Blink(_) | Command::Flash(_) | Command::Exit => false,
        }
    }

    /// Whether it needs an LED that has levels between off and on: `ON` at less than 100 percent.
    #[must_use]
    pub fn needs_levels(self) -> bool {
        match self {
            Command::On { brightness, .. } => {
                brightness.is_some_and(|brightness| brightness != Brightness::FULL)
            }
            _ => false,
        }
    }

    /// The command with this text. Blanks and newlines at its end are ignored.
    pub(super) fn from_text(text: &[u8]) -> Result<Command, Refusal> {
        match text {
            // The fast path, for floods of these commands.
            b"ON" => return Ok(Command::ON),
            b"OFF" => return Ok(Command::OFF),
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
        let same_verb = |(found, ..): &&(&str, _, _)| verb.eq_ignore_ascii_case(found);
        if let Some((_, decode, refusal)) = Self::WITH_ARGUMENTS.iter().find(same_verb) {
            return decode(arguments).ok_or(*refusal);
        }
        Err(match text.as_bytes() {
            [b's', b':', b'0'..=b'9', ..] => Refusal::Serialized,
            _ => Refusal::UnknownVerb,
        })
    }

    /// `percent|- [ms]`
    fn on(arguments: &str) -> Option<Command> {
        let mut words = arguments.split_ascii_whitespace();
        let brightness = match words.next()? {
            "-" => None,
            percent => Some(Brightness::from_text(percent)?),
        };
        let fade = Self::fade(words.next())?;
        let command = Command::On { brightness, fade };
        words.next().is_none().then_some(command)
    }

    /// `ms`
    fn off(arguments: &str) -> Option<Command> {
        let mut words = arguments.split_ascii_whitespace();
        let fade = Self::fade(words.next())?;
        words.next().is_none().then_some(Command::Off { fade })
    }

    /// `Some(None)` without a word; `None` if the word is not valid.
    fn fade(word: Option<&str>) -> Option<Option<Fade>> {
        word.map_or(Some(None), |word| Fade::from_text(word).map(Some))
    }

    fn blink(arguments: &str) -> Option<Command> {
        Blink::from_text(arguments).map(Command::Blink)
    }

    /// Once, if there is no count.
    fn flash(arguments: &str) -> Option<Command> {
        let blink = Blink::from_text(arguments)?;
        let count = blink.count().or(Some(1));
        Blink::new(blink.on(), blink.off(), count).map(Command::Flash)
    }

    fn watch(arguments: &str) -> Option<Command> {
        Known::from_text(arguments.trim_ascii()).map(|known| Command::Watch(Some(known)))
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Blink(blink) => write!(f, "{} {blink}", Self::BLINK),
            Command::Flash(blink) => write!(f, "{} {blink}", Self::FLASH),
            Command::Watch(Some(known)) => write!(f, "WATCH {known}"),
            Command::On {
                brightness: Some(brightness),
                fade: None,
            } => write!(f, "ON {brightness}"),
            Command::On {
                brightness: Some(brightness),
                fade: Some(fade),
            } => write!(f, "ON {brightness} {fade}"),
            Command::On {
                brightness: None,
                fade: Some(fade),
            } => write!(f, "ON - {fade}"),
            Command::Off { fade: Some(fade) } => write!(f, "OFF {fade}"),
            _ => {
                let verb = Self::VERBS.iter().find(|(_, command)| command == self);
                f.write_str(verb.map_or("EXIT", |(verb, _)| verb))
            }
        }
    }
}
