//! Blinking, as in a request and in a reply.

use std::{fmt, ops::RangeInclusive, time::Duration};

/// How an LED blinks: alternately on and off, each for a number of milliseconds, without end or `count` times.
///
/// Written as in the protocol, both phases in milliseconds, then the count if there is one:
///
/// ```
/// use std::time::Duration;
/// use shared::Blink;
///
/// let half = Duration::from_millis(500);
/// assert_eq!(Blink::new(half, half, Some(3)).unwrap().to_string(), "500 500 3");
/// assert_eq!(Blink::new(Duration::ZERO, half, None), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Blink {
    on_ms: u32,
    off_ms: u32,
    count: Option<u32>,
}

impl Blink {
    /// The range of a phase: 1 ms to 1 h.
    pub const PHASE: RangeInclusive<Duration> =
        Duration::from_millis(1)..=Duration::from_secs(3600);
    /// The range of the count: 1 to 1,000,000.
    pub const COUNT: RangeInclusive<u32> = 1..=1_000_000;

    /// Blinking with these phases, cut to whole milliseconds; none if a phase or the count is out of range.
    #[must_use]
    pub fn new(on: Duration, off: Duration, count: Option<u32>) -> Option<Blink> {
        let milliseconds = |phase: Duration| u32::try_from(phase.as_millis()).ok();
        Self::from_numbers(milliseconds(on)?, milliseconds(off)?, count)
    }

    fn from_numbers(on_ms: u32, off_ms: u32, count: Option<u32>) -> Option<Blink> {
        let fits = |ms: u32| Self::PHASE.contains(&Duration::from_millis(ms.into()));
        let counts = count.is_none_or(|count| Self::COUNT.contains(&count));
        (fits(on_ms) && fits(off_ms) && counts).then_some(Blink {
            on_ms,
            off_ms,
            count,
        })
    }

    /// How long it is on.
    #[must_use]
    pub fn on(&self) -> Duration {
        Duration::from_millis(self.on_ms.into())
    }

    /// How long it is off.
    #[must_use]
    pub fn off(&self) -> Duration {
        Duration::from_millis(self.off_ms.into())
    }

    /// The number of flashes; none if there is no end. In a [`State`](crate::State), the number left, including the current one.
    #[must_use]
    pub fn count(&self) -> Option<u32> {
        self.count
    }

    /// What is left after one flash; none after the last one.
    #[must_use]
    pub fn after_flash(self) -> Option<Blink> {
        match self.count {
            None => Some(self),
            Some(count) => Self::new(self.on(), self.off(), Some(count - 1)),
        }
    }

    /// `on_ms off_ms [count]`, decimal, with blanks between.
    pub(crate) fn from_text(text: &str) -> Option<Blink> {
        let mut numbers = text.split_ascii_whitespace().map(number);
        let (on_ms, off_ms) = (numbers.next()??, numbers.next()??);
        let count = match numbers.next() {
            Some(count) => Some(count?),
            None => None,
        };
        if numbers.next().is_some() {
            None
        } else {
            Self::from_numbers(on_ms, off_ms, count)
        }
    }
}

/// A number of digits only, without a sign.
pub(super) fn number(word: &str) -> Option<u32> {
    word.parse()
        .ok()
        .filter(|_| word.bytes().all(|byte| byte.is_ascii_digit()))
}

impl fmt::Display for Blink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.on_ms, self.off_ms)?;
        self.count.map_or(Ok(()), |count| write!(f, " {count}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_ranges_are_taken_and_what_is_beyond_refused() {
        for text in [
            "1 1",
            "3600000 3600000",
            "1 3600000 1",
            "500 500 1000000",
            "007 1",
        ] {
            assert!(Blink::from_text(text).is_some(), "{text}");
        }
        for text in [
            "0 1",
            "1 0",
            "3600001 1",
            "1 3600001",
            "1 1 0",
            "1 1 1000001",
            "4294967297 1",
        ] {
            assert_eq!(Blink::from_text(text), None, "{text}");
        }
    }

    #[test]
    fn two_or_three_numbers_and_nothing_else_are_blinking() {
        for text in [
            "",
            "500",
            "500 500 3 4",
            "500 -500",
            "+500 500",
            "0.5 0.5",
            "500ms 500ms",
            "a b",
            "500,500",
        ] {
            assert_eq!(Blink::from_text(text), None, "{text}");
        }
        assert_eq!(
            Blink::from_text(" 500\t500  3\n").unwrap().to_string(),
            "500 500 3"
        );
    }
}
