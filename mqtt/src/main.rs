//! The `led-mqtt` program.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use mqtt::Options;

fn main() -> ExitCode {
    let options = Options::parse();
    // The MQTT library logs nothing unless RUST_LOG says so: its errors are in the lines of this program.
    logging::start("mqtt", "info,rumqttc=off,rumqttc_core=off");
    match mqtt::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("led-mqtt: {error}");
            error.exit_code()
        }
    }
}
