//! The task of a connection.

use std::time::Duration;

use rumqttc::{ConnectionError, EventLoop, Incoming, Outgoing};
use tokio::{
    sync::mpsc::Sender,
    time::{Instant, timeout_at},
};

use super::{Event, KEEP_ALIVE, Loss, Message, NO_REPLY, PATIENCE};
use crate::board::ResponseTo;

pub(crate) const CLOSED: &str = "the broker closed the connection";

/// Sends the events of a connection, until it is lost.
pub(super) async fn drive(mut events: EventLoop, sender: Sender<Event>, is_tls: bool) {
    let mut is_accepted = false;
    let mut ping: Option<Instant> = None;
    let mut keep_alive = KEEP_ALIVE;
    loop {
        // The keep-alive produces a packet at the latest after KEEP_ALIVE. It stays in the library if the broker reads nothing.
        let deadline = ping.unwrap_or_else(|| Instant::now() + keep_alive) + PATIENCE;
        let event = match timeout_at(deadline, events.poll()).await {
            Err(_) => Event::Lost(Loss::from(NO_REPLY)),
            Ok(Err(error)) => Event::Lost(lost(error, is_accepted, is_tls)),
            Ok(Ok(rumqttc::Event::Outgoing(Outgoing::PingReq))) => {
                ping = Some(Instant::now());
                continue;
            }
            Ok(Ok(rumqttc::Event::Incoming(Incoming::PingResp))) => {
                ping = None;
                continue;
            }
            Ok(Ok(rumqttc::Event::Incoming(Incoming::ConnAck(ack)))) => {
                is_accepted = true;
                let properties = ack.properties.as_ref();
                if let Some(seconds) =
                    properties.and_then(|properties| properties.server_keep_alive)
                {
                    // 0 means no limit.
                    let seconds = if seconds == 0 { u16::MAX } else { seconds };
                    keep_alive = Duration::from_secs(seconds.into());
                }
                let packet_max = properties.and_then(|properties| properties.max_packet_size);
                Event::Connected {
                    packet_max: packet_max.map_or(usize::MAX, |max| max as usize),
                }
            }
            Ok(Ok(rumqttc::Event::Incoming(Incoming::Publish(publish)))) => {
                Event::Message(message(publish))
            }
            Ok(Ok(_)) => continue,
        };
        let is_end = matches!(event, Event::Lost(_));
        if sender.send(event).await.is_err() || is_end {
            return;
        }
    }
}

/// The likely causes if a broker closes the connection before CONNACK: the port is for the other of TLS and plain, or the broker
/// knows only an older protocol. The library ignores the CONNACK of an older protocol, because it is too short for MQTT 5.
fn lost(error: ConnectionError, is_accepted: bool, is_tls: bool) -> Loss {
    let loss = Loss::new(error, is_accepted);
    if loss.reason != CLOSED || is_accepted {
        return loss;
    }
    let other = if is_tls {
        "mqtt://, without"
    } else {
        "mqtts://, with"
    };
    Loss::from(format!(
        "{CLOSED} without a reply: check the port: it may be for {other} TLS, or the broker does not speak MQTT 5"
    ))
}

fn message(publish: rumqttc::Publish) -> Message {
    let properties = publish.properties.unwrap_or_default();
    let correlation = properties.correlation_data.map(|data| data.to_vec());
    let expiry = properties
        .message_expiry_interval
        .map(|seconds| Duration::from_secs(seconds.into()));
    Message {
        topic: String::from_utf8_lossy(&publish.topic).into_owned(),
        payload: publish.payload.to_vec(),
        is_retained: publish.retain,
        respond: properties.response_topic.map(|topic| ResponseTo {
            topic,
            correlation: correlation.clone(),
        }),
        correlation,
        expiry: expiry.map(|expiry| Instant::now() + expiry),
    }
}
