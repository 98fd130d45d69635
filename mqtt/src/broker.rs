//! The connection to the broker. Only this module uses the MQTT library, and it does not depend on LEDs.
//!
//! Each connection has its own task, which sends events through a channel: a call of the library must not be cancelled while it
//! waits.

mod driver;
mod loss;
mod multicast;
mod options;
mod tls;
mod words;

use std::{sync::Arc, time::Duration};

use rumqttc::{
    AsyncClient, PublishNoticeError, PublishOptions, PublishProperties, QoS, RetainForwardRule,
    SubscribeFilter, SubscribeReasonCode,
};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinHandle,
    time::{Instant, timeout},
};

pub(crate) use driver::CLOSED;
pub(crate) use loss::{Cause, Loss, NO_REPLY};
pub(crate) use options::Options;

use crate::board::ResponseTo;

/// The keep-alive interval. The broker publishes the last will after one and a half intervals without a packet from this client.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long the broker may take to acknowledge a message or a subscription, and to reply to a ping.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take if it acknowledges others meanwhile: it may take one after the other.
const PATIENCE_OF_MANY: Duration = Duration::from_secs(45);
/// The most messages in each direction that wait for an acknowledgement. They take memory.
const IN_FLIGHT: u16 = 16;
/// The most events that wait for their receiver.
const EVENTS_MAX: usize = 32;
/// Most bytes of a packet beside topic, payload and correlation data.
const OVERHEAD: usize = 32;

/// An event of a connection.
#[derive(Debug)]
pub(crate) enum Event {
    /// The broker has accepted the connection.
    Connected {
        /// The longest packet that it takes.
        packet_max: usize,
    },
    /// The reply to subscriptions: why the broker refused some.
    Subscribed(Tag, Vec<String>),
    Message(Message),
    /// The reply to a message that was published: why it was refused.
    Acknowledged(Tag, Result<(), String>),
    /// The last event of a connection.
    Lost(Loss),
}

/// What an acknowledgement of the broker refers to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tag {
    /// The place of a topic in the outbox.
    Slot(usize),
    Response,
    Check,
    /// The subscriptions to retained messages, and those to commands.
    Retained,
    Commands,
}

/// A message from the broker.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) is_retained: bool,
    pub(crate) respond: Option<ResponseTo>,
    pub(crate) correlation: Option<Vec<u8>>,
    /// The end of its message expiry interval.
    pub(crate) expiry: Option<Instant>,
}

/// A message to the broker.
pub(crate) struct Outgoing<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) correlation: Option<&'a [u8]>,
    pub(crate) is_retained: bool,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Published {
    Sent,
    /// [`IN_FLIGHT`] messages wait for an acknowledgement.
    NoRoom,
    /// It is longer than the broker permits: the broker would end the connection.
    TooLong,
}

/// A connection, from its first packet to its loss. It is closed without a DISCONNECT when this is dropped.
pub(crate) struct Connection {
    client: AsyncClient,
    task: JoinHandle<()>,
    events: mpsc::Receiver<Event>,
    /// Used by the tasks that wait for acknowledgements.
    replies: mpsc::Sender<Event>,
    room: Arc<Semaphore>,
    /// Changes with each acknowledgement.
    progress: watch::Sender<()>,
    /// The longest packet that the broker takes.
    packet_max: usize,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    /// Begins to connect.
    pub(crate) fn open(options: &Options) -> Connection {
        let capacity = usize::from(IN_FLIGHT) * 2;
        let builder = AsyncClient::builder(options.mqtt.clone()).capacity(capacity);
        let (client, event_loop) = builder.build();
        let (replies, events) = mpsc::channel(EVENTS_MAX);
        let driver = driver::drive(event_loop, replies.clone(), options.is_tls);
        Connection {
            client,
            task: tokio::spawn(driver),
            events,
            replies,
            room: Arc::new(Semaphore::new(IN_FLIGHT.into())),
            progress: watch::Sender::new(()),
            packet_max: usize::MAX,
        }
    }

    /// Waits for the next event.
    pub(crate) async fn next(&mut self) -> Event {
        let event = self.events.recv().await;
        if let Some(Event::Connected { packet_max }) = event {
            self.packet_max = packet_max;
        }
        event.unwrap_or_else(|| Event::Lost(Loss::from(driver::CLOSED)))
    }

    /// Whether a message can be published now.
    pub(crate) fn has_room(&self) -> bool {
        self.room.available_permits() > 0
    }

    /// Publishes a message, without waiting. [`Event::Acknowledged`] follows.
    pub(crate) fn publish(&self, tag: Tag, message: &Outgoing<'_>) -> Published {
        let Outgoing {
            topic,
            payload,
            correlation,
            is_retained,
        } = *message;
        let size = OVERHEAD + topic.len() + payload.len() + correlation.map_or(0, <[u8]>::len);
        if size > self.packet_max {
            return Published::TooLong;
        }
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
            return Published::NoRoom;
        };
        let options = PublishOptions::at_least_once()
            .retain(is_retained)
            .properties(PublishProperties {
                correlation_data: correlation.map(|data| data.to_vec().into()),
                ..PublishProperties::default()
            });
        let Ok(notice) = self.client.try_publish_tracked(topic, payload, options) else {
            return Published::NoRoom;
        };
        let (replies, progress) = (self.replies.clone(), self.progress.clone());
        tokio::spawn(async move {
            let mut others = progress.subscribe();
            // Nothing is acknowledged.
            let stands =
                async { while let Ok(Ok(())) = timeout(PATIENCE, others.changed()).await {} };
            let result = tokio::select! {
                result = notice.wait_completion_async() => Ok(result),
                stuck = timeout(PATIENCE_OF_MANY, stands) => Err(stuck),
            };
            let event = match result {
                Ok(Ok(())) => Event::Acknowledged(tag, Ok(())),
                Ok(Err(PublishNoticeError::V5PubAck(reason))) => {
                    Event::Acknowledged(tag, Err(words::of(reason)))
                }
                Ok(Err(PublishNoticeError::RetainNotSupported)) => {
                    Event::Acknowledged(tag, Err("the broker retains no messages".into()))
                }
                // The connection is lost, which is an event of its own.
                Ok(Err(_)) => return,
                Err(_) => Event::Lost(Loss::from("the broker acknowledges no message")),
            };
            progress.send_replace(());
            drop(permit);
            let _ = replies.send(event).await;
        });
        Published::Sent
    }

    /// Subscribes to these topics. [`Event::Subscribed`] follows.
    ///
    /// The broker does not send retained commands, and keeps the retain flag of later messages (retain handling 2, retain as
    /// published).
    pub(crate) fn subscribe(&self, tag: Tag, topics: &[String]) {
        let filters = topics.iter().map(|topic| {
            let mut filter = SubscribeFilter::new(topic, QoS::AtLeastOnce);
            filter.preserve_retain = true;
            filter.retain_forward_rule = RetainForwardRule::Never;
            if tag == Tag::Retained {
                // All retained messages arrive before the reply to the next subscription, however many there are.
                filter.qos = QoS::AtMostOnce;
                filter.nolocal = true;
                filter.retain_forward_rule = RetainForwardRule::OnEverySubscribe;
            }
            filter
        });
        let (notice, replies) = (
            self.client.try_subscribe_many_tracked(filters),
            self.replies.clone(),
        );
        tokio::spawn(async move {
            let Ok(notice) = notice else { return };
            let event = match timeout(PATIENCE, notice.wait_async()).await {
                Ok(Ok(reply)) => {
                    let codes = reply.return_codes.into_iter();
                    let refused =
                        codes.filter(|code| !matches!(code, SubscribeReasonCode::Success(_)));
                    Event::Subscribed(tag, refused.map(words::of).collect())
                }
                Ok(Err(_)) => return,
                Err(_) => Event::Lost(Loss::from("the broker does not reply to subscriptions")),
            };
            let _ = replies.send(event).await;
        });
    }

    /// Disconnects, so that the broker does not publish the last will.
    pub(crate) async fn end(mut self) {
        if self.client.try_disconnect_now().is_ok() {
            while !matches!(self.next().await, Event::Lost(_)) {}
        }
    }
}
