//! The `controller` program.
#![forbid(unsafe_code)]

use std::{
    io::{self, Write},
    process::ExitCode,
};

use controller::{Options, notify};

fn main() -> ExitCode {
    let options = Options::from_command_line();
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
            notify(&format!("STATUS={}", error.to_string().replace('\n', " ")));
            error.exit_code()
        }
    }
}
