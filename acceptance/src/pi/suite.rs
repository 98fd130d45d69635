//! Which Debian the Pi runs, and what differs between them.

use std::env;

use super::gpiod::Gpiod;
use crate::Error;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Suite {
    /// Debian 12.
    Bookworm,
    /// Debian 13, which Raspberry Pi OS is made from.
    Trixie,
}

impl Suite {
    /// The one that the environment names in `SUITE`, or else the newest.
    pub(crate) fn chosen() -> Result<Suite, Error> {
        match env::var("SUITE").as_deref() {
            Ok("bookworm") => Ok(Suite::Bookworm),
            Ok("trixie" | "") | Err(env::VarError::NotPresent) => Ok(Suite::Trixie),
            other => Err(format!("SUITE is bookworm or trixie, and not {other:?}").into()),
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
