//! The brightness of an LED, and fades from one brightness to another.

use std::{fmt, time::Duration};

use super::{Blink, State, blink::number};

/// How bright an LED is while it is on: 1 to 100 percent.
///
/// ```
/// use shared::Brightness;
///
/// assert_eq!(Brightness::new(40).unwrap().to_string(), "40");
/// assert_eq!(Brightness::new(0), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Brightness(u8);

impl Brightness {
    /// 100 percent.
    pub const FULL: Brightness = Brightness(100);

    /// A brightness in percent; none if it is out of range.
    #[must_use]
    pub fn new(percent: u32) -> Option<Brightness> {
        let percent = u8::try_from(percent).ok()?;
        (1..=100).contains(&percent).then_some(Brightness(percent))
    }

    /// The number of percent.
    #[must_use]
    pub fn percent(self) -> u8 {
        self.0
    }

    /// A decimal number of percent; none if it is not one from 1 to 100.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Brightness> {
        number(text).and_then(Self::new)
    }
}

impl fmt::Display for Brightness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How long an LED takes to become brighter or darker: 1 ms to 1 h, written in milliseconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fade(u32);

impl Fade {
    /// A fade that takes this time, cut to whole milliseconds; none if it is out of range.
    #[must_use]
    pub fn new(time: Duration) -> Option<Fade> {
        u32::try_from(time.as_millis()).ok().and_then(Self::from_ms)
    }

    fn from_ms(ms: u32) -> Option<Fade> {
        let time = Duration::from_millis(ms.into());
        Blink::PHASE.contains(&time).then_some(Fade(ms))
    }

    /// The time.
    #[must_use]
    pub fn time(self) -> Duration {
        Duration::from_millis(self.0.into())
    }

    /// A decimal number of milliseconds.
    pub(super) fn from_text(text: &str) -> Option<Fade> {
        number(text).and_then(Self::from_ms)
    }
}

impl fmt::Display for Fade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The state of an LED and its brightness. An LED that is off has the brightness with which it was on last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Light {
    /// Whether it is off, on or blinking. During a fade, the state at its end.
    pub state: State,
    /// The brightness while it is on. During a fade, the brightness at its end.
    pub brightness: Brightness,
}

impl Light {
    /// Whether a watcher sees no difference: an LED that is off has no brightness.
    #[must_use]
    pub fn is_same(self, other: Light) -> bool {
        Known::from(self).is(other)
    }
}

/// A state at full brightness, which is that of every LED whose controller is too old for brightness.
impl From<State> for Light {
    fn from(state: State) -> Light {
        Light {
            state,
            brightness: Brightness::FULL,
        }
    }
}

/// What a client that watches knows of an LED: `OFF`, `ON [percent]`, or `BLINK on_ms off_ms [left] [percent%]`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Known {
    /// The state.
    pub state: State,
    /// The brightness of an LED that is on or blinks; none if the client wants to know of no change of it.
    pub brightness: Option<Brightness>,
}

impl Known {
    /// Whether the client already knows this state.
    #[must_use]
    pub fn is(self, light: Light) -> bool {
        let is_bright = |brightness| brightness == light.brightness;
        self.state.is_same(light.state) && self.brightness.is_none_or(is_bright)
    }

    /// What this text says, as it is displayed; none if it is not valid.
    pub(super) fn from_text(text: &str) -> Option<Known> {
        if let Some(state) = State::from_text(text) {
            return Some(state.into());
        }
        let (state, percent) = text.rsplit_once(|c: char| c.is_ascii_whitespace())?;
        let state = State::from_text(state.trim_ascii_end())?;
        // The last number of BLINK without a percent sign is its count.
        let percent = match state {
            State::On => percent,
            State::Blink(_) => percent.strip_suffix('%')?,
            State::Off => return None,
        };
        Some(Known {
            state,
            brightness: Some(Brightness::from_text(percent)?),
        })
    }
}

impl From<State> for Known {
    fn from(state: State) -> Known {
        Known {
            state,
            brightness: None,
        }
    }
}

impl From<Light> for Known {
    fn from(Light { state, brightness }: Light) -> Known {
        Known {
            state,
            brightness: (state != State::Off).then_some(brightness),
        }
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(f)?;
        match (self.brightness, self.state) {
            (Some(brightness), State::Blink(_)) => write!(f, " {brightness}%"),
            (Some(brightness), _) => write!(f, " {brightness}"),
            (None, _) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn light(state: State, percent: u32) -> Light {
        Light {
            state,
            brightness: Brightness::new(percent).unwrap(),
        }
    }

    #[test]
    fn the_ends_of_the_ranges_are_taken_and_what_is_beyond_refused() {
        for (text, percent) in [("1", 1), ("040", 40), ("100", 100)] {
            assert_eq!(Brightness::from_text(text), Brightness::new(percent));
        }
        for text in ["", "0", "101", "256", "4294967297", "+1", "1.5", "40%"] {
            assert_eq!(Brightness::from_text(text), None, "{text}");
        }
        for (text, ms) in [("1", 1), ("3600000", 3_600_000)] {
            assert_eq!(
                Fade::from_text(text).unwrap().time(),
                Duration::from_millis(ms)
            );
        }
        for text in ["", "0", "3600001", "-1", "1s"] {
            assert_eq!(Fade::from_text(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_known_is_read_as_it_is_displayed() {
        for text in [
            "ON",
            "ON 1",
            "ON 100",
            "OFF",
            "BLINK 1 2",
            "BLINK 1 2 3",
            "BLINK 1 2 40%",
            "BLINK 1 2 3 100%",
        ] {
            assert_eq!(Known::from_text(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "ON 0",
            "ON 40%",
            "ON 40 40",
            "OFF 40",
            "OFF 40%",
            "BLINK",
            "BLINK 1 40%",
            "BLINK 1 2 0%",
            "ON -",
            "ONE 40",
        ] {
            assert_eq!(Known::from_text(text), None, "{text}");
        }
    }

    #[test]
    fn only_who_gave_a_brightness_is_told_another_one() {
        let known = |text| Known::from_text(text).unwrap();
        assert!(known("ON").is(light(State::On, 40)));
        assert!(known("ON 40").is(light(State::On, 40)));
        assert!(!known("ON 100").is(light(State::On, 40)));
        assert!(!known("ON 40").is(light(State::Off, 40)));
        assert!(known("OFF").is(light(State::Off, 40)));
        let blink = State::from_text("BLINK 1 2").unwrap();
        assert!(known("BLINK 1 2").is(light(blink, 40)));
        assert!(known("BLINK 1 2 40%").is(light(blink, 40)));
        assert!(!known("BLINK 1 2 41%").is(light(blink, 40)));
        let same = |state| light(state, 1).is_same(light(state, 2));
        assert_eq!(
            [State::Off, blink, State::On].map(same),
            [true, false, false]
        );
    }
}
