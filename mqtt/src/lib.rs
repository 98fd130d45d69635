//! Connects the LEDs of a Raspberry Pi to an MQTT broker.
//!
//! [`run`] serves the connection. Each LED has two threads, which use [`client`]: one follows its state, the other one sends its
//! commands. They report to a board, from which the session publishes. The board keeps only the last state of an LED. The session
//! publishes it, retained, until the broker has acknowledged it.
//!
//! led-mqtt(8) has the topics, the payloads and the configuration.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod advice;
mod backoff;
mod board;
mod bridge;
mod broker;
mod check;
mod commands;
mod config;
mod discovery;
mod error;
mod fold;
mod forget;
mod identity;
mod led;
mod mailbox;
mod options;
mod outbox;
pub mod payload;
mod retained;
mod session;
mod setup;
mod topics;

pub use error::Error;
pub use options::Options;

use std::{
    io::{self, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use config::Config;
use topics::Topics;

/// How long an idle thread of the runtime waits for the next name to look up.
const LOOK_UP_REST: Duration = Duration::from_millis(100);
/// The number of pairs of file descriptors that the runtime needs. It panics if it cannot open one, so this is tried before.
const PAIRS: usize = 8;

/// Does what the options say.
///
/// # Errors
///
/// The reason why it ended, unless a signal ended it.
pub fn run(options: &Options) -> Result<(), Error> {
    let pairs: io::Result<Vec<_>> = (0..PAIRS).map(|_| UnixStream::pair()).collect();
    drop(pairs.map_err(Error::Start)?);
    // A short keep-alive ends the lookup thread at once, so that it does not wake up later only to end.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime
        .enable_all()
        .thread_keep_alive(LOOK_UP_REST)
        .build()
        .map_err(Error::Start)?;
    let result = runtime.block_on(async {
        if options.setup {
            return setup::run(options).await;
        }
        if options.check {
            return check::run(&options.config).await;
        }
        let mut config = Config::read(&options.config)?;
        let mut kept = Vec::new();
        match &options.node {
            Some(Some(node)) if options.forget => {
                let own = Topics::new(&config).retained();
                config.set_node(&options.config, node)?;
                // With --node: keep the messages of the configured node.
                let forgotten = Topics::new(&config).retained();
                kept = own
                    .into_iter()
                    .filter(|topic| !forgotten.contains(topic))
                    .collect();
            }
            Some(_) if !options.forget => {
                let _ = writeln!(io::stdout(), "{}", config.node);
                return Ok(());
            }
            _ => {}
        }
        if options.forget {
            config
                .log_in(options.user.as_deref(), options.password_file.as_deref())
                .map_err(|problem| Error::config(&options.config, problem))?;
            forget::run(&config, &kept).await
        } else if options.take_over {
            forget::take_over(&config).await
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
    let id = config.id.as_ref().map(|id| format!("-{id}"));
    let id = id.unwrap_or_default();
    format!("led-{}{id}{suffix}", config.node)
}
