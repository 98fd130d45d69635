//! `--forget` and `--take-over`: change what the broker retains of this node, without serving it.

use std::{
    io::{self, Write},
    time::Duration,
};

use tokio::time::{sleep, timeout};

use crate::{
    Error,
    broker::{Connection, Event, Loss, NO_REPLY, Options, Tag},
    client_id,
    config::Config,
    discovery,
    outbox::{CORRECTION_DELAY, Outbox},
    retained::{History, Retained},
    topics::{OFFLINE, Topics},
};

/// How long the broker may take for everything.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Removes the retained messages of this node, except on the topics `kept`. A retained message without a payload removes the one
/// before.
///
/// # Errors
///
/// There is no connection, or the broker refuses the messages.
pub(crate) async fn run(config: &Config, kept: &[String]) -> Result<(), Error> {
    let topics = Topics::new(config);
    let (removed, found) = retain(config, &topics, |retained| {
        let mut removed = topics.retained();
        removed.extend(retained.stale(&topics, &discovery::device(config)));
        removed.retain(|topic| !kept.contains(topic));
        let found = removed.iter().filter(|topic| retained.has(topic)).count();
        let messages = removed.iter().map(|topic| (topic.clone(), "")).collect();
        (messages, (removed, found))
    })
    .await?;
    let mut history = History::read();
    history.write(history.without(&removed));
    // If the reader has closed the pipe, the messages are removed nevertheless.
    let _ = writeln!(
        io::stdout(),
        "{} found and removed on {}; if led-mqtt runs for this node, restart it",
        shared::count(found as u64, "message"),
        shared::count(removed.len() as u64, "topic")
    );
    Ok(())
}

/// Retains that this node is offline, so that this machine can take its name.
///
/// # Errors
///
/// There is no connection, or the broker refuses the message.
pub(crate) async fn take_over(config: &Config) -> Result<(), Error> {
    let topics = Topics::new(config);
    let availability = topics.availability.clone();
    retain(config, &topics, |_| (vec![(availability, OFFLINE)], ())).await?;
    // A machine that serves corrects it.
    sleep(CORRECTION_DELAY * 3).await;
    let is_online = retain(config, &topics, |retained| {
        let is_online = match topics.discovery {
            // This machine may serve by now.
            Some(_) => {
                let other = retained.other(&topics, &discovery::device(config), &[]);
                other.is_some_and(|(_, is_online)| is_online)
            }
            None => retained.is_online(&topics.availability),
        };
        (vec![], is_online)
    })
    .await?;
    let node = &config.node;
    if is_online {
        return Err(Error::Broker(format!(
            "{}: node {node} is running, and keeps its name",
            config.broker
        )));
    }
    let _ = writeln!(
        io::stdout(),
        "the name {node} is free: restart led-mqtt, or wait for two minutes"
    );
    Ok(())
}

/// What is retained on these topics.
async fn read(
    connection: &mut Connection,
    topics: &Topics,
    wanted: &[String],
) -> Result<Retained, Loss> {
    let mut retained = Retained::default();
    loop {
        match connection.next().await {
            Event::Connected { .. } => {
                connection.subscribe(Tag::Retained, &Retained::topics(topics, wanted));
                connection.subscribe(Tag::Check, std::slice::from_ref(&topics.check));
            }
            Event::Message(message) => retained.add(topics, &message),
            Event::Subscribed(Tag::Check, _) => return Ok(retained),
            Event::Lost(loss) => return Err(loss),
            _ => {}
        }
    }
}

/// Retains the messages that a function returns when it knows what is retained. Returns its other result.
async fn retain<T>(
    config: &Config,
    topics: &Topics,
    decide: impl FnOnce(&Retained) -> (Vec<(String, &'static str)>, T),
) -> Result<T, Error> {
    let options = Options::new(config, &client_id(config, "-forget"), None)?;
    let mut connection = Connection::open(&options);
    let wanted = [
        topics.retained(),
        History::read().without(&topics.retained()),
    ]
    .concat();
    let result = timeout(TIMEOUT, async {
        let (messages, result) = decide(&read(&mut connection, topics, &wanted).await?);
        let mut outbox = Outbox::of(messages);
        outbox.flush(config, &mut connection).await?;
        connection.end().await;
        Ok(result)
    });
    let result = result.await.unwrap_or_else(|_| Err(NO_REPLY.into()));
    result.map_err(|loss: Loss| Error::Broker(format!("{}: {}", config.broker, loss.reason)))
}
