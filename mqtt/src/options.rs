//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Connect the LEDs of this machine to an MQTT broker, for Home Assistant and others.
///
/// Logs to standard error, at level info unless RUST_LOG sets another. SIGTERM, SIGINT and SIGHUP end it.
#[derive(Clone, Debug, Parser)]
#[command(name = "led-mqtt", version)]
pub struct Options {
    /// The configuration
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/led-controller/mqtt.toml"
    )]
    pub config: PathBuf,

    /// Check the configuration, the broker and the controllers, and exit
    #[arg(long)]
    pub check: bool,

    /// Remove what the broker retains of this node, so that Home Assistant forgets it, and exit
    #[arg(long, conflicts_with = "check")]
    pub forget: bool,
}
