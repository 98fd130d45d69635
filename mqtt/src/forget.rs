//! `--forget`: removes what the broker retains of this node.

use std::{
    io::{self, Write},
    time::Duration,
};

use tokio::time::timeout;

use crate::{
    Error,
    broker::{self, Event},
    client_id,
    config::Config,
    outbox::Outbox,
    topics,
};

/// How long the broker may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Removes what the broker retains. A message without a payload does that.
///
/// # Errors
///
/// There is no connection, or the broker refuses the messages.
pub(crate) async fn run(config: &Config) -> Result<(), Error> {
    let mut topics: Vec<String> = config
        .discovery
        .iter()
        .map(|prefix| topics::discovery(prefix, config))
        .collect();
    topics.extend(topics::availabilities(config));
    topics.extend(config.leds.iter().map(|led| topics::state(config, led)));
    let (publisher, mut connection) =
        broker::prepare(config, &client_id(config, "-forget"), false)?;
    let outbox = Outbox::new(0);
    let count = topics.len();
    let forget = async {
        loop {
            match connection.next(&outbox, || {}).await {
                Event::Connected { .. } => break,
                Event::Lost(loss) => {
                    return Err(format!(
                        "no connection to {}: {}",
                        config.broker, loss.reason
                    ));
                }
                _ => {}
            }
        }
        let messages = topics.into_iter().map(|topic| (topic, ""));
        connection
            .publish_and_end(&publisher, messages)
            .await
            .map_err(|reason| format!("{}: {reason}", config.broker))
    };
    let forgotten = timeout(TIMEOUT, forget)
        .await
        .unwrap_or_else(|_| Err("no reply from the broker in time".into()));
    forgotten.map_err(Error::Broker)?;
    // If the reader has gone, the messages are removed all the same.
    let _ = writeln!(
        io::stdout(),
        "removed {count} retained messages; if led-mqtt runs for this node, restart it"
    );
    Ok(())
}
