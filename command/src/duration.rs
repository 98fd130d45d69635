//! Durations as people write them.

use std::time::Duration;

const MIN: Duration = Duration::from_millis(1);
const MAX: Duration = Duration::from_secs(60 * 60);

/// A duration from 1 ms to 1 h: a decimal number with `ms`, `s`, `m` or `h` after it, of seconds without.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        unit => return Err(format!("unknown unit {unit}; known are ms, s, m, h")),
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = digits.parse::<f64>().ok().filter(|_| is_number);
    let duration = number.and_then(|number| Duration::try_from_secs_f64(number * unit).ok());
    match duration {
        Some(duration) if (MIN..=MAX).contains(&duration) => Ok(duration),
        Some(_) => Err("a duration is from 1ms to 1h".into()),
        None => Err("a duration is a number with ms, s, m or h after it, like 500ms, 2s or 0.5".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_and_without_units_are_durations() {
        for (text, milliseconds) in [
            ("2s", 2000),
            ("500ms", 500),
            ("0.5", 500),
            (".5", 500),
            ("2", 2000),
            ("1m", 60_000),
            ("1min", 60_000),
            ("1h", 3_600_000),
            ("1ms", 1),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_or_beyond_the_range_is_refused() {
        for text in [
            "",
            "s",
            "-1",
            "+1",
            "1e3",
            "inf",
            "nan",
            "1.2.3",
            "2 s",
            "2d",
            "0",
            "0.9ms",
            "61m",
            "1.1h",
            "99999999999999999999h",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
