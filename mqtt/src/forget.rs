//! `--forget`: removes what the broker retains of this node.

use std::time::Duration;

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
    let mut topics: Vec<String> = config.discovery.iter().map(|prefix| topics::discovery(prefix, config)).collect();
    topics.push(topics::connection(config));
    for led in &config.leds {
        topics.extend([topics::state(config, led), topics::availability(config, led)]);
    }
    // The availability of an LED without a name is that of the node.
    topics.sort();
    topics.dedup();
    let (publisher, mut connection) = broker::prepare(config, &client_id(config, "-forget"), false)?;
    let outbox = Outbox::new(0);
    let count = topics.len();
    let mut topics = topics.into_iter().peekable();
    let mut is_connected = false;
    let forget = async {
        loop {
            match connection.next(&outbox, || {}).await {
                Event::Connected => is_connected = true,
                Event::Lost(_) if is_connected && topics.peek().is_none() => return Ok(()),
                Event::Lost(loss) => {
                    return Err(Error::Broker(format!("no connection to {}: {}", config.broker, loss.reason)));
                }
                Event::Refused(reason) => return Err(Error::Broker(format!("the broker refused a message: {reason}"))),
                _ => {}
            }
            while is_connected && topics.next_if(|topic| publisher.retain(topic, "")).is_some() {
                if topics.peek().is_none() {
                    publisher.disconnect(TIMEOUT);
                }
            }
        }
    };
    timeout(TIMEOUT, forget).await.unwrap_or_else(|_| Err(Error::Broker("no reply from the broker in time".into())))?;
    println!("removed {count} retained messages; stop led-mqtt before, or it publishes them again");
    Ok(())
}
