//! The command line of the controller.

use std::str::FromStr;

use clap::{Parser, builder::NonEmptyStringValueParser};
use shared::{Key, Mode, account};

use crate::{Error, Light, Settings, gpio::Target};

/// The group that commands the LED where nothing else is said, if there is one: it owns /dev/gpiochip* on a Pi.
const DEFAULT_GROUP: &str = "gpio";

/// Owns one LED on a GPIO line, and serves commands from a System V message queue.
///
/// Logs go to standard error, at `info` unless RUST_LOG says otherwise. SIGTERM, SIGINT, SIGHUP, SIGQUIT and `led exit`
/// end it: LED off, line released, queues removed, exit status 0.
#[derive(Clone, Debug, Parser)]
#[command(name = "controller", version, args_override_self = true)]
pub struct Options {
    /// Name of the GPIO line that the LED is on
    #[arg(long, default_value = "GPIO17", value_parser = NonEmptyStringValueParser::new())]
    pub line: String,

    /// The chip that the line is on, where its name alone does not tell
    #[arg(long, value_name = "NAME|LABEL|PATH", value_parser = NonEmptyStringValueParser::new())]
    pub chip: Option<String>,

    /// The LED is lit when the line is low
    #[arg(long)]
    pub active_low: bool,

    /// What the LED is when the controller has started
    #[arg(long, value_enum, default_value = "off")]
    pub initial: Light,

    /// Key of the command queue; the reply queue has the next one
    #[arg(long, default_value_t)]
    pub key: Key,

    /// Permissions of the command queue in octal; 0620 lets clients send and not receive
    #[arg(long, default_value = "0660", value_parser = queue_mode)]
    pub mode: Mode,

    /// Group that may command the LED, by name or number [default: gpio, where there is one]
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub group: Option<String>,

    /// Print what the LED does instead of driving a line
    #[arg(long)]
    pub simulate: bool,

    /// Turn the LED off, remove the queues that a killed controller left, and end
    #[arg(long)]
    pub turn_off: bool,

    /// As root, before the service starts: replace queues of other users under its keys, and end
    #[arg(long, conflicts_with = "turn_off")]
    pub reclaim: bool,
}

impl Options {
    pub(crate) fn target(&self) -> Target<'_> {
        Target { line: &self.line, chip: self.chip.as_deref(), active_low: self.active_low }
    }

    pub(crate) fn settings(&self) -> Result<Settings, Error> {
        let group = match &self.group {
            Some(group) => Some(account::group_id(group).ok_or_else(|| Error::NoGroup(group.clone()))?),
            None => account::group_id(DEFAULT_GROUP),
        };
        Ok(Settings { key: self.key, mode: self.mode, group })
    }
}

/// A mode that lets the controller itself send, to wake and to clean up, and receive.
fn queue_mode(text: &str) -> Result<Mode, String> {
    let mode = Mode::from_str(text).map_err(|error| error.to_string())?;
    if mode.bits() & 0o600 != 0o600 {
        return Err("the controller itself needs 0600 of it".into());
    }
    Ok(mode)
}
