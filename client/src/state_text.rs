//! A state as people read it.

use std::fmt;

use shared::State;

/// A state as people read it: `blink 500ms 500ms, 3 left`.
#[derive(Clone, Copy, Debug)]
pub struct StateText(pub State);

impl fmt::Display for StateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            State::Off => f.write_str("off"),
            State::On => f.write_str("on"),
            State::Blink(blink) => {
                write!(f, "blink {:?} {:?}", blink.on(), blink.off())?;
                blink
                    .count()
                    .map_or(Ok(()), |left| write!(f, ", {left} left"))
            }
        }
    }
}
