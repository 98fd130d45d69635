//! The command line of the controller.

use std::{env, ffi::OsString, str::FromStr};

use clap::{Parser, ValueEnum, builder::NonEmptyStringValueParser};
use shared::{Key, Mode, account, kernel_led::KernelLed};

use crate::{Error, QueueOptions, gpio::LineOptions};

/// The default group of the queues, if it exists: it owns /dev/gpiochip* on a Pi.
const DEFAULT_GROUP: &str = "gpio";

/// Drive an LED on a GPIO line, or one of the kernel; commands come from a System V message queue.
///
/// Logs to standard error, at level info unless RUST_LOG sets another. SIGTERM, SIGINT, SIGHUP, SIGQUIT and `led exit` turn
/// the LED off, release the line, remove the queues and end the controller with exit status 0.
#[derive(Clone, Debug, Parser)]
#[command(name = "controller", version, args_override_self = true)]
pub struct Options {
    /// Name of the GPIO line of the LED
    #[arg(long, default_value = "GPIO17", value_parser = NonEmptyStringValueParser::new())]
    pub line: String,

    /// Chip of the line, if several lines have that name or the lines have none
    #[arg(long, value_name = "NAME|LABEL|PATH", value_parser = NonEmptyStringValueParser::new())]
    pub chip: Option<String>,

    /// The LED is on when the line is low
    #[arg(long)]
    pub active_low: bool,

    /// Name of an LED in /sys/class/leds, such as ACT, to drive instead of a line
    #[arg(long, value_name = "NAME", value_parser = led_name,
          conflicts_with_all = ["line", "chip", "active_low", "simulate"])]
    pub led: Option<String>,

    /// State of the LED after the start; `last` is that of the last command
    #[arg(long, value_enum, default_value = "off")]
    pub initial: Initial,

    /// Key of the command queue, a number or a name; the reply queue has the next key
    #[arg(long, default_value_t)]
    pub key: Key,

    /// Mode of the command queue, in octal; with 0620 clients may only send
    #[arg(long, default_value = "0660", value_parser = queue_mode)]
    pub mode: Mode,

    /// Group that may send commands, by name or number [default: gpio, if it exists]
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub group: Option<String>,

    /// Print the state of the LED instead of driving a line
    #[arg(long)]
    pub simulate: bool,

    /// Turn the LED off, remove stale queues, and exit
    #[arg(long)]
    pub turn_off: bool,

    /// As root, before the service starts: replace queues of other users with its keys, and exit
    #[arg(long, conflicts_with = "turn_off")]
    pub reclaim: bool,
}

/// The state of the LED after the start.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Initial {
    /// On.
    On,
    /// Off.
    Off,
    /// What the last command of an earlier controller set.
    Last,
}

impl Options {
    /// The options of this process. Ends it with exit status 2 if they are wrong.
    ///
    /// Of several `--key` only the last one is parsed: the unit template puts its instance name first, which need not be a key.
    #[must_use]
    pub fn from_command_line() -> Options {
        Options::parse_from(without_earlier_keys(env::args_os().collect()))
    }

    pub(crate) fn line_options(&self) -> LineOptions<'_> {
        LineOptions {
            name: &self.line,
            chip: self.chip.as_deref(),
            active_low: self.active_low,
        }
    }

    pub(crate) fn queue_options(&self) -> Result<QueueOptions, Error> {
        let group = match &self.group {
            Some(group) => Some(account::group_id(group).ok_or_else(|| Error::NoGroup {
                name: group.clone(),
            })?),
            None => account::group_id(DEFAULT_GROUP),
        };
        Ok(QueueOptions {
            key: self.key,
            mode: self.mode,
            group,
        })
    }
}

/// These arguments without all `--key` but the last.
fn without_earlier_keys(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let is_key = |argument: &OsString| {
        argument == "--key" || argument.as_encoded_bytes().starts_with(b"--key=")
    };
    let Some(last) = arguments.iter().rposition(is_key) else {
        return arguments;
    };
    let rest = arguments.split_off(last);
    let mut is_value = false;
    arguments.retain(|argument| {
        let is_dropped = is_value || is_key(argument);
        is_value = !is_value && argument == "--key";
        !is_dropped
    });
    arguments.extend(rest);
    arguments
}

/// A name that is one directory.
fn led_name(text: &str) -> Result<String, String> {
    if KernelLed::is_name(text) {
        Ok(text.into())
    } else {
        Err("an LED has the name of a directory in /sys/class/leds".into())
    }
}

/// A mode that lets the controller itself receive and clean up, and that no client takes for that of a reply queue.
fn queue_mode(text: &str) -> Result<Mode, String> {
    let mode = Mode::from_str(text).map_err(|error| error.to_string())?;
    if mode.bits() & 0o600 != 0o600 {
        return Err("the mode must include 0600, for the controller itself".into());
    }
    if mode.is_of_replies() {
        return Err("clients would take it for a reply queue, which has this mode; choose one like 0600, 0660 or 0620".into());
    }
    Ok(mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_key_is_read() {
        for (arguments, expected) in [
            ("controller --line A", "controller --line A"),
            (
                "controller --key my_led --line A --key 1300",
                "controller --line A --key 1300",
            ),
            (
                "controller --key=my_led --key=1 --key door",
                "controller --key door",
            ),
            ("controller --key my_led", "controller --key my_led"),
            (
                "controller --key --key --simulate",
                "controller --key --simulate",
            ),
        ] {
            let arguments = arguments.split(' ').map(OsString::from).collect();
            let expected: Vec<OsString> = expected.split(' ').map(OsString::from).collect();
            assert_eq!(without_earlier_keys(arguments), expected);
        }
    }

    #[test]
    fn no_mode_of_a_command_queue_is_that_of_a_reply_queue() {
        for bits in 0..=0o777 {
            let (text, accepted) = (format!("{bits:o}"), queue_mode(&format!("{bits:o}")));
            let is_usable = bits & 0o600 == 0o600 && !Mode::new(bits).unwrap().is_of_replies();
            assert_eq!(accepted.is_ok(), is_usable, "{text}");
        }
        for text in ["0700", "0740", "0744", "0704"] {
            assert!(
                queue_mode(text).unwrap_err().contains("reply queue"),
                "{text}"
            );
        }
    }
}
