//! The `controller` program.
#![forbid(unsafe_code)]

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use controller::Options;
use sd_notify::NotifyState;

fn main() -> ExitCode {
    let options = Options::parse();
    logging::start("controller", "info");
    match controller::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if log::log_enabled!(log::Level::Error) {
                log::error!("{error}");
            } else {
                // The reason is printed even if RUST_LOG turns the log off.
                let _ = writeln!(io::stderr(), "controller: {error}");
            }
            // `systemctl status` shows it.
            let _ = sd_notify::notify(&[NotifyState::Status(&error.to_string())]);
            error.exit_code()
        }
    }
}
