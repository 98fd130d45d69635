//! The `command` program.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use command::Options;

fn main() -> ExitCode {
    match command::run(&Options::from_command_line()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.report();
            error.exit_code()
        }
    }
}
