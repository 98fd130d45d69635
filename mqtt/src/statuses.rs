//! What a connection has published of each LED.

use crate::{
    broker::Publisher,
    config::Config,
    discovery,
    outbox::{Outbox, Status},
    payload,
    topics::{self, OFFLINE, ONLINE},
};

/// What is retained for each LED, as far as this connection has published it.
pub(crate) struct Statuses<'a> {
    config: &'a Config,
    published: Vec<Published>,
    /// Whether the discovery, and that this node is connected, are to be published.
    has_news: bool,
}

/// What was published of an LED; none if nothing was.
#[derive(Clone, Default)]
struct Published {
    state: Option<String>,
    is_available: Option<bool>,
}

impl<'a> Statuses<'a> {
    pub(crate) fn new(config: &'a Config) -> Statuses<'a> {
        Statuses {
            config,
            published: vec![Published::default(); config.leds.len()],
            has_news: true,
        }
    }

    /// Publishes what has changed, as far as there is room.
    pub(crate) fn publish(&mut self, publisher: &Publisher, outbox: &Outbox) {
        if self.has_news {
            self.has_news = !self.publish_node(publisher);
        }
        while let Some((led, status)) = outbox.next_status() {
            if !self.publish_led(publisher, led, status) {
                outbox.mark(led);
                return;
            }
        }
        while let Some(response) = outbox.next_response() {
            if !publisher.send(&response.to, &response.text) {
                outbox.put_back(response);
                return;
            }
        }
    }

    /// Publishes what holds for all LEDs of the node.
    fn publish_node(&self, publisher: &Publisher) -> bool {
        let config = self.config;
        let is_discovered = config.discovery.as_ref().is_none_or(|prefix| {
            publisher.retain(
                &topics::discovery(prefix, config),
                discovery::encode(config),
            )
        });
        // An LED without a name has the same topic.
        let is_led = config.leds.iter().any(|led| led.name.is_none());
        is_discovered && (is_led || publisher.retain(&topics::connection(config), ONLINE))
    }

    /// The state comes before the availability: nobody sees an old one as the current one.
    fn publish_led(&mut self, publisher: &Publisher, led: usize, status: Status) -> bool {
        let (published, led) = (&mut self.published[led], &self.config.leds[led]);
        if let Some(state) = status.state.map(payload::encode)
            && published.state.as_ref() != Some(&state)
        {
            if !publisher.retain(&topics::state(self.config, led), state.clone()) {
                return false;
            }
            published.state = Some(state);
        }
        let is_available = status.is_available();
        if published.is_available != Some(is_available) {
            let text = if is_available { ONLINE } else { OFFLINE };
            if !publisher.retain(&topics::availability(self.config, led), text) {
                return false;
            }
            published.is_available = Some(is_available);
        }
        true
    }
}
