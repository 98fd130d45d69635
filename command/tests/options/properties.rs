//! Properties of all command lines of the client: for random ones, and for those of the fuzzer.

use std::{ffi::OsString, time::Duration};

use clap::Parser;
use command::{Options, Verb};
use shared::{Blink, Brightness};
use testing::command_line::check_refusal;

/// Any command line is accepted with values in their ranges, or refused. The words follow the program's name.
pub(crate) fn check_client(words: impl IntoIterator<Item = OsString>) {
    match Options::try_parse_from([OsString::from("led")].into_iter().chain(words)) {
        Ok(options) => {
            assert!(
                options
                    .timeout
                    .is_none_or(|timeout| Blink::PHASE.contains(&timeout))
            );
            match options.verb {
                Verb::Blink { on, off, count } => assert!(Blink::new(on, off, count).is_some()),
                Verb::Flash { on, off, count } => {
                    assert!(Blink::new(on, off, Some(count)).is_some());
                }
                Verb::On { fade, .. } | Verb::Off { fade } => {
                    assert!(fade.is_none_or(|fade| Blink::PHASE.contains(&fade)));
                }
                _ => {}
            }
        }
        Err(error) => check_refusal(&error),
    }
}

/// An accepted duration is the exact one, rounded to milliseconds. All durations within the range are accepted, and no other
/// text.
pub(crate) fn check_duration(text: &str) {
    let parsed = Options::try_parse_from(["led", "on", &format!("--timeout={text}")])
        .map(|options| options.timeout.unwrap_or_default());
    // The parser uses floating point: so close to the middle between two milliseconds it may round to either.
    const SLACK: u128 = NANOS_PER_MS / 1000;
    let (least, most) = (
        Blink::PHASE.start().as_nanos(),
        Blink::PHASE.end().as_nanos(),
    );
    match (exact_nanos(text), parsed) {
        (Some(exact), Ok(duration)) => {
            assert!(Blink::PHASE.contains(&duration));
            assert_eq!(duration.as_nanos() % NANOS_PER_MS, 0);
            assert!(
                duration.as_nanos().abs_diff(exact) <= NANOS_PER_MS / 2 + SLACK,
                "{duration:?}"
            );
        }
        (Some(exact), Err(_)) => {
            // Without a unit, more than a minute is refused.
            let is_unclear = !text.contains(char::is_alphabetic) && exact > SECONDS_MAX_NANOS;
            assert!(
                is_unclear
                    || exact < least - NANOS_PER_MS / 2 + SLACK
                    || exact > most + NANOS_PER_MS / 2 - SLACK,
                "{exact}"
            );
        }
        (None, parsed) => assert!(parsed.is_err(), "{parsed:?}"),
    }
}

/// An accepted brightness is digits, with or without a percent sign, from 1 to 100, and all of these are accepted.
pub(crate) fn check_brightness(text: &str) {
    let digits = text.strip_suffix('%').unwrap_or(text);
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let expected = digits
        .parse()
        .ok()
        .filter(|_| is_number)
        .and_then(Brightness::new);
    let parsed = Options::try_parse_from(["led", "on", "--", text]);
    let brightness = parsed.ok().map(|options| match options.verb {
        Verb::On { brightness, .. } => brightness,
        verb => panic!("{verb:?}"),
    });
    assert_eq!(brightness, expected.map(Some));
}

/// An accepted count consists of digits only and is in its range, and all such counts are accepted.
pub(crate) fn check_count(text: &str) {
    let parsed = Options::try_parse_from(["led", "blink", &format!("--count={text}")]);
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let expected = text
        .parse()
        .ok()
        .filter(|count| is_number && Blink::COUNT.contains(count));
    let count = parsed.ok().map(|options| match options.verb {
        Verb::Blink { count, .. } => count,
        verb => panic!("{verb:?}"),
    });
    assert_eq!(count, expected.map(Some));
}

const SECONDS_MAX_NANOS: u128 = Duration::from_secs(60).as_nanos();
const NANOS_PER_MS: u128 = Duration::from_millis(1).as_nanos();

/// The nanoseconds of a decimal number with a unit. Cuts what is below a nanosecond, and numbers that are out of range with any
/// unit.
fn exact_nanos(text: &str) -> Option<u128> {
    let (number, unit) = text.split_at(
        text.find(|c: char| c.is_ascii_alphabetic())
            .unwrap_or(text.len()),
    );
    let unit = match unit {
        "ms" => NANOS_PER_MS,
        "s" | "" => 1000 * NANOS_PER_MS,
        "m" | "min" => 60_000 * NANOS_PER_MS,
        "h" => 3_600_000 * NANOS_PER_MS,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || whole.len() + fraction.len() == 0 {
        return None;
    }
    const DIGITS: usize = 15;
    let fraction = format!("{fraction:0<DIGITS$.DIGITS$}")
        .parse::<u128>()
        .expect("15 digits");
    let whole = format!("0{whole}")
        .parse::<u128>()
        .unwrap_or(u128::MAX)
        .min(u64::MAX.into());
    Some(whole * unit + fraction * unit / 10_u128.pow(u32::try_from(DIGITS).expect("15")))
}
