//! What the controller tells of itself.

use std::{fmt::Write, str, time::Duration};

use crate::{Message, MessageType, Reply, State};

/// The answer to `INFO`: `OK <state>` as to `STATUS`, and then a line for each thing there is to know, its name before
/// it. Each line ends in a newline; one that does not fit into the message is missing or lacks its newline.
///
/// ```
/// use std::time::Duration;
/// use shared::{Info, MessageType, State};
///
/// let info = Info {
///     state: State::Off,
///     pid: 640,
///     version: "0.1.0",
///     uptime: Duration::from_secs(60),
///     applied: 3,
///     refused: 1,
///     answers_dropped: 0,
///     line: None,
/// };
/// let answer = info.encode(MessageType::new(4711).unwrap());
/// let text = b"OK OFF\npid 640\nversion 0.1.0\nuptime 60\napplied 3\nrefused 1\nanswers_dropped 0\n";
/// assert_eq!(answer.text(), text);
/// assert_eq!(Info::decode(&answer), Some(info));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Info<'a> {
    /// What the LED does.
    pub state: State,
    /// The controller's PID, in its own PID namespace.
    pub pid: u32,
    /// Its version.
    pub version: &'a str,
    /// How long it has served, in whole seconds.
    pub uptime: Duration,
    /// How many commands it has applied: those that ask for a state or for this change nothing, and do not count.
    pub applied: u64,
    /// How many messages it has refused, and commands that it could not apply.
    pub refused: u64,
    /// How many answers it has dropped that nobody collected.
    pub answers_dropped: u64,
    /// The line that the LED is on; none if it is simulated.
    pub line: Option<Line<'a>>,
}

/// A GPIO line, and where it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Line<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its offset on the chip.
    pub offset: u32,
    /// The chip's name, which may be another after the next boot.
    pub chip: &'a str,
    /// The chip's label, which stays.
    pub label: &'a str,
}

impl Line<'_> {
    /// The name under which a controller holds its line: what gpioinfo(1) shows as its consumer.
    pub const CONSUMER: &'static str = "led-controller";
}

impl<'a> Info<'a> {
    /// The message to send.
    #[must_use]
    pub fn encode(&self, reply_to: MessageType) -> Message {
        let mut message = Reply::<&str>::Ok(self.state).encode(reply_to);
        // What does not fit is cut, as the documentation of this type says.
        let _ = self.write_lines(&mut message);
        message
    }

    fn write_lines(&self, to: &mut Message) -> std::fmt::Result {
        to.write_str("\n")?;
        if let Some(line) = self.line {
            write!(to, "line {}\noffset {}\nchip {}\nlabel {}\n", line.name, line.offset, line.chip, line.label)?;
        }
        write!(to, "pid {}\nversion {}\nuptime {}\n", self.pid, self.version, self.uptime.as_secs())?;
        write!(to, "applied {}\nrefused {}\n", self.applied, self.refused)?;
        writeln!(to, "answers_dropped {}", self.answers_dropped)
    }

    /// What an answer tells; none if it is another answer. Lines with other names are passed over.
    #[must_use]
    pub fn decode<const N: usize>(message: &'a Message<N>) -> Option<Self> {
        let Some(Reply::Ok(state)) = Reply::decode(message) else { return None };
        let text = str::from_utf8(message.text()).ok()?;
        let line = |name: &str| {
            let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')?.split_once(' '));
            lines.skip(1).find(|(found, _)| *found == name).map(|(_, value)| value)
        };
        Some(Info {
            state,
            pid: line("pid")?.parse().ok()?,
            version: line("version")?,
            uptime: Duration::from_secs(line("uptime")?.parse().ok()?),
            applied: line("applied")?.parse().ok()?,
            refused: line("refused")?.parse().ok()?,
            answers_dropped: line("answers_dropped")?.parse().ok()?,
            line: line("line").and_then(|name| {
                Some(Line { name, offset: line("offset")?.parse().ok()?, chip: line("chip")?, label: line("label")? })
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Blink;

    const SENDER: MessageType = MessageType::EXIT;

    fn info<'a>(line: &'a Line<'a>) -> Info<'a> {
        let phase = Duration::from_secs(3600);
        Info {
            state: State::Blink(Blink::new(phase, phase, Some(1_000_000)).unwrap()),
            pid: 4_194_304,
            version: "10.20.30",
            uptime: Duration::from_secs(4_000_000_000),
            applied: 9_000_000_000,
            refused: 9_000_000_000,
            answers_dropped: 9_000_000_000,
            line: Some(*line),
        }
    }

    #[test]
    fn the_longest_answer_fits_and_is_read_back() {
        // The kernel's names of lines and labels of chips have 31 bytes at most; its names of chips end in a number.
        let (name, label) = ("SPI MOSI ".repeat(4), "n".repeat(31));
        let line = Line { name: &name[..31], offset: 53, chip: "gpiochip10", label: &label };
        let message = info(&line).encode(SENDER);
        assert!(message.text().ends_with(b"\nanswers_dropped 9000000000\n"), "{message}");
        assert_eq!(Info::decode(&message), Some(info(&line)));
    }

    #[test]
    fn an_answer_that_is_cut_is_no_answer() {
        let name = "n".repeat(60);
        let line = Line { name: &name, offset: 53, chip: &name, label: &name };
        let message = info(&line).encode(SENDER);
        assert_eq!(message.text().len(), crate::TEXT_MAX);
        assert_eq!(Info::decode(&message), None);
    }

    #[test]
    fn answers_to_other_commands_tell_nothing() {
        for text in [&b"OK ON"[..], b"ERR unknown", b"OK ON\npid 1\n", b"OK ON\npid 1", b""] {
            let message: Message = Message::new(SENDER, text).unwrap();
            assert_eq!(Info::decode(&message), None, "{}", text.escape_ascii());
        }
    }
}
