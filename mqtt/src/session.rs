//! One connection to the broker: reads what is retained, publishes everything, then publishes changes and passes commands on.

use std::{mem, time::Duration};

use tokio::time::Instant;

use crate::{
    backoff::random_up_to,
    board::{Response, Status},
    bridge::Bridge,
    broker::{CLOSED, Connection, Event, Loss, Message, Outgoing, Published, Tag},
    client_id,
    config::Config,
    discovery,
    outbox::{Outbox, TOO_LONG},
    retained::Retained,
    topics::Topics,
};

/// What Home Assistant publishes when it has started.
const BIRTH: &[u8] = b"online";

#[derive(Default)]
pub(crate) struct Session {
    connected: Option<Instant>,
    retained: Retained,
    /// Whether the broker has replied to the subscriptions: an LED that is published as online must receive commands.
    pub(crate) is_serving: bool,
    outbox: Outbox,
    /// When to publish everything again, because Home Assistant has started.
    birth: Option<Instant>,
    /// Whether the published discovery message says that an LED can be dimmed, for each LED.
    dims: Vec<bool>,
    /// Whether the broker has acknowledged or refused everything once.
    pub(crate) is_complete: bool,
}

impl Session {
    /// How long it has lasted since the broker accepted it; none if the broker did not accept it.
    pub(crate) fn lasted(&self) -> Option<Duration> {
        self.connected.map(|connected| connected.elapsed())
    }

    /// When there is something to do even if no event comes.
    pub(crate) fn wake(&self) -> Option<Instant> {
        self.birth.into_iter().chain(self.outbox.retry()).min()
    }

    pub(crate) fn update(&mut self, config: &Config, topics: &Topics, statuses: &[Status]) {
        let dims = statuses.iter().copied().map(Status::dims);
        if !dims.clone().eq(self.dims.iter().copied()) {
            self.dims = dims.collect();
            let discovery = discovery::encode(config, topics, &self.dims, &[]);
            self.outbox.describe(discovery);
        }
        self.outbox.update(statuses);
    }

    /// Publishes what is due.
    pub(crate) fn publish(&mut self, bridge: &mut Bridge<'_>, connection: &Connection) {
        if self.birth.is_some_and(|birth| birth <= Instant::now()) {
            self.birth = None;
            self.outbox.publish_again();
        }
        while let Some(topic) = self.outbox.publish(connection) {
            bridge.refused(&topic, TOO_LONG);
        }
    }

    /// # Errors
    ///
    /// Why the connection is lost, or is to be given up.
    pub(crate) fn handle(
        &mut self,
        bridge: &mut Bridge<'_>,
        connection: &Connection,
        event: Event,
    ) -> Result<(), Loss> {
        match event {
            Event::Connected { .. } => {
                if !bridge.is_quiet {
                    bridge.log_connected();
                }
                self.connected = Some(Instant::now());
                let topics = bridge.topics;
                let history = bridge.history.without(&topics.retained());
                connection.subscribe(Tag::Retained, &Retained::topics(topics, &history));
                // The reply to this subscription comes after all retained messages.
                connection.subscribe(Tag::Commands, &topics.subscribed());
            }
            Event::Subscribed(tag, refused) => {
                for reason in refused {
                    let what = if tag == Tag::Commands {
                        "a subscription to commands"
                    } else {
                        "reading what is retained"
                    };
                    bridge.refused(what, &reason);
                }
                if tag == Tag::Commands {
                    self.begin(bridge)?;
                }
            }
            Event::Acknowledged(Tag::Slot(place), result) => {
                self.acknowledged(bridge, place, result)
            }
            Event::Acknowledged(_, Ok(())) => {}
            Event::Acknowledged(_, Err(reason)) => {
                bridge
                    .board
                    .warn(|| format!("the broker refused a response: {reason}"));
            }
            Event::Message(message) => self.message(bridge, message)?,
            // RabbitMQ ends the connection instead of refusing a topic.
            Event::Lost(loss) if loss.reason == CLOSED && self.is_serving && !self.is_complete => {
                return Err(Loss::from(format!(
                    "{CLOSED} before it had acknowledged everything: if it does so again, permit {}",
                    bridge.config.permission()
                )));
            }
            Event::Lost(loss) => return Err(loss),
        }
        Ok(())
    }

    fn message(&mut self, bridge: &mut Bridge<'_>, message: Message) -> Result<(), Loss> {
        let topics = bridge.topics;
        if topics.status.as_ref() == Some(&message.topic) {
            // What is published before it serves, and while it waits, is for this birth too.
            if message.payload == BIRTH && self.is_serving {
                let delay = random_up_to(bridge.config.birth_delay);
                self.birth.get_or_insert_with(|| Instant::now() + delay);
            }
            return Ok(());
        }
        let Some(message) = bridge.commands.handle(message) else {
            return Ok(());
        };
        if self.is_serving && topics.discovery.as_ref() != Some(&message.topic) {
            self.outbox.correct(&topics.availability, &message);
            return Ok(());
        }
        self.retained.add(topics, &message);
        if self.is_serving {
            let id = discovery::device(bridge.config);
            // Another machine has taken over the name.
            if let Some((other, _)) = self.retained.other(topics, &id, &bridge.process) {
                return Err(bridge.other(&other));
            }
        }
        Ok(())
    }

    /// Publishes everything, if the name belongs to this machine and to no other process.
    fn begin(&mut self, bridge: &mut Bridge<'_>) -> Result<(), Loss> {
        let Bridge { config, topics, .. } = bridge;
        let (config, topics) = (*config, *topics);
        let id = discovery::device(config);
        let other = self.retained.other(topics, &id, &bridge.process);
        let publisher = self.retained.publisher.as_deref();
        // A broker that was restored has what an earlier process published.
        let before = bridge
            .before
            .get_or_insert_with(|| publisher.map(<[u8]>::to_vec));
        let is_known = publisher == Some(&bridge.process) || publisher == before.as_deref();
        bridge.others = if publisher.is_none() || is_known || other.is_some() {
            0
        } else {
            bridge.others + 1
        };
        if bridge.others > 1 {
            bridge.others = 0;
            return Err(Loss::taken(format!(
                "led-mqtt runs twice with the identifier {}: give each node its own name",
                client_id(config, "")
            )));
        }
        match &other {
            Some((other, true)) => return Err(bridge.other(other)),
            Some((other, false)) => log::warn!(
                "node {} belonged to the device {other}, which is offline: it now belongs to {id}",
                config.node
            ),
            None => {}
        }
        let stale = self.retained.stale(topics, &id);
        let history = bridge.history.without(&topics.retained());
        if let Some(topic) = self.retained.missing(&history) {
            let node = topics.node_of(topic).unwrap_or("OLD");
            log::warn!(
                "{topic}, an earlier topic of this node, has no retained message, or {} may not read it: in the second case run \"sudo led-mqtt --forget --node {node} --user USER\" with a user who may",
                config.user()
            );
        }
        let removed = self
            .retained
            .components(topics, &discovery::components(config));
        let statuses = bridge.statuses.borrow_and_update();
        self.dims = statuses.iter().copied().map(Status::dims).collect();
        let discovery = |removed: &[_]| discovery::encode(config, topics, &self.dims, removed);
        let removal = match other {
            // Home Assistant would take it for a change of that machine's LEDs.
            Some(_) => Some(String::new()),
            None => (!removed.is_empty()).then(|| discovery(&removed)),
        };
        self.outbox = Outbox::new(bridge.process, topics, &stale, removal, discovery(&[]));
        self.outbox.update(&statuses);
        self.is_serving = true;
        Ok(())
    }

    fn acknowledged(&mut self, bridge: &mut Bridge<'_>, place: usize, result: Result<(), String>) {
        let topic = self.outbox.acknowledged(place, result.is_ok()).to_owned();
        if let Err(reason) = result {
            bridge.refused(&topic, &reason);
        }
        if self.is_complete || !self.outbox.is_settled() {
            return;
        }
        self.is_complete = true;
        if mem::take(&mut bridge.is_quiet) {
            bridge.log_connected();
        }
        if self.outbox.has_removed() {
            bridge.history.write(bridge.topics.retained());
        }
    }

    pub(crate) fn respond(
        &mut self,
        bridge: &Bridge<'_>,
        connection: &Connection,
        response: &Response,
    ) {
        let Response { to, text } = response;
        let message = Outgoing {
            topic: &to.topic,
            payload: text,
            correlation: to.correlation.as_deref(),
            is_retained: false,
        };
        if connection.publish(Tag::Response, &message) == Published::TooLong {
            bridge
                .board
                .warn(|| "a response is longer than the broker permits: it was dropped".into());
        }
    }

    /// Retains that everything is offline.
    ///
    /// # Errors
    ///
    /// Those of [`Outbox::flush`].
    pub(crate) async fn end(
        &mut self,
        config: &Config,
        connection: &mut Connection,
    ) -> Result<(), Loss> {
        self.outbox.go_offline();
        self.outbox.flush(config, connection).await
    }
}
