//! Publishing on a connection.

use std::cell::Cell;

use rumqttc::{
    AsyncClient, ClientError, PublishNotice, PublishOptions, PublishProperties, QoS,
    RetainForwardRule, SubscribeFilter,
};

use crate::outbox::ResponseTo;

/// Most bytes of a packet beside topic, payload and correlation data.
const OVERHEAD: usize = 32;

/// Publishes on a connection, without waiting.
pub(crate) struct Publisher {
    client: AsyncClient,
    /// The longest packet that the broker takes: it ends the connection after a longer one.
    packet_max: Cell<usize>,
}

impl Publisher {
    pub(super) fn new(client: AsyncClient) -> Publisher {
        Publisher {
            client,
            packet_max: Cell::new(usize::MAX),
        }
    }

    /// Drops messages that do not fit into so many bytes.
    pub(crate) fn limit(&self, packet_max: usize) {
        self.packet_max.set(packet_max);
    }

    /// Subscribes to these topics; `false` if there is no room for it yet. Retained messages are not asked for, and later ones
    /// are marked.
    pub(crate) fn subscribe(&self, topics: impl IntoIterator<Item = String>) -> bool {
        let filters = topics.into_iter().map(|topic| {
            let mut filter = SubscribeFilter::new(topic, QoS::AtLeastOnce);
            filter.retain_forward_rule = RetainForwardRule::Never;
            filter.preserve_retain = true;
            filter
        });
        self.client.try_subscribe_many(filters).is_ok()
    }

    /// Publishes a message that the broker retains; `false` if there is no room for it yet.
    pub(crate) fn retain(&self, topic: &str, payload: impl Into<Vec<u8>>) -> bool {
        self.publish(topic, payload.into(), PublishProperties::default(), true)
    }

    /// The same, and its acknowledgement; none if there is no room for it yet.
    pub(super) fn retain_tracked(
        &self,
        topic: &str,
        payload: &str,
    ) -> Result<Option<PublishNotice>, String> {
        match self.client.try_publish_tracked(
            topic,
            payload,
            PublishOptions::at_least_once().retained(),
        ) {
            Ok(acknowledgement) => Ok(Some(acknowledgement)),
            Err(ClientError::RequestChannelFull(_)) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Publishes a message; `false` if there is no room for it yet.
    pub(crate) fn send(&self, to: &ResponseTo, text: &str) -> bool {
        let correlation_data = to.correlation.clone().map(Into::into);
        let properties = PublishProperties {
            correlation_data,
            ..PublishProperties::default()
        };
        self.publish(&to.topic, text.into(), properties, false)
    }

    /// Ends the connection. The broker does not publish the last will.
    pub(super) fn disconnect(&self) {
        let _ = self.client.try_disconnect_now();
    }

    fn publish(
        &self,
        topic: &str,
        payload: Vec<u8>,
        properties: PublishProperties,
        is_retained: bool,
    ) -> bool {
        let correlation = properties
            .correlation_data
            .as_ref()
            .map_or(0, |data| data.len());
        let size = OVERHEAD + topic.len() + payload.len() + correlation;
        if size > self.packet_max.get() {
            log::error!(
                "{topic}: not published: {size} bytes; the broker takes {}",
                self.packet_max.get()
            );
            return true;
        }
        let options = PublishOptions::at_least_once()
            .retain(is_retained)
            .properties(properties);
        match self.client.try_publish(topic, payload, options) {
            Ok(()) => true,
            Err(ClientError::RequestChannelFull(_)) => false,
            Err(error) => {
                log::warn!("{topic}: not published: {error}");
                true
            }
        }
    }
}
