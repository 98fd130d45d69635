//! The topics of an outbox, and the order in which they are published.

use std::ops::Range;

use super::{Kind, Outbox, Slot};
use crate::topics::{ONLINE, Topics, is_discovery};

impl Outbox {
    /// An outbox that publishes in this order: the removal of stale discovery messages, the payload that removes what is stale in
    /// that of this node, its discovery, the removal of the other stale topics. Home Assistant cannot read the empty state of a
    /// light that it still has.
    pub(crate) fn new(
        process: [u8; 8],
        topics: &Topics,
        stale: &[String],
        removal: Option<String>,
        discovery: String,
    ) -> Outbox {
        let mut outbox = Outbox {
            process: Some(process),
            has_removed: true,
            ..Outbox::default()
        };
        let (discoveries, others): (Vec<_>, Vec<_>) =
            stale.iter().partition(|topic| is_discovery(topic));
        for topic in discoveries {
            outbox.add_once(Kind::Removal, topic, String::new(), 0);
        }
        let removed = outbox.slots.len();
        if let Some(topic) = &topics.discovery {
            if let Some(removal) = removal {
                outbox.add_once(Kind::Correction, topic, removal, removed);
            }
            outbox.discovery = Some(outbox.add(topic, Some(discovery), 0..outbox.slots.len()));
        }
        let described = outbox.slots.len();
        for topic in others {
            outbox.add_once(Kind::Removal, topic, String::new(), described);
        }
        for led in &topics.leds {
            let state = outbox.add(&led.state, None, 0..0);
            // The state before the availability: nobody takes an old state for the current one.
            let availability = outbox.add(&led.availability, None, state..state + 1);
            outbox.leds.push((state, availability));
        }
        if topics
            .leds
            .iter()
            .all(|led| led.availability != topics.availability)
        {
            outbox.add(&topics.availability, Some(ONLINE.into()), 0..0);
        }
        outbox
    }

    /// An outbox with these payloads, for these topics.
    pub(crate) fn of(payloads: impl IntoIterator<Item = (String, &'static str)>) -> Outbox {
        let mut outbox = Outbox::default();
        for (topic, payload) in payloads {
            outbox.add(&topic, Some(payload.into()), 0..0);
        }
        outbox
    }

    /// Adds a topic. Returns its place.
    fn add(&mut self, topic: &str, wanted: Option<String>, after: Range<usize>) -> usize {
        self.slots.push(Slot {
            topic: topic.into(),
            wanted,
            after,
            ..Slot::default()
        });
        self.slots.len() - 1
    }

    /// Adds a payload that is published once, after so many first ones.
    fn add_once(&mut self, kind: Kind, topic: &str, payload: String, after: usize) {
        let place = self.add(topic, Some(payload), 0..after);
        self.slots[place].kind = kind;
    }
}
