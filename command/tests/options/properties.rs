//! What holds for any command line: held here against random ones, and in fuzz/ against those that coverage leads to.

#[path = "../../../shared/tests/command_line/refusal.rs"]
mod refusal;

use std::{ffi::OsString, time::Duration};

use clap::Parser;
use command::{Options, Verb};
use shared::Blink;

/// Any words after the program's name.
pub(crate) fn options(words: impl IntoIterator<Item = OsString>) {
    match Options::try_parse_from([OsString::from("led")].into_iter().chain(words)) {
        Ok(options) => {
            assert!(Blink::PHASE.contains(&options.timeout));
            if let Verb::Blink { on, off, count } = options.verb {
                assert!(Blink::new(on, off, count).is_some());
            }
        }
        Err(error) => refusal::holds(&error),
    }
}

/// What is taken as a duration is what exact arithmetic makes of it, to the nearest millisecond; the rest is refused.
pub(crate) fn duration(text: &str) {
    let parsed = Options::try_parse_from(["led", "on", &format!("--timeout={text}")]).map(|options| options.timeout);
    // The parser counts in floating point: what lies this close to the middle of two milliseconds may go to either.
    const SLACK: u128 = NANOS_PER_MS / 1000;
    let (least, most) = (Blink::PHASE.start().as_nanos(), Blink::PHASE.end().as_nanos());
    match (exact_nanos(text), parsed) {
        (Some(exact), Ok(duration)) => {
            assert!(Blink::PHASE.contains(&duration));
            assert_eq!(duration, Duration::from_millis(u64::try_from(duration.as_millis()).unwrap()));
            assert!(duration.as_nanos().abs_diff(exact) <= NANOS_PER_MS / 2 + SLACK, "{duration:?}");
        }
        (Some(exact), Err(_)) => {
            assert!(exact < least - NANOS_PER_MS / 2 + SLACK || exact > most + NANOS_PER_MS / 2 - SLACK, "{exact}");
        }
        (None, parsed) => assert!(parsed.is_err(), "{parsed:?}"),
    }
}

/// A count is digits alone, and in its range.
pub(crate) fn count(text: &str) {
    let parsed = Options::try_parse_from(["led", "blink", &format!("--count={text}")]);
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let expected = text.parse().ok().filter(|count| digits && Blink::COUNT.contains(count));
    let counted = parsed.ok().map(|options| match options.verb {
        Verb::Blink { count, .. } => count,
        verb => panic!("{verb:?}"),
    });
    assert_eq!(counted, expected.map(Some));
}

const NANOS_PER_MS: u128 = 1_000_000;

/// A decimal number and a unit; what is below a nanosecond is cut off, and a number that no unit brings into range is as
/// good as any other.
fn exact_nanos(text: &str) -> Option<u128> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let unit = match unit {
        "ms" => NANOS_PER_MS,
        "s" | "" => 1000 * NANOS_PER_MS,
        "m" | "min" => 60_000 * NANOS_PER_MS,
        "h" => 3_600_000 * NANOS_PER_MS,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || whole.len() + fraction.len() == 0 {
        return None;
    }
    const DIGITS: usize = 15;
    let fraction = format!("{fraction:0<DIGITS$.DIGITS$}").parse::<u128>().unwrap();
    let whole = format!("0{whole}").parse::<u128>().unwrap_or(u128::MAX).min(u64::MAX.into());
    Some(whole * unit + fraction * unit / 10_u128.pow(u32::try_from(DIGITS).unwrap()))
}
