//! Durations on the command line.

use std::time::Duration;

use shared::Blink;

/// The highest number of seconds without a unit: a greater one is more often meant as milliseconds.
const SECONDS_MAX: f64 = 60.0;

/// A duration from 1 ms to 1 h, rounded to milliseconds: a decimal number with the unit `ms`, `s`, `m` or `h`. Without a unit it
/// is in seconds, up to 60.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 1.0,
        "s" | "" => 1000.0,
        "m" | "min" => 60_000.0,
        "h" => 3_600_000.0,
        unit => return Err(format!("unknown unit {unit}; known are ms, s, m or min, h")),
    };
    let is_number = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = digits.parse::<f64>().ok().filter(|_| is_number);
    if digits == text && number.is_some_and(|number| number > SECONDS_MAX) {
        return Err(format!("{text} what? Write {text}ms or {text}s"));
    }
    // Convert the number of milliseconds as if it were seconds: whole numbers are then exact.
    let milliseconds =
        number.and_then(|number| Duration::try_from_secs_f64((number * unit).round()).ok());
    match milliseconds.map(|milliseconds| Duration::from_millis(milliseconds.as_secs())) {
        Some(duration) if Blink::PHASE.contains(&duration) => Ok(duration),
        Some(_) => Err("a duration is from 1ms to 1h".into()),
        None => {
            Err("a duration is a number with the unit ms, s, m or h, like 500ms, 2s or 0.5".into())
        }
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
            ("60", 60_000),
            ("500s", 500_000),
            ("1m", 60_000),
            ("1min", 60_000),
            ("1h", 3_600_000),
            ("1ms", 1),
            ("1.6ms", 2),
            ("0.033", 33),
            ("0.1h", 360_000),
        ] {
            assert_eq!(
                parse(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn other_texts_and_durations_out_of_range_are_refused() {
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
            "61",
            "500",
            "0",
            "0.4ms",
            "61m",
            "1.1h",
            "99999999999999999999h",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
