//! The `led-mqtt` program.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use mqtt::{Options, logging};

fn main() -> ExitCode {
    let options = Options::parse();
    logging::start();
    match mqtt::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("led-mqtt: {error}");
            error.exit_code()
        }
    }
}
