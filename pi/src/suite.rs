//! The Debian of the Pi, and the differences between suites.

use std::env;

use super::gpiod::Gpiod;
use crate::Error;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Suite {
    /// Debian 12.
    Bookworm,
    /// Debian 13, on which Raspberry Pi OS is based.
    Trixie,
}

impl Suite {
    /// The suite that `SUITE` names, else the newest.
    pub(crate) fn chosen() -> Result<Suite, Error> {
        match env::var("SUITE").as_deref() {
            Ok("bookworm") => Ok(Suite::Bookworm),
            Ok("trixie" | "") | Err(env::VarError::NotPresent) => Ok(Suite::Trixie),
            other => Err(format!("SUITE must be bookworm or trixie, not {other:?}").into()),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Suite::Bookworm => "bookworm",
            Suite::Trixie => "trixie",
        }
    }

    pub(crate) fn gpiod(self) -> Gpiod {
        match self {
            Suite::Bookworm => Gpiod::One,
            Suite::Trixie => Gpiod::Two,
        }
    }
}
