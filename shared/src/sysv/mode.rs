//! The permission bits of a queue.

use std::{fmt, str::FromStr};

/// The permission bits of a queue: nine bits as in chmod(1), where `w` is sending and `r` is receiving.
///
/// The umask does not apply. Written in octal.
///
/// ```
/// use shared::Mode;
///
/// let mailbox: Mode = "0620".parse().unwrap();
/// assert_eq!((mailbox.bits(), mailbox.to_string()), (0o620, "0620".to_owned()));
/// assert!("0999".parse::<Mode>().is_err() && "+660".parse::<Mode>().is_err() && Mode::new(0o1000).is_none());
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mode(u16);

impl Mode {
    /// The mode with these bits; none if there are bits beyond 0777.
    #[must_use]
    pub const fn new(bits: u16) -> Option<Mode> {
        if bits <= 0o777 {
            Some(Mode(bits))
        } else {
            None
        }
    }

    /// The mode with these bits of a `msg_perm.mode`. The kernel uses the bits above 0777 for itself.
    pub(crate) const fn from_raw(bits: u16) -> Mode {
        Mode(bits & 0o777)
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

/// The text is not a [`Mode`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a mode is an octal number from 0 to 0777")]
pub struct ModeError;

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // chmod(1) takes a sign for a change of the mode.
        let number = u16::from_str_radix(text, 8)
            .ok()
            .filter(|_| !text.starts_with('+'));
        number.and_then(Mode::new).ok_or(ModeError)
    }
}
