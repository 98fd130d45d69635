//! The user's terminal: raw, with the status in the top line, and the guest in the lines below.

use std::{
    env,
    io::{Write, stdin, stdout},
};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::super::machine::Pin;
use crate::Error;

/// The terminal is restored when this is dropped.
pub(super) struct Screen {
    cooked: Termios,
    coloured: bool,
    output: Output,
    status: Option<(Pin, Size)>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
struct Size {
    rows: u16,
    columns: u16,
}

impl Size {
    fn of_terminal() -> Result<Size, Error> {
        let size = tcgetwinsize(stdout())?;
        // A terminal of unknown size reports 0.
        let or = |length, default| if length == 0 { default } else { length };
        Ok(Size {
            rows: or(size.ws_row, 24).max(3),
            columns: or(size.ws_col, 80),
        })
    }

    /// Keeps the guest out of the top line: it scrolls below it and counts lines from there, so that it can clear its
    /// screen. The cursor moves to its first line.
    fn below_status(self) -> String {
        format!("\x1b[2;{}r\x1b[?6h", self.rows)
    }
}

impl Screen {
    pub(super) fn open() -> Result<Screen, Error> {
        // https://no-color.org
        let coloured = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let size = Size::of_terminal()?;
        let cooked = tcgetattr(stdin())?;
        let mut raw = cooked.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        let screen = Screen {
            cooked,
            coloured,
            output: Output::Text,
            status: None,
        };
        // The earlier content of the terminal stays, above.
        let lines = "\r\n".repeat(size.rows.into());
        write(&format!("{lines}{}", size.below_status()))?;
        Ok(screen)
    }

    /// The rows and columns that the guest has.
    pub(super) fn shell_size(&self) -> Result<(u16, u16), Error> {
        let size = Size::of_terminal()?;
        Ok((size.rows - 1, size.columns))
    }

    /// Shows output of the guest.
    pub(super) fn show(&mut self, said: &[u8]) -> Result<(), Error> {
        let mut shown = Vec::with_capacity(said.len());
        for &byte in said {
            shown.push(byte);
            if self.output == Output::Escape && byte == b'c' {
                // The guest has reset the terminal, and the top line with it.
                shown.extend(Size::of_terminal()?.below_status().bytes());
                self.status = None;
            }
            self.output = self.output.then(byte);
        }
        write_bytes(&shown)
    }

    /// Shows level and direction of the pin.
    pub(super) fn show_pin(&mut self, pin: Pin) -> Result<(), Error> {
        let size = Size::of_terminal()?;
        if self.status == Some((pin, size)) || self.output != Output::Text {
            return Ok(());
        }
        self.status = Some((pin, size));
        let (symbol, level) = if pin.high {
            ("●", "high")
        } else {
            ("○", "low")
        };
        let words = format!(
            " GPIO 17 (pin 11): {level}, {}  —  Ctrl-A X ends",
            pin.function
        );
        let words: String = words.chars().take(usize::from(size.columns) - 1).collect();
        let symbol = match (self.coloured, pin.high) {
            (false, _) => symbol.to_owned(),
            (true, true) => format!("\x1b[93m{symbol}\x1b[0m"),
            (true, false) => format!("\x1b[2m{symbol}\x1b[0m"),
        };
        // Setting the lines moves the cursor, so restore it last.
        write(&format!(
            "\x1b7\x1b[?6l\x1b[H\x1b[0m\x1b[2K{symbol}{words}{}\x1b8",
            size.below_status()
        ))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let rows = Size::of_terminal().map_or(24, |size| size.rows);
        // Remove the status line, which is no longer updated.
        let _ = write(&format!(
            "\x1b[?6l\x1b[r\x1b[0m\x1b[?25h\x1b[H\x1b[2K\x1b[{rows};1H\r\n"
        ));
        // Drop what the terminal replied to the guest: it is not for the outer shell.
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.cooked);
    }
}

/// The position in the guest's output. The status line is only inserted between characters and sequences.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Output {
    Text,
    /// Within a UTF-8 character, with this many bytes left.
    Character(u32),
    Escape,
    ControlSequence,
}

impl Output {
    fn then(self, byte: u8) -> Output {
        match (self, byte) {
            (_, 0x1b) => Output::Escape,
            (Output::Escape, b'[') => Output::ControlSequence,
            (Output::Escape, b' '..=b'/') => Output::Escape,
            (Output::ControlSequence, b' '..=b'?') => Output::ControlSequence,
            (Output::Character(left @ 2..), 0x80..=0xbf) => Output::Character(left - 1),
            (Output::Text | Output::Character(_), 0xc2..=0xf4) => {
                Output::Character(byte.leading_ones() - 1)
            }
            _ => Output::Text,
        }
    }
}

fn write(text: &str) -> Result<(), Error> {
    write_bytes(text.as_bytes())
}

fn write_bytes(bytes: &[u8]) -> Result<(), Error> {
    let mut terminal = stdout().lock();
    terminal.write_all(bytes)?;
    Ok(terminal.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(said: &[u8]) -> Output {
        said.iter()
            .fold(Output::Text, |output, &byte| output.then(byte))
    }

    #[test]
    fn the_status_is_inserted_after_text_and_whole_sequences() {
        for said in [
            &b""[..],
            b"on\r\n",
            b"\x1b[6n",
            b"\x1b[1;31mred",
            b"\x1b7",
            b"\x1b(B",
            "●".as_bytes(),
            b"\xe2on",
        ] {
            assert_eq!(after(said), Output::Text, "{said:?}");
        }
    }

    #[test]
    fn no_status_is_inserted_into_a_sequence_or_a_character() {
        for said in [
            &b"\x1b"[..],
            b"\x1b[",
            b"\x1b[1;3",
            b"\x1b(",
            b"\xe2",
            b"\xe2\x97",
            b"on\x1b",
        ] {
            assert_ne!(after(said), Output::Text, "{said:?}");
        }
    }
}
