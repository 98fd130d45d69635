//! The `led-mqtt` program.
#![forbid(unsafe_code)]

use std::{
    io::{self, Write},
    process::ExitCode,
};

use mqtt::Options;

fn main() -> ExitCode {
    let options = Options::read();
    // The MQTT library logs nothing unless RUST_LOG says so: its errors are in the lines of this program.
    let log = logging::start_in_background("mqtt", "info,rumqttc=off,rumqttc_core=off");
    let result = mqtt::run(&options);
    let end = result
        .as_ref()
        .err()
        .map(|error| format!("led-mqtt: {error}\n"));
    match log {
        Ok(log) => {
            end.into_iter().for_each(|line| log.print(&line));
            log.flush();
        }
        // The thread of the log could not be started.
        Err(_) => drop(io::stderr().write_all(end.unwrap_or_default().as_bytes())),
    }
    result.map_or_else(|error| error.exit_code(), |()| ExitCode::SUCCESS)
}
