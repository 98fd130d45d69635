//! The connection to the broker. Only this module names the MQTT library.

mod loss;

use std::{fs, path::Path, pin::pin, time::Duration};

use rumqttc::{
    AsyncClient, EventLoop, Incoming, LastWill, MqttOptions, PubAckReason, PublishOptions, PublishProperties, QoS,
    RetainForwardRule, SubscribeFilter, SubscribeReasonCode, Transport,
};

pub(crate) use loss::Loss;

use crate::{
    Error,
    config::Config,
    outbox::{Outbox, ResponseTo},
    topics::{self, OFFLINE},
};

/// How long the broker may be silent. It publishes the last will after half as long again.
const KEEP_ALIVE: u16 = 30;
/// How long a connection may take, in seconds.
const CONNECT_TIMEOUT: u64 = 5;
/// The most messages in each direction that wait for an acknowledgement. They take memory.
const IN_FLIGHT: u16 = 16;
/// The most messages that wait for the connection.
const QUEUED: usize = 32;
/// The longest packet that the broker may send: longer ones are not for an LED.
const PACKET_MAX: u32 = 4096;
/// The certificates of the system, from Debian's ca-certificates.
const SYSTEM_CA: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What happened.
#[derive(Debug)]
pub(crate) enum Event {
    Connected,
    /// The broker answered to the subscriptions; the number that it refused.
    Subscribed(usize),
    Message(Message),
    /// The broker refused a message that was published.
    Refused(String),
    /// There is room for further messages, perhaps.
    Progress,
    Lost(Loss),
}

/// A message from the broker.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) is_retained: bool,
    pub(crate) respond: Option<ResponseTo>,
}

/// The connection. It connects when it is asked for an event.
pub(crate) struct Connection {
    events: EventLoop,
    is_tls: bool,
    /// Whether the broker has accepted it, and not ended it since.
    is_accepted: bool,
}

/// Publishes on the connection, without waiting.
pub(crate) struct Publisher {
    client: AsyncClient,
}

/// Prepares a connection. The last will retains that the node is offline.
///
/// # Errors
///
/// A file of the configuration cannot be read.
pub(crate) fn prepare(config: &Config, client_id: &str, has_will: bool) -> Result<(Publisher, Connection), Error> {
    let mut options = MqttOptions::new(client_id, (config.broker.host.clone(), config.broker.port));
    options
        .set_keep_alive(KEEP_ALIVE)
        .set_receive_maximum(Some(IN_FLIGHT))
        .set_outgoing_inflight_upper_limit(IN_FLIGHT)
        .set_max_packet_size(Some(PACKET_MAX));
    let mut network = options.network_options();
    // Else the state waits for the acknowledgement of the reply.
    network.set_tcp_nodelay(true);
    network.set_connection_timeout(CONNECT_TIMEOUT);
    options.set_network_options(network);
    if has_will {
        options.set_last_will(LastWill::new(topics::connection(config), OFFLINE, QoS::AtLeastOnce, true, None));
    }
    if let Some(user) = &config.user {
        let password = config.password_file.as_deref().map(read).transpose()?.unwrap_or_default();
        options.set_credentials(user.clone(), password.trim_ascii_end().to_vec());
    }
    if config.broker.tls {
        let ca = read(config.ca.as_deref().unwrap_or(Path::new(SYSTEM_CA)))?;
        let own = match (&config.certificate, &config.private_key) {
            (Some(certificate), Some(key)) => Some((read(certificate)?, read(key)?)),
            _ => None,
        };
        options.set_transport(Transport::tls(ca, own, None));
    }
    let (client, events) = AsyncClient::builder(options).capacity(QUEUED).build();
    Ok((Publisher { client }, Connection { events, is_tls: config.broker.tls, is_accepted: false }))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

impl Connection {
    /// Waits for the next event. Calls `publish` each time that the outbox has changed.
    pub(crate) async fn next(&mut self, outbox: &Outbox, mut publish: impl FnMut()) -> Event {
        // It is never dropped before it is ready, so that nothing is sent by halves.
        let mut poll = pin!(self.events.poll());
        let polled = loop {
            tokio::select! {
                polled = &mut poll => break polled,
                () = outbox.changed() => publish(),
            }
        };
        let event = match polled {
            Ok(polled) => event(polled),
            Err(error) if self.is_accepted => Event::Lost(Loss::from(error)),
            Err(error) => Event::Lost(Loss::from(error).before_it_was_accepted(self.is_tls)),
        };
        match event {
            Event::Connected => self.is_accepted = true,
            Event::Lost(_) => self.is_accepted = false,
            _ => {}
        }
        event
    }
}

impl Publisher {
    /// Subscribes to these topics. Retained messages are not asked for.
    pub(crate) fn subscribe(&self, topics: impl IntoIterator<Item = String>) -> bool {
        let filters = topics.into_iter().map(|topic| {
            let mut filter = SubscribeFilter::new(topic, QoS::AtLeastOnce);
            filter.retain_forward_rule = RetainForwardRule::Never;
            filter
        });
        self.client.try_subscribe_many(filters).is_ok()
    }

    /// Publishes a message that the broker retains; `false` if there is no room for it yet.
    pub(crate) fn retain(&self, topic: &str, payload: impl Into<Vec<u8>>) -> bool {
        self.publish(topic, payload.into(), PublishOptions::at_least_once().retained())
    }

    /// Publishes a message; `false` if there is no room for it yet.
    pub(crate) fn send(&self, to: &ResponseTo, text: &str) -> bool {
        let properties = PublishProperties {
            correlation_data: to.correlation.clone().map(Into::into),
            ..PublishProperties::default()
        };
        self.publish(&to.topic, text.into(), PublishOptions::at_least_once().properties(properties))
    }

    /// Sends what waits, and then ends the connection. The last will is not published.
    pub(crate) fn disconnect(&self, timeout: Duration) {
        let _ = self.client.try_disconnect_with_timeout(timeout);
    }

    fn publish(&self, topic: &str, payload: Vec<u8>, options: PublishOptions) -> bool {
        match self.client.try_publish(topic, payload, options) {
            Ok(()) => true,
            Err(rumqttc::ClientError::RequestChannelFull(_)) => false,
            Err(error) => {
                log::warn!("cannot publish on {topic}: {error}");
                true
            }
        }
    }
}

fn event(event: rumqttc::Event) -> Event {
    let rumqttc::Event::Incoming(packet) = event else { return Event::Progress };
    match packet {
        Incoming::ConnAck(_) => Event::Connected,
        Incoming::SubAck(ack) => {
            let is_refused = |code: &&SubscribeReasonCode| !matches!(code, SubscribeReasonCode::Success(_));
            Event::Subscribed(ack.return_codes.iter().filter(is_refused).count())
        }
        Incoming::Publish(publish) => {
            let properties = publish.properties.unwrap_or_default();
            let correlation = properties.correlation_data.map(|data| data.to_vec());
            Event::Message(Message {
                topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                payload: publish.payload.to_vec(),
                is_retained: publish.retain,
                respond: properties.response_topic.map(|topic| ResponseTo { topic, correlation }),
            })
        }
        Incoming::PubAck(ack) if !matches!(ack.reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers) => {
            Event::Refused(format!("{:?}", ack.reason))
        }
        _ => Event::Progress,
    }
}
