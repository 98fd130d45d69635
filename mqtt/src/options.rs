//! The command line.

use std::path::PathBuf;

use clap::{CommandFactory, Parser, error::ErrorKind};

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
    #[arg(long, conflicts_with_all = ["forget", "take_over", "node"])]
    pub check: bool,

    /// Remove what the broker retains of this node, so that Home Assistant forgets it, and exit
    #[arg(long, conflicts_with = "take_over")]
    pub forget: bool,

    /// Take over the name of this node from a machine that has gone while the broker retains that it is online, and exit
    #[arg(long, conflicts_with = "node")]
    pub take_over: bool,

    /// Ask for the broker, the user, the password and the name of this node, write the configuration, and check it
    #[arg(long, conflicts_with_all = ["check", "forget", "take_over"])]
    pub setup: bool,

    /// With --setup: the broker, and no question about it; mqtt:// may be left out
    #[arg(long, value_name = "URL", requires = "setup")]
    pub broker: Option<String>,

    /// With --setup: the certificate of the authority that signed the broker's, or an empty text for none
    #[arg(long, value_name = "FILE", requires = "setup")]
    pub ca: Option<String>,

    /// With --setup: the user, or an empty text for none; with --forget: a user who may write the topics of the node
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,

    /// With --setup and --forget: the file with the password of that user, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Print the name of this node, and exit; with --setup: set it; with --forget: forget the node with this name instead
    #[arg(long, value_name = "NODE", num_args = 0..=1)]
    pub node: Option<Option<String>>,
}

impl Options {
    /// Those of the command line. Ends the process if they are wrong, with exit status 2.
    #[must_use]
    pub fn read() -> Options {
        let options = Options::parse();
        let conflict = |reason: &str| {
            let mut command = Options::command();
            command.error(ErrorKind::ArgumentConflict, reason).exit()
        };
        let logs_in = options.user.is_some() || options.password_file.is_some();
        if !options.forget && !options.setup {
            if matches!(options.node, Some(Some(_))) {
                conflict("--node NODE is for --forget and --setup; the name is a setting, node");
            }
            if logs_in {
                conflict(
                    "--user and --password-file are for --forget and --setup; user and password_file are settings",
                );
            }
        }
        if options.forget && options.user.is_some() && options.password_file.is_none() {
            conflict(
                "--forget with --user needs --password-file, or --password-file - for standard input",
            );
        }
        options
    }
}
