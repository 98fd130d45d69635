//! A state as people read it.

use std::fmt;

use shared::{Brightness, Light, State};

/// What an LED does, as people read it: `on`, `on 40%` or `blink 500ms 500ms, 40%, 3 left`.
#[derive(Clone, Copy, Debug)]
pub struct StateText(pub Light);

impl fmt::Display for StateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Light { state, brightness } = self.0;
        match state {
            State::Off => f.write_str("off"),
            State::On if brightness == Brightness::FULL => f.write_str("on"),
            State::On => write!(f, "on {brightness}%"),
            State::Blink(blink) => {
                write!(f, "blink {:?} {:?}", blink.on(), blink.off())?;
                if brightness != Brightness::FULL {
                    write!(f, ", {brightness}%")?;
                }
                blink
                    .count()
                    .map_or(Ok(()), |left| write!(f, ", {left} left"))
            }
        }
    }
}
