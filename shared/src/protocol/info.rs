//! The reply to `STATUS`.

use std::{
    fmt::{self, Write},
    str,
    time::Duration,
};

use super::{Brightness, Light, Reply, State, reply::value};
use crate::{Message, MessageType};

/// The reply to `STATUS`: `OK <state>`, then one line `name value` for each further value. Each line ends in a
/// newline. A line that does not fit into the message is missing or lacks its newline.
///
/// ```
/// use std::time::Duration;
/// use shared::{Info, MessageType, Place, State};
///
/// let info = Info {
///     state: State::Off,
///     place: Place::Simulated,
///     pid: 640,
///     version: "0.1.0".into(),
///     uptime: Duration::from_secs(60),
///     applied: 3,
///     refused: 1,
///     replies_dropped: 0,
///     brightness: None,
///     levels: Some(2),
/// };
/// let reply = info.encode(MessageType::new(4711).unwrap());
/// let text = b"OK OFF\npid 640\nversion 0.1.0\nuptime 60\napplied 3\nrefused 1\nanswers_dropped 0\nlevels 2\n";
/// assert_eq!(reply.text(), text);
/// assert_eq!(Info::decode(&reply), Some(info));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Info {
    /// The state of the LED.
    pub state: State,
    /// Where the LED is.
    pub place: Place,
    /// The controller's PID, in its own PID namespace.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// How long it has served, in whole seconds.
    pub uptime: Duration,
    /// Number of commands applied. `STATUS` does not count.
    pub applied: u64,
    /// Number of messages refused, and of commands that failed.
    pub refused: u64,
    /// Number of replies dropped because no client received them: `answers_dropped` in the message.
    pub replies_dropped: u64,
    /// The brightness of an LED that has more than two levels; if it is off, the last one.
    pub brightness: Option<Brightness>,
    /// Number of levels of the LED, with off: 2 if it can only be on or off. None if the controller does not know of brightness.
    pub levels: Option<u32>,
}

/// What drives the LED.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// Nothing: it is simulated.
    Simulated,
    /// A GPIO line.
    Line(Line),
    /// The LED of this name in /sys/class/leds.
    Led(String),
}

impl Place {
    /// The GPIO line, if the LED is on one.
    #[must_use]
    pub fn line(&self) -> Option<&Line> {
        match self {
            Place::Line(line) => Some(line),
            Place::Simulated | Place::Led(_) => None,
        }
    }
}

/// A GPIO line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Its offset on the chip.
    pub offset: u32,
    /// The chip's name, which can differ after the next boot.
    pub chip: String,
    /// The chip's label, which does not change.
    pub label: String,
}

impl Line {
    /// The consumer of a line that a controller holds, as gpioinfo(1) shows it.
    pub const CONSUMER: &'static str = "led-controller";
}

/// `GPIO17 (offset 17 of gpiochip0, pinctrl-rp1)`, safe for a terminal.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} (offset {} of {}, {})",
            self.name.escape_debug(),
            self.offset,
            self.chip.escape_debug(),
            self.label.escape_debug()
        )
    }
}

impl Info {
    /// What the LED does.
    #[must_use]
    pub fn light(&self) -> Light {
        Light {
            state: self.state,
            brightness: self.brightness.unwrap_or(Brightness::FULL),
        }
    }

    /// The message to send.
    #[must_use]
    pub fn encode(&self, reply_to: MessageType) -> Message {
        let mut message = Reply::<&str>::Ok(self.state.into()).encode(reply_to);
        // What does not fit is cut, as documented above.
        let _ = self.write_lines(&mut message);
        message
    }

    fn write_lines(&self, to: &mut Message) -> fmt::Result {
        to.write_str("\n")?;
        if let Some(Line {
            name,
            offset,
            chip,
            label,
        }) = self.place.line()
        {
            write!(
                to,
                "line {name}\noffset {offset}\nchip {chip}\nlabel {label}\n"
            )?;
        }
        write!(
            to,
            "pid {}\nversion {}\nuptime {}\n",
            self.pid,
            self.version,
            self.uptime.as_secs()
        )?;
        write!(to, "applied {}\nrefused {}\n", self.applied, self.refused)?;
        writeln!(to, "answers_dropped {}", self.replies_dropped)?;
        if let Some(brightness) = self.brightness {
            writeln!(to, "brightness {brightness}")?;
        }
        if let Some(levels) = self.levels {
            writeln!(to, "levels {levels}")?;
        }
        match &self.place {
            Place::Led(name) => writeln!(to, "led {name}"),
            Place::Simulated | Place::Line(_) => Ok(()),
        }
    }

    /// Decodes a reply; none if it is not a complete reply to `STATUS`. Unknown lines are ignored.
    #[must_use]
    pub fn decode<const N: usize>(message: &Message<N>) -> Option<Self> {
        let Some(Reply::Ok(Light { state, .. })) = Reply::decode(message) else {
            return None;
        };
        let text = str::from_utf8(message.text()).ok()?;
        let value = |name: &str| value(text, name);
        let number = |name| value(name)?.parse().ok();
        let line = |name: &str| {
            Some(Line {
                name: name.into(),
                offset: value("offset")?.parse().ok()?,
                chip: value("chip")?.into(),
                label: value("label")?.into(),
            })
        };
        Some(Info {
            state,
            place: match (value("line").and_then(line), value("led")) {
                (Some(line), _) => Place::Line(line),
                (None, Some(led)) => Place::Led(led.into()),
                (None, None) => Place::Simulated,
            },
            pid: value("pid")?.parse().ok()?,
            version: value("version")?.into(),
            uptime: Duration::from_secs(number("uptime")?),
            applied: number("applied")?,
            refused: number("refused")?,
            replies_dropped: number("answers_dropped")?,
            brightness: value("brightness").and_then(Brightness::from_text),
            levels: value("levels").and_then(|levels| levels.parse().ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Blink, TEXT_MAX};

    const SENDER: MessageType = MessageType::EXIT;

    fn info(name: String, chip: &str, label: String) -> Info {
        let place = Place::Line(Line {
            name,
            offset: 53,
            chip: chip.into(),
            label,
        });
        at(place, None, 2)
    }

    fn at(place: Place, brightness: Option<Brightness>, levels: u32) -> Info {
        let phase = Duration::from_secs(3600);
        Info {
            state: State::Blink(Blink::new(phase, phase, Some(1_000_000)).unwrap()),
            place,
            pid: 4_194_304,
            version: "10.20.30".into(),
            uptime: Duration::from_secs(4_000_000_000),
            applied: 9_000_000_000,
            refused: 9_000_000_000,
            replies_dropped: 9_000_000_000,
            brightness,
            levels: Some(levels),
        }
    }

    #[test]
    fn the_longest_reply_fits_and_is_read_back() {
        // The kernel's names of lines and labels of chips have 31 bytes at most; its names of chips end in a number.
        let info = info(
            "SPI MOSI SPI MOSI SPI MOSI SPI ".into(),
            "gpiochip10",
            "n".repeat(31),
        );
        let message = info.encode(SENDER);
        assert!(
            message
                .text()
                .ends_with(b"\nanswers_dropped 9000000000\nlevels 2\n"),
            "{message}"
        );
        assert_eq!(Info::decode(&message), Some(info));
        // The name of an LED has 63 bytes at most: LED_MAX_NAME_SIZE of the kernel.
        let led = Place::Led("n".repeat(63));
        let info = at(led, Some(Brightness::FULL), u32::MAX);
        assert_eq!(Info::decode(&info.encode(SENDER)), Some(info));
    }

    #[test]
    fn a_reply_that_was_cut_is_not_read() {
        let message = info("n".repeat(60), &"n".repeat(60), "n".repeat(60)).encode(SENDER);
        assert_eq!(message.text().len(), TEXT_MAX);
        assert_eq!(Info::decode(&message), None);
    }

    #[test]
    fn replies_to_other_commands_are_not_read() {
        for text in [
            &b"OK ON"[..],
            b"ERR unknown",
            b"OK ON\npid 1\n",
            b"OK ON\npid 1",
            b"",
        ] {
            let message: Message = Message::new(SENDER, text).unwrap();
            assert_eq!(Info::decode(&message), None, "{}", text.escape_ascii());
        }
    }
}
