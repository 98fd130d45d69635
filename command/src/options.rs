//! The command line of the client.

use std::time::Duration;

use clap::{CommandFactory, Parser, ValueEnum, error::ErrorKind};
use shared::{Command, Key};

use crate::duration;

/// Commands the LED controller, and prints what the LED is now.
#[derive(Clone, Debug, Parser)]
#[command(name = "command", version, args_override_self = true, after_help = EXIT_STATUS)]
pub struct Options {
    /// What to do
    #[arg(value_enum)]
    pub verb: Verb,

    /// Key of the controller's command queue
    #[arg(long, default_value_t)]
    pub key: Key,

    /// Do not wait for the answer: the command is queued, and may yet be refused; not with status
    #[arg(long)]
    pub no_wait: bool,

    /// How long to wait for the answer: 1ms to 1h
    #[arg(long, default_value = "2s", value_parser = duration::parse, conflicts_with = "no_wait")]
    pub timeout: Duration,
}

impl Options {
    /// The options this process was started with; ends it, with exit status 2, where they are wrong.
    #[must_use]
    pub fn from_command_line() -> Options {
        let options = Options::parse();
        if options.no_wait && options.verb == Verb::Status {
            let unheard = "status is an answer, and --no-wait does not wait for it";
            Options::command().error(ErrorKind::ArgumentConflict, unheard).exit();
        }
        options
    }
}

const EXIT_STATUS: &str = "\
Exit status:
  0  applied; with --no-wait: queued
  1  the controller refused it, or something else went wrong: the message says what
  2  wrong usage
  3  no controller is running
  4  not permitted
  5  no answer in time; the command may yet be applied
  6  the queue is full";

/// What to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Verb {
    /// LED on
    On,
    /// LED off
    Off,
    /// LED on if it is off, off otherwise
    Toggle,
    /// Change nothing, only print the state
    Status,
    /// LED off, and the controller ends
    Exit,
}

impl From<Verb> for Command {
    fn from(verb: Verb) -> Command {
        match verb {
            Verb::On => Command::On,
            Verb::Off => Command::Off,
            Verb::Toggle => Command::Toggle,
            Verb::Status => Command::Status,
            Verb::Exit => Command::Exit,
        }
    }
}
