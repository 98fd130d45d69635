//! The command line of the client.

use std::{env, ffi::OsString, process, time::Duration};

use clap::{
    CommandFactory, Parser, Subcommand, ValueEnum,
    error::{ContextKind, ErrorKind},
};
use shared::{Blink, Brightness, Key, State, account};

use crate::{duration, error::program_name};

/// Command the LED controller, and print the state of the LED.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "led",
    version,
    args_override_self = true,
    disable_help_subcommand = true
)]
#[command(subcommand_value_name = "VERB", subcommand_help_heading = "Verbs", after_help = EXIT_STATUS)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,

    /// Key of the controller's command queue, a number or a name [default: 1234]
    #[arg(long, global = true, allow_negative_numbers = true)]
    pub key: Option<Key>,

    /// Also trust queues created by USER (name or number)
    #[arg(long, global = true, value_name = "USER", value_parser = user)]
    pub owner: Option<u32>,

    /// Do not wait for the reply; not with status, wait, list and doctor
    #[arg(long, global = true)]
    pub no_wait: bool,

    /// How long to wait for a controller and its reply, 1ms to 1h; without it: 2s for the reply, no limit with wait
    #[arg(long, global = true, value_parser = duration::parse, conflicts_with = "no_wait")]
    pub timeout: Option<Duration>,
}

/// How long to wait for a reply without `--timeout`.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

/// A state to wait for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum SteadyState {
    /// On, and not blinking.
    On,
    /// Off, and not blinking.
    Off,
}

impl From<SteadyState> for State {
    fn from(state: SteadyState) -> State {
        match state {
            SteadyState::On => State::On,
            SteadyState::Off => State::Off,
        }
    }
}

/// What to do.
#[derive(Clone, Debug, Eq, PartialEq, Subcommand)]
#[command(defer = true)]
pub enum Verb {
    /// Turn the LED on
    #[command(allow_negative_numbers = true)]
    On {
        /// Brightness: 1% to 100%; the last one by default
        #[arg(value_parser = brightness)]
        brightness: Option<Brightness>,
        /// How long it takes, 1ms to 1h
        #[arg(long, value_name = "TIME", value_parser = duration::parse)]
        fade: Option<Duration>,
    },
    /// Turn the LED off
    Off {
        /// How long it takes, 1ms to 1h
        #[arg(long, value_name = "TIME", value_parser = duration::parse)]
        fade: Option<Duration>,
    },
    /// Turn the LED on if it is off, otherwise off
    Toggle,
    /// Let the LED blink until the next command
    #[command(allow_negative_numbers = true)]
    Blink {
        /// Time on: 1ms to 1h, in seconds without a unit
        #[arg(default_value = "500ms", value_parser = duration::parse)]
        on: Duration,
        /// Time off: 1ms to 1h, in seconds without a unit
        #[arg(default_value = "500ms", value_parser = duration::parse)]
        off: Duration,
        /// Number of flashes, 1 to 1000000; then off
        #[arg(long, value_name = "N", value_parser = count)]
        count: Option<u32>,
    },
    /// Let the LED flash, and then do what it did before
    #[command(allow_negative_numbers = true)]
    Flash {
        /// Time on: 1ms to 1h, in seconds without a unit
        #[arg(default_value = "500ms", value_parser = duration::parse)]
        on: Duration,
        /// Time off: 1ms to 1h, in seconds without a unit
        #[arg(default_value = "500ms", value_parser = duration::parse)]
        off: Duration,
        /// Number of flashes, 1 to 1000000
        #[arg(long, value_name = "N", default_value = "1", value_parser = count)]
        count: u32,
    },
    /// Print the state of the LED and of the queue
    Status {
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
        /// Print a line at each change, until Ctrl-C
        #[arg(long)]
        watch: bool,
    },
    /// Wait until the LED is on or off, and not blinking
    Wait {
        /// The state to wait for
        state: SteadyState,
    },
    /// Turn the LED off and end the controller
    Exit,
    /// Print the LEDs of this machine
    List {
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Check everything between you and the LED
    Doctor,
    /// Print this help, or that of a verb
    #[command(hide = true)]
    Help {
        /// The verb
        verb: Option<String>,
    },
}

impl Options {
    /// The options of this process. Ends it with exit status 2 if they are wrong.
    #[must_use]
    pub fn from_command_line() -> Options {
        if let Some(argument) = env::args_os().skip(1).find(has_control_character) {
            wrong(
                ErrorKind::InvalidValue,
                &format!(
                    "the argument {argument:?} has a control character; a script with Windows line endings sends \\r: run \
                     \"sed -i 's/\\r$//' SCRIPT\""
                ),
            );
        }
        let options = Options::try_parse().unwrap_or_else(|error| {
            let found = match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
                (ErrorKind::InvalidSubcommand, Some(verb)) => format!("unknown verb {verb}"),
                (ErrorKind::MissingSubcommand, _) => "no verb given".into(),
                _ => error.exit(),
            };
            without_verb(error.kind(), &found)
        });
        if let Verb::Help { verb } = &options.verb {
            help(verb.as_deref());
        }
        let lists = matches!(options.verb, Verb::List { .. });
        let asks = lists
            || matches!(
                options.verb,
                Verb::Status { .. } | Verb::Wait { .. } | Verb::Doctor
            );
        let conflict = |message| wrong(ErrorKind::ArgumentConflict, message);
        if options.no_wait && asks {
            conflict("--no-wait cannot be used with status, wait, list or doctor");
        }
        if options.key.is_some() && lists {
            conflict("--key cannot be used with list, which prints all");
        }
        options
    }
}

/// Prints the help, or that of a verb.
fn help(verb: Option<&str>) -> ! {
    let mut command = Options::command().bin_name(program_name().display().to_string());
    command.build();
    let command = match verb {
        None => Some(&mut command),
        Some(verb) => command.find_subcommand_mut(verb),
    };
    let Some(command) = command else {
        let verb = verb.unwrap_or_default();
        without_verb(
            ErrorKind::InvalidSubcommand,
            &format!("unknown verb {verb}"),
        )
    };
    let _ = command.print_help();
    process::exit(0)
}

fn without_verb(kind: ErrorKind, found: &str) -> ! {
    let command = Options::command();
    let verbs: Vec<&str> = command
        .get_subcommands()
        .filter(|verb| !verb.is_hide_set())
        .map(clap::Command::get_name)
        .collect();
    wrong(kind, &format!("{found}; known are {}", verbs.join(", ")))
}

fn has_control_character(argument: &OsString) -> bool {
    argument.as_encoded_bytes().iter().any(u8::is_ascii_control)
}

fn wrong(kind: ErrorKind, message: &str) -> ! {
    Options::command()
        .bin_name(program_name().display().to_string())
        .error(kind, message)
        .exit()
}

fn user(name: &str) -> Result<u32, String> {
    account::user_id(name).ok_or_else(|| format!("there is no user {name}"))
}

fn brightness(text: &str) -> Result<Brightness, String> {
    let percent = text.strip_suffix('%').unwrap_or(text);
    Brightness::from_text(percent)
        .ok_or_else(|| "a brightness is a whole number from 1% to 100%".into())
}

fn count(text: &str) -> Result<u32, String> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let count = text
        .parse()
        .ok()
        .filter(|count| is_number && Blink::COUNT.contains(count));
    count.ok_or_else(|| {
        format!(
            "a count is from {} to {}",
            Blink::COUNT.start(),
            Blink::COUNT.end()
        )
    })
}

const EXIT_STATUS: &str = "\
Exit status:
  0  applied; with --no-wait: queued
  1  refused, or another error
  2  wrong usage
  3  no controller is running
  4  not permitted, or the queue is not trusted
  5  no reply; the command may have been applied, or may still be applied
  6  the queue is full";
