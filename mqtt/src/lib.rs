//! Connects the LEDs of a Raspberry Pi to an MQTT broker.
//!
//! The thread of [`run`] owns the connection. Each LED has two further threads, which use the [`client`]: one follows its state
//! and writes it to the outbox, the other one sends its commands. The thread of the connection publishes what is in the outbox,
//! so there is one order of states, and what the broker retains at the end is the last.
//!
//! led-mqtt(8) has the topics, the payloads and the configuration.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod advice;
mod backoff;
mod bridge;
mod broker;
mod check;
mod commands;
mod config;
mod discovery;
mod error;
mod forget;
mod identity;
mod led;
mod options;
mod outbox;
pub mod payload;
mod statuses;
mod topics;

pub use error::Error;
pub use options::Options;

use std::time::Duration;

use config::Config;

/// How long a thread waits for the next name to look up.
const LOOK_UP_REST: Duration = Duration::from_millis(100);

/// Does what the options say.
///
/// # Errors
///
/// Why it ended, if not by a signal.
pub fn run(options: &Options) -> Result<(), Error> {
    // The thread that looks up the name of the broker ends soon, and does not wake up later to do so.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime
        .enable_all()
        .thread_keep_alive(LOOK_UP_REST)
        .build()
        .map_err(Error::Start)?;
    let result = runtime.block_on(async {
        if options.check {
            return check::run(&options.config).await;
        }
        let config = Config::read(&options.config)?;
        if options.forget {
            forget::run(&config).await
        } else {
            bridge::run(&config).await
        }
    });
    // A thread that looks up a name must not delay the end.
    runtime.shutdown_background();
    result
}

/// The identifier of a client of this node. A broker ends the connection of an earlier client with the same identifier.
fn client_id(config: &Config, suffix: &str) -> String {
    let serial = identity::serial_number()
        .map(|serial| format!("-{serial}"))
        .unwrap_or_default();
    format!("led-{}{serial}{suffix}", config.node)
}
