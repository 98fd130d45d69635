//! The loop between the broker and the LEDs.

use std::{
    io,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use sd_notify::NotifyState;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{sleep, sleep_until, timeout},
};

use crate::{
    Error,
    backoff::{Backoff, random_up_to},
    broker::{self, Connection, Event, Loss, Publisher},
    client_id,
    commands::Commands,
    config::Config,
    outbox::Outbox,
    statuses::Statuses,
    topics::{self, OFFLINE},
};

/// How long the end may take.
const END_TIMEOUT: Duration = Duration::from_secs(2);
/// After its start, Home Assistant gets everything again within this time: not from all nodes at once.
const BIRTH_DELAY: Duration = Duration::from_secs(2);
/// What Home Assistant publishes when it has started.
const BIRTH: &[u8] = b"online";

/// Serves the LEDs until SIGTERM, SIGINT or SIGHUP. Then retains that they are offline.
///
/// # Errors
///
/// A file of the configuration cannot be read, or a thread cannot be started.
pub(crate) async fn run(config: &Config) -> Result<(), Error> {
    let outbox = Arc::new(Outbox::new(config.leds.len()));
    let (publisher, connection) = broker::prepare(config, &client_id(config, ""), true)?;
    let signals = [
        SignalKind::terminate(),
        SignalKind::interrupt(),
        SignalKind::hangup(),
    ];
    let mut signals = signals
        .into_iter()
        .map(signal)
        .collect::<io::Result<Vec<_>>>()
        .map_err(Error::Start)?;
    let commands = Commands::start(config, &outbox).map_err(Error::Start)?;
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    let bridge = Bridge {
        config,
        publisher,
        outbox,
        commands,
        needs_subscriptions: false,
        statuses: None,
        birth: None,
        connected: None,
        backoff: Backoff::new(),
        last_reason: String::new(),
    };
    let [terminate, interrupt, hangup] = signals.as_mut_slice() else {
        return Ok(());
    };
    let end = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    };
    bridge.serve(connection, end).await;
    Ok(())
}

struct Bridge<'a> {
    config: &'a Config,
    publisher: Publisher,
    outbox: Arc<Outbox>,
    commands: Commands,
    needs_subscriptions: bool,
    /// What was published; none without a connection and its subscriptions.
    statuses: Option<Statuses<'a>>,
    /// When to publish everything again, because Home Assistant has started.
    birth: Option<Instant>,
    connected: Option<Instant>,
    backoff: Backoff,
    /// Why the last connection was lost, if there was none since.
    last_reason: String,
}

impl Bridge<'_> {
    /// Serves until the end is requested.
    async fn serve(mut self, mut connection: Connection, end: impl Future<Output = ()>) {
        let mut end = pin!(end);
        let outbox = Arc::clone(&self.outbox);
        loop {
            let birth = self.birth;
            let event = tokio::select! {
                event = connection.next(&outbox, || self.publish()) => event,
                () = sleep_until(birth.unwrap_or_else(Instant::now).into()), if birth.is_some() => {
                    self.publish_all();
                    Event::Progress
                }
                () = &mut end => break,
            };
            match event {
                Event::Connected { packet_max } => self.connected(packet_max),
                Event::Lost(loss) => {
                    let wait = self.lost(&loss);
                    tokio::select! {
                        () = sleep(wait) => {}
                        () = &mut end => break,
                    }
                }
                Event::Subscribed(refused) => self.subscribed(refused),
                Event::Progress => {}
                Event::Refused(reason) => {
                    if self.outbox.limit.allows() {
                        log::error!(
                            "the broker refused a message: {reason}: permit {} to write the topics in led-mqtt(8)",
                            self.config.user()
                        );
                    }
                }
                Event::Message(message) => {
                    let discovery = self.config.discovery.as_ref();
                    if discovery.is_some_and(|prefix| message.topic == topics::birth(prefix)) {
                        if message.payload == BIRTH {
                            self.birth = Some(Instant::now() + random_up_to(BIRTH_DELAY));
                        }
                    } else {
                        self.commands.handle(message);
                    }
                }
            }
            self.publish();
        }
        self.end(connection).await;
    }

    fn connected(&mut self, packet_max: usize) {
        let config = self.config;
        log::info!("connected to {} as node {}", config.broker, config.node);
        self.connected = Some(Instant::now());
        self.last_reason.clear();
        self.outbox.forget_responses();
        self.publisher.limit(packet_max);
        self.needs_subscriptions = true;
    }

    /// Publishes everything. Not before the subscriptions: who sees that an LED is online may command it.
    fn subscribed(&mut self, refused: usize) {
        if refused > 0 {
            log::error!(
                "the broker refused {refused} subscriptions: permit {} to read the topics in led-mqtt(8)",
                self.config.user()
            );
        }
        self.publish_all();
    }

    /// Publishes everything again.
    fn publish_all(&mut self) {
        self.birth = None;
        self.statuses = Some(Statuses::new(self.config));
        self.outbox.mark_all();
        self.publish();
    }

    fn publish(&mut self) {
        if self.needs_subscriptions {
            self.needs_subscriptions = !self.publisher.subscribe(topics::subscribed(self.config));
        }
        if let Some(statuses) = &mut self.statuses {
            statuses.publish(&self.publisher, &self.outbox);
        }
    }

    /// Returns how long to wait before the next connection.
    fn lost(&mut self, loss: &Loss) -> Duration {
        self.statuses = None;
        self.birth = None;
        self.needs_subscriptions = false;
        let lasted = self.connected.take().map(|connected| connected.elapsed());
        let mut wait = self.backoff.after(lasted);
        let (mut level, mut reason) = (log::Level::Warn, loss.reason.clone());
        if loss.is_takeover || self.backoff.is_thrown_out() {
            wait = self.backoff.after_takeover();
            level = log::Level::Error;
            let perhaps = if loss.is_takeover {
                ":"
            } else {
                " several times soon after it was accepted: perhaps"
            };
            reason += &format!(
                "{perhaps} led-mqtt runs twice with the identifier {}: give each node its own name",
                client_id(self.config, "")
            );
            if !loss.is_takeover {
                // RabbitMQ ends the connection instead of refusing a topic.
                reason += &format!(
                    ", if the broker did not restart; or permit {} to read and write the topics in led-mqtt(8)",
                    self.config.user()
                );
            }
        }
        if self.last_reason != reason {
            log::log!(
                level,
                "no connection to {}: {reason}; trying again until there is one",
                self.config.broker
            );
            self.last_reason = reason;
        }
        wait
    }

    /// Publishes that the LEDs are offline, if there is a connection.
    async fn end(mut self, mut connection: Connection) {
        log::info!("ended by a signal");
        self.outbox.limit.report();
        if self.statuses.take().is_some() {
            let offline = topics::availabilities(self.config)
                .into_iter()
                .map(|topic| (topic, OFFLINE));
            // Without its end, the connection is lost, and the broker publishes the last will.
            match timeout(
                END_TIMEOUT,
                connection.publish_and_end(&self.publisher, offline),
            )
            .await
            {
                Ok(Ok(())) => {}
                Ok(Err(reason)) => log::warn!("cannot publish the end: {reason}"),
                Err(_) => log::warn!("the broker did not take the last messages in time"),
            }
        }
    }
}
