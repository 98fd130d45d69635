//! The connection to the broker. Only this module names the MQTT library.

mod loss;
mod publisher;

use std::{fs, path::Path, pin::pin};

use rumqttc::{
    AsyncClient, EventLoop, Incoming, LastWill, MqttOptions, PubAckReason, QoS,
    SubscribeReasonCode, Transport,
};

pub(crate) use loss::Loss;
pub(crate) use publisher::Publisher;

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
    /// The broker takes packets of at most so many bytes.
    Connected {
        packet_max: usize,
    },
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

/// Prepares a connection. The last will retains that the node is offline.
///
/// # Errors
///
/// A file of the configuration cannot be read.
pub(crate) fn prepare(
    config: &Config,
    client_id: &str,
    has_will: bool,
) -> Result<(Publisher, Connection), Error> {
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
        options.set_last_will(LastWill::new(
            topics::connection(config),
            OFFLINE,
            QoS::AtLeastOnce,
            true,
            None,
        ));
    }
    if let Some(user) = &config.user {
        let password = config
            .password_file
            .as_deref()
            .map(read)
            .transpose()?
            .unwrap_or_default();
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
    Ok((
        Publisher::new(client),
        Connection {
            events,
            is_tls: config.broker.tls,
            is_accepted: false,
        },
    ))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

impl Connection {
    /// Waits for the next event. Calls `publish` each time that the outbox has changed.
    pub(crate) async fn next(&mut self, outbox: &Outbox, mut publish: impl FnMut()) -> Event {
        // Not dropped when the outbox changes: the library would begin a connection again.
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
            Event::Connected { .. } => self.is_accepted = true,
            Event::Lost(_) => self.is_accepted = false,
            _ => {}
        }
        event
    }

    /// Publishes these messages, waits until the broker has acknowledged each, and ends the connection.
    ///
    /// # Errors
    ///
    /// The connection is lost, or the broker refuses a message.
    pub(crate) async fn publish_and_end(
        &mut self,
        publisher: &Publisher,
        messages: impl IntoIterator<Item = (String, &'static str)>,
    ) -> Result<(), String> {
        let outbox = Outbox::new(0);
        let mut acknowledgements = Vec::new();
        for (topic, payload) in messages {
            let acknowledgement = loop {
                if let Some(acknowledgement) = publisher.retain_tracked(&topic, payload)? {
                    break acknowledgement;
                }
                match self.next(&outbox, || {}).await {
                    Event::Lost(loss) => return Err(loss.reason),
                    Event::Refused(reason) => {
                        return Err(format!("the broker refused a message: {reason}"));
                    }
                    _ => {}
                }
            };
            acknowledgements.push(acknowledgement);
        }
        let acknowledged = async {
            for acknowledgement in acknowledgements {
                acknowledgement
                    .wait_completion_async()
                    .await
                    .map_err(|error| error.to_string())?;
            }
            Ok::<(), String>(())
        };
        tokio::select! {
            acknowledged = acknowledged => acknowledged?,
            reason = self.failed(&outbox) => return Err(reason),
        }
        publisher.disconnect();
        self.failed(&outbox).await;
        Ok(())
    }

    /// Waits until the connection is lost or the broker refuses a message, and returns the reason.
    async fn failed(&mut self, outbox: &Outbox) -> String {
        loop {
            match self.next(outbox, || {}).await {
                Event::Lost(loss) => return loss.reason,
                Event::Refused(reason) => return format!("the broker refused a message: {reason}"),
                _ => {}
            }
        }
    }
}

fn event(event: rumqttc::Event) -> Event {
    let rumqttc::Event::Incoming(packet) = event else {
        return Event::Progress;
    };
    match packet {
        Incoming::ConnAck(ack) => {
            let packet_max = ack
                .properties
                .and_then(|properties| properties.max_packet_size);
            Event::Connected {
                packet_max: packet_max.map_or(usize::MAX, |max| max as usize),
            }
        }
        Incoming::SubAck(ack) => {
            let is_refused =
                |code: &&SubscribeReasonCode| !matches!(code, SubscribeReasonCode::Success(_));
            Event::Subscribed(ack.return_codes.iter().filter(is_refused).count())
        }
        Incoming::Publish(publish) => {
            let properties = publish.properties.unwrap_or_default();
            let correlation = properties.correlation_data.map(|data| data.to_vec());
            Event::Message(Message {
                topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                payload: publish.payload.to_vec(),
                is_retained: publish.retain,
                respond: properties
                    .response_topic
                    .map(|topic| ResponseTo { topic, correlation }),
            })
        }
        Incoming::PubAck(ack)
            if !matches!(
                ack.reason,
                PubAckReason::Success | PubAckReason::NoMatchingSubscribers
            ) =>
        {
            Event::Refused(format!("{:?}", ack.reason))
        }
        _ => Event::Progress,
    }
}
