//! A password that is typed.

use std::{
    io::{self, Read},
    os::fd::AsRawFd,
    str,
};

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};

use super::say;

/// The bytes of keys that edit a line or end it.
const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACE: u8 = 8;
const CTRL_U: u8 = 21;
const DELETE: u8 = 127;

/// The password that the person types, without echo; none if it is empty.
pub(super) fn ask(empty: &str) -> io::Result<Option<String>> {
    let stdin = io::stdin().as_raw_fd();
    let shown = tcgetattr(stdin)?;
    let mut hidden = shown.clone();
    // Ctrl-C must not end this program before the terminal shows again what is typed: it is read as a byte.
    hidden
        .local_flags
        .remove(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG);
    tcsetattr(stdin, SetArg::TCSANOW, &hidden)?;
    say(&format!("Password, empty {empty}: "));
    let typed = typed();
    tcsetattr(stdin, SetArg::TCSANOW, &shown)?;
    say("\n");
    Ok(Some(typed?).filter(|password| !password.is_empty()))
}

/// The bytes up to the end of the line, edited with backspace and Ctrl-U.
fn typed() -> io::Result<String> {
    let mut line = String::new();
    let mut bytes = Vec::new();
    for byte in io::stdin().lock().bytes() {
        match byte? {
            b'\n' | b'\r' if bytes.is_empty() => return Ok(line),
            // Not UTF-8.
            b'\n' | b'\r' => return Err(io::ErrorKind::InvalidData.into()),
            CTRL_C => return Err(io::ErrorKind::Interrupted.into()),
            CTRL_D => break,
            CTRL_U => {
                line.clear();
                bytes.clear();
            }
            BACKSPACE | DELETE if !bytes.is_empty() => bytes.clear(),
            BACKSPACE | DELETE => drop(line.pop()),
            byte => {
                bytes.push(byte);
                // A character can have several bytes.
                if let Ok(character) = str::from_utf8(&bytes) {
                    line.push_str(character);
                    bytes.clear();
                }
            }
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}
