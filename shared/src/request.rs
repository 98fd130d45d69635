//! What a client asks of the controller, as text in a message.

use std::{fmt, fmt::Write, str};

use crate::{Blink, Message, MessageType, message::TEXT_MAX};

/// A buffer for a message that a client sent: one byte longer than the longest legal text, so that a longer one, which
/// the kernel cuts to the buffer, is told from one that just fits.
pub type Incoming = Message<{ TEXT_MAX + 1 }>;

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
    /// LED on if it is off, off otherwise: type 1, `TOGGLE`.
    Toggle,
    /// LED on and off by turns until the next command, or so many times and then off: type 1,
    /// `BLINK on_ms off_ms [count]`.
    Blink(Blink),
    /// Change nothing, answer with the state: type 1, `STATUS`.
    Status,
    /// Change nothing, answer with the state and with what there is to know of the controller: type 1, `INFO`.
    Info,
    /// LED off, both queues removed, end: type 2, any text.
    Exit,
}

impl Command {
    /// The commands of type 1 that are a verb and nothing else.
    const VERBS: [(&'static str, Command); 5] = [
        ("ON", Command::On),
        ("OFF", Command::Off),
        ("TOGGLE", Command::Toggle),
        ("STATUS", Command::Status),
        ("INFO", Command::Info),
    ];
    const BLINK: &'static str = "BLINK";

    fn message_type(self) -> MessageType {
        match self {
            Command::Exit => MessageType::EXIT,
            _ => MessageType::LED,
        }
    }

    /// `text` up to its first NUL, the blanks and newlines at its end ignored.
    fn from_text(text: &[u8]) -> Result<Command, Refusal> {
        let text = text.trim_ascii_end();
        let same_verb = |(verb, _): &&(&str, Command)| verb.as_bytes().eq_ignore_ascii_case(text);
        if let Some((_, command)) = Self::VERBS.iter().find(same_verb) {
            return Ok(*command);
        }
        let text = str::from_utf8(text).map_err(|_| Refusal::NotText)?;
        if text.is_empty() {
            return Err(Refusal::Empty);
        }
        let (verb, arguments) = text.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((text, ""));
        if verb.eq_ignore_ascii_case(Self::BLINK) {
            return Blink::from_text(arguments).map(Command::Blink).ok_or(Refusal::Blink);
        }
        Err(Refusal::UnknownVerb)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Command::Blink(blink) = self {
            return write!(f, "{} {blink}", Self::BLINK);
        }
        let verb = Self::VERBS.iter().find(|(_, command)| command == self);
        f.write_str(verb.map_or("EXIT", |(verb, _)| verb))
    }
}

/// A command, and where its sender waits for the answer.
///
/// In the message: the command's type; as text its verb, in any case, and a NUL, which a reader in C may need; and, where
/// an answer is wanted, `reply=`, the message type under which the sender waits for it in decimal, and a NUL:
///
/// ```
/// use shared::{Command, Incoming, MessageType, Request};
///
/// let request = Request { command: Command::On, reply_to: MessageType::new(4711) };
/// assert_eq!(request.encode().text(), b"ON\0reply=4711\0");
///
/// let textbook = Incoming::new(MessageType::LED, b"on\n\0").unwrap();
/// assert_eq!(Request::decode(&textbook), Ok(Request { command: Command::On, reply_to: None }));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Request {
    /// What to do.
    pub command: Command,
    /// The type of the answer; nobody is answered without one.
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
        debug_assert!(written.is_ok(), "a verb and a number fit into {TEXT_MAX} bytes");
        message
    }

    /// The request in a message from anybody.
    ///
    /// Behind the first NUL only `reply=` counts: many a C client sends its whole buffer, with what an earlier command left
    /// there.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and the type to answer if that much is right.
    pub fn decode(message: &Incoming) -> Result<Request, Refused> {
        let text = message.text();
        let mut fields = text.splitn(3, |&byte| byte == 0);
        let verb = fields.next().unwrap_or_default();
        let reply_to = match (fields.next(), fields.next()) {
            // The kernel has cut the message, perhaps within the number.
            (_, None) if text.len() > TEXT_MAX => Ok(None),
            (Some(field), _) => reply_to(field),
            (None, _) => Ok(None),
        };
        let command = match message.message_type() {
            _ if text.len() > TEXT_MAX => Err(Refusal::TooLong),
            MessageType::LED => Command::from_text(verb),
            MessageType::EXIT => Ok(Command::Exit),
            _ => Err(Refusal::UnknownType),
        };
        match (command, reply_to) {
            (Ok(command), Ok(reply_to)) => Ok(Request { command, reply_to }),
            // Any text ends the controller, this one too.
            (Ok(Command::Exit), Err(_)) => Ok(Request { command: Command::Exit, reply_to: None }),
            (Err(refusal), reply_to) => Err(Refused { refusal, reply_to: reply_to.ok().flatten() }),
            (Ok(_), Err(refusal)) => Err(Refused { refusal, reply_to: None }),
        }
    }
}

fn reply_to(field: &[u8]) -> Result<Option<MessageType>, Refusal> {
    let Some(digits) = field.strip_prefix(b"reply=") else { return Ok(None) };
    let is_number = digits.iter().all(u8::is_ascii_digit);
    let number = str::from_utf8(digits).ok().filter(|_| is_number).and_then(|digits| digits.parse().ok());
    number.and_then(MessageType::new).map(Some).ok_or(Refusal::ReplyType)
}

/// A message that was refused.
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
    /// Why.
    pub refusal: Refusal,
    /// The type of the answer, if one was asked for.
    pub reply_to: Option<MessageType>,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// More than [`TEXT_MAX`] bytes of text.
    TooLong,
    /// Neither type 1 nor type 2.
    UnknownType,
    /// The text is not UTF-8.
    NotText,
    /// There is no text, or nothing but blanks.
    Empty,
    /// The text is no command.
    UnknownVerb,
    /// `BLINK` with other than two or three numbers, or with one that is out of range.
    Blink,
    /// What follows `reply=` is no type that a message can have.
    ReplyType,
    /// The controller ended before it came to this message. The one reason that programs may rely on: the command was not
    /// applied, and may be sent to the next controller.
    Ended,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::TooLong => write!(f, "the text is longer than {TEXT_MAX} bytes"),
            Refusal::UnknownType => f.write_str("unknown message type; known are 1 (LED) and 2 (exit)"),
            Refusal::NotText => f.write_str("the text is not UTF-8"),
            Refusal::Empty => f.write_str("there is no text"),
            Refusal::UnknownVerb => {
                f.write_str("unknown command; known are")?;
                for (verb, _) in Command::VERBS {
                    write!(f, " {verb},")?;
                }
                write!(f, " {}", Command::BLINK)
            }
            Refusal::Blink => f.write_str(
                "BLINK takes two numbers of milliseconds, 1 to 3600000, and, if it is to end, a count, 1 to 1000000",
            ),
            Refusal::ReplyType => {
                write!(f, "the message type after reply= must be from 1 to {}", libc::c_long::MAX)
            }
            Refusal::Ended => f.write_str("not applied: the controller ended before it came to this command"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(message_type: libc::c_long, text: &[u8]) -> Result<Request, Refused> {
        let message_type = MessageType::new(message_type).unwrap();
        Request::decode(&Incoming::new(message_type, text).unwrap())
    }

    fn refused(message_type: libc::c_long, text: &[u8]) -> Refusal {
        decode(message_type, text).unwrap_err().refusal
    }

    fn unanswered(command: Command) -> Result<Request, Refused> {
        Ok(Request { command, reply_to: None })
    }

    #[test]
    fn what_is_encoded_is_decoded_to_the_same() {
        let blink = |count| Command::Blink(Blink::new(*Blink::PHASE.end(), *Blink::PHASE.end(), count).unwrap());
        let blinks = [blink(None), blink(Some(*Blink::COUNT.end()))];
        let plain = [Command::On, Command::Off, Command::Toggle, Command::Status, Command::Info, Command::Exit];
        for command in plain.into_iter().chain(blinks) {
            for reply_to in [None, MessageType::new(1), MessageType::new(libc::c_long::MAX)] {
                let request = Request { command, reply_to };
                let message = request.encode();
                assert_eq!(decode(message.message_type().get(), message.text()), Ok(request));
            }
        }
    }

    #[test]
    fn verbs_are_read_in_any_case_with_blanks_newline_and_nul_at_the_end() {
        for text in ["ON", "on", "oN", "ON\n", "ON  \t\r\n", "ON\0", "ON \0", "on\n\0"] {
            assert_eq!(decode(1, text.as_bytes()), unanswered(Command::On), "{text:?}");
        }
    }

    #[test]
    fn the_second_field_is_the_type_of_the_answer() {
        assert_eq!(decode(1, b"ON\0reply=77\0").unwrap().reply_to, MessageType::new(77));
        assert_eq!(decode(1, b"ON\0reply=77\0more\0").unwrap().reply_to, MessageType::new(77));
        assert_eq!(decode(2, b"\0reply=77\0").unwrap().reply_to, MessageType::new(77));
        assert_eq!(decode(1, b"ON\0reply=77").unwrap().reply_to, MessageType::new(77));
    }

    #[test]
    fn a_reply_type_that_the_kernel_may_have_cut_is_not_heeded() {
        let mut text = vec![b' '; TEXT_MAX + 1 - 9];
        text.extend_from_slice(b"\0reply=77");
        text[..2].copy_from_slice(b"ON");
        let refused = decode(1, &text).unwrap_err();
        assert_eq!(refused, Refused { refusal: Refusal::TooLong, reply_to: None });
    }

    #[test]
    fn bytes_left_over_from_an_earlier_command_ask_for_no_answer() {
        for text in [
            &b"ON\0GLE\0"[..],
            b"ON\0",
            b"ON\0\0\0\0",
            b"ON\0\xff\x7f\0",
            b"ON\x0077\0",
            b"ON\0 reply=77\0",
            b"ON\0-5\0",
        ] {
            assert_eq!(decode(1, text), unanswered(Command::On), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_reply_type_that_is_none_is_refused() {
        for text in [&b"ON\0reply=\0"[..], b"ON\0reply=+1\0", b"ON\0reply=7 7\0", b"ON\0reply=x"] {
            assert_eq!(refused(1, text), Refusal::ReplyType, "{}", text.escape_ascii());
        }
        for text in [&b"ON\0reply=0\0"[..], b"ON\0reply=-1\0", b"ON\0reply=-0\0", b"ON\0reply=99999999999999999999\0"] {
            assert_eq!(refused(1, text), Refusal::ReplyType, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn any_text_of_type_2_is_exit() {
        for text in [&b""[..], b"EXIT", b"\xff", b"EXIT\0reply=0\0", b"\0reply=-1\0"] {
            assert_eq!(decode(2, text), unanswered(Command::Exit), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_message_that_is_refused_names_who_is_to_be_told() {
        let refused = decode(1, b"FLASH\0reply=77\0").unwrap_err();
        assert_eq!(refused, Refused { refusal: Refusal::UnknownVerb, reply_to: MessageType::new(77) });
        let mut long = b"ON\0reply=77\0".to_vec();
        long.resize(TEXT_MAX + 1, b' ');
        let refused = decode(1, &long).unwrap_err();
        assert_eq!(refused, Refused { refusal: Refusal::TooLong, reply_to: MessageType::new(77) });
    }

    #[test]
    fn what_is_no_command_is_refused_with_its_reason() {
        assert_eq!(refused(1, b""), Refusal::Empty);
        assert_eq!(refused(1, b" \n"), Refusal::Empty);
        assert_eq!(refused(1, b"\0ON"), Refusal::Empty);
        assert_eq!(refused(1, b"\xff\xfe"), Refusal::NotText);
        assert_eq!(refused(1, b"ON OFF"), Refusal::UnknownVerb);
        assert_eq!(refused(1, b" ON"), Refusal::UnknownVerb);
        assert_eq!(refused(1, b"EXIT"), Refusal::UnknownVerb);
        assert_eq!(refused(1, b"BLINKER 500 500"), Refusal::UnknownVerb);
        assert_eq!(refused(1, b"BLINK"), Refusal::Blink);
        assert_eq!(refused(1, b"blink 500\0"), Refusal::Blink);
        assert_eq!(refused(1, b"BLINK 0 500"), Refusal::Blink);
        assert_eq!(refused(3, b"ON"), Refusal::UnknownType);
        // What `pack("l a*")` instead of `"l! a*"` makes of type 1 and `ON` in Perl.
        assert_eq!(refused(5_136_161_122_235_187_201, b"ON"), Refusal::UnknownType);
    }

    #[test]
    fn the_longest_legal_text_is_read() {
        let mut text = b"ON".to_vec();
        text.resize(TEXT_MAX, b' ');
        assert_eq!(decode(1, &text), unanswered(Command::On));
        text.push(b' ');
        assert_eq!(refused(1, &text), Refusal::TooLong);
        assert_eq!(refused(2, &text), Refusal::TooLong);
    }

    #[test]
    fn the_reason_for_an_unknown_command_names_the_known_ones() {
        assert_eq!(Refusal::UnknownVerb.to_string(), "unknown command; known are ON, OFF, TOGGLE, STATUS, INFO, BLINK");
    }
}
