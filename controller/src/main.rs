//! The `controller` program.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use controller::{Options, logging};

fn main() -> ExitCode {
    let options = Options::parse();
    logging::start();
    match controller::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
