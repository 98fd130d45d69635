//! The log: on standard error, at `info` unless `RUST_LOG` says otherwise.

use std::{env, io::Write};

use env_logger::{Builder, Env};
use log::Level;

/// Starts the log. Under systemd its lines have the priorities of sd-daemon(3), and no time, which the journal adds.
///
/// The MQTT library logs nothing unless it says so too: its errors are in the lines of this program.
pub fn start() {
    let mut builder =
        Builder::from_env(Env::default().default_filter_or("info,rumqttc=off,rumqttc_core=off"));
    if env::var_os("JOURNAL_STREAM").is_some() {
        builder.format(|line, record| {
            let priority = match record.level() {
                Level::Error => 3,
                Level::Warn => 4,
                Level::Info => 6,
                Level::Debug | Level::Trace => 7,
            };
            writeln!(line, "<{priority}>{}", record.args())
        });
    } else {
        builder.format_target(false);
    }
    builder.init();
}
