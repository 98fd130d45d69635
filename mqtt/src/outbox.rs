//! The payloads that the broker is to retain, and which of them it has acknowledged, for one connection.
//!
//! Each topic keeps its last payload only, and has at most one message that is not acknowledged. So the memory does not grow with a
//! slow broker, which retains the last payload in the end.

use std::{ops::Range, time::Duration};

use tokio::time::Instant;

use crate::{
    backoff::Backoff,
    board::Status,
    broker::{Connection, Event, Loss, Message, Outgoing, Published, Tag},
    config::Config,
    payload,
    topics::{OFFLINE, ONLINE, Topics, is_discovery},
};

/// Longer than anything that is flushed may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a topic keeps what somebody else has published there.
pub(crate) const CORRECTION_DELAY: Duration = Duration::from_secs(1);

/// An outbox without topics has nothing to publish.
#[derive(Default)]
pub(crate) struct Outbox {
    slots: Vec<Slot>,
    /// The place of the discovery.
    discovery: Option<usize>,
    /// The places of the state and the availability of each LED.
    leds: Vec<(usize, usize)>,
    /// The place to begin with next, in turn: an LED that changes all the time must not delay others.
    first: usize,
    /// Whether the broker has refused no removal.
    has_removed: bool,
    /// The topic of the last will.
    availability: String,
    /// The number of the process, which is the correlation data of each message, if there is one.
    process: Option<[u8; 8]>,
}

/// A topic, and what is to be retained there.
#[derive(Default)]
struct Slot {
    topic: String,
    wanted: Option<String>,
    /// Removes what is stale: published once, and not again after a refusal.
    is_removal: bool,
    sent: Option<String>,
    acknowledged: Option<String>,
    /// The places of the topics that must be acknowledged before this one is published.
    after: Range<usize>,
    /// When to publish again what was refused, or what somebody else has replaced.
    retry: Option<Instant>,
    backoff: Backoff,
}

impl Slot {
    fn is_acknowledged(&self) -> bool {
        self.sent.is_none() && (self.wanted.is_none() || self.wanted == self.acknowledged)
    }
}

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
            availability: topics.availability.clone(),
            has_removed: true,
            ..Outbox::default()
        };
        let (discoveries, others): (Vec<_>, Vec<_>) =
            stale.iter().partition(|topic| is_discovery(topic));
        for topic in discoveries {
            outbox.add_removal(topic, String::new(), 0);
        }
        let removed = outbox.slots.len();
        if let Some(topic) = &topics.discovery {
            if let Some(removal) = removal {
                outbox.add_removal(topic, removal, removed);
            }
            outbox.discovery = Some(outbox.add(topic, Some(discovery), 0..outbox.slots.len()));
        }
        let described = outbox.slots.len();
        for topic in others {
            outbox.add_removal(topic, String::new(), described);
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

    /// Adds a payload that removes what is stale on a topic, after so many first ones.
    fn add_removal(&mut self, topic: &str, payload: String, after: usize) {
        let place = self.add(topic, Some(payload), 0..after);
        self.slots[place].is_removal = true;
    }

    /// What is known of the LEDs now.
    pub(crate) fn update(&mut self, statuses: &[Status]) {
        for (status, &(state, availability)) in statuses.iter().zip(&self.leds) {
            if let Some(known) = status.light {
                self.slots[state].wanted = Some(payload::encode(known, status.dims()));
            }
            let text = if status.is_available() {
                ONLINE
            } else {
                OFFLINE
            };
            self.slots[availability].wanted = Some(text.into());
        }
    }

    /// Replaces the discovery.
    pub(crate) fn describe(&mut self, discovery: String) {
        if let Some(slot) = self.discovery.map(|place| &mut self.slots[place]) {
            slot.wanted = Some(discovery);
        }
    }

    /// Retains that everything is offline, and nothing else.
    pub(crate) fn go_offline(&mut self) {
        for slot in &mut self.slots {
            let is_availability = !slot.is_removal && slot.topic.ends_with("/availability");
            slot.wanted = is_availability.then(|| OFFLINE.into());
            slot.retry = None;
        }
        // What is stale may still be there.
        self.has_removed = false;
    }

    /// Everything is published again. What was removed is not: another node may have the topic now.
    pub(crate) fn publish_again(&mut self) {
        for slot in &mut self.slots {
            slot.acknowledged.take_if(|_| !slot.is_removal);
        }
    }

    /// Publishes the payloads that are due, as far as there is room. Returns the topic of a message that is too long for the broker.
    pub(crate) fn publish(&mut self, connection: &Connection) -> Option<String> {
        let now = Instant::now();
        for slot in &mut self.slots {
            // It can still have to wait for other messages, which wake this up.
            slot.retry
                .take_if(|retry| slot.sent.is_none() && *retry <= now);
        }
        for place in 0..self.slots.len() {
            let place = (self.first + place) % self.slots.len();
            let slot = &self.slots[place];
            let is_blocked = || {
                let before = &self.slots[slot.after.clone()];
                before.iter().any(|slot| !slot.is_acknowledged())
            };
            let waits = slot.sent.is_some() || slot.retry.is_some();
            let Some(wanted) = slot
                .wanted
                .clone()
                .filter(|_| !waits && !slot.is_acknowledged())
            else {
                continue;
            };
            if wanted != OFFLINE && is_blocked() {
                continue;
            }
            let message = Outgoing {
                topic: &slot.topic,
                payload: &wanted,
                correlation: self.process.as_ref().map(<[u8; 8]>::as_slice),
                is_retained: true,
            };
            let published = connection.publish(Tag::Slot(place), &message);
            if published == Published::NoRoom {
                self.first = place;
                break;
            }
            self.slots[place].sent = Some(wanted);
            if published == Published::TooLong {
                // It would be as long the next time.
                return Some(self.acknowledged(place, true).to_owned());
            }
        }
        None
    }

    /// Publishes a topic again, a second later, after somebody else has published something else there. What another process of
    /// this program publishes is not corrected, but for its last will: the two would never end.
    pub(crate) fn correct(&mut self, message: &Message) {
        let is_ours =
            message.correlation.as_deref() == self.process.as_ref().map(<[u8; 8]>::as_slice);
        let is_will = message.topic == self.availability && message.payload == OFFLINE.as_bytes();
        if message.correlation.is_some() && !is_ours && !is_will {
            return;
        }
        let mut slots = self.slots.iter_mut().filter(|slot| !slot.is_removal);
        if let Some(slot) = slots.find(|slot| slot.topic == message.topic)
            && let Some(wanted) = &slot.wanted
            && wanted.as_bytes() != message.payload
        {
            slot.acknowledged = None;
            // Whoever publishes again and again does not put it off.
            slot.retry
                .get_or_insert_with(|| Instant::now() + CORRECTION_DELAY);
        }
    }

    /// Publishes everything, until the broker has acknowledged or refused all of it.
    ///
    /// # Errors
    ///
    /// The connection is lost, or the broker refuses a message.
    pub(crate) async fn flush(
        &mut self,
        config: &Config,
        connection: &mut Connection,
    ) -> Result<(), Loss> {
        let mut first_refusal: Option<String> = None;
        loop {
            if let Some(topic) = self.publish(connection) {
                let reason = "it is longer than the broker takes";
                return Err(config.refusal(&topic, reason).into());
            }
            if self.is_settled() {
                let is_acknowledged = self.slots.iter().all(Slot::is_acknowledged);
                let refusal = first_refusal.filter(|_| !is_acknowledged);
                return refusal.map_or(Ok(()), |reason| Err(reason.into()));
            }
            match connection.next().await {
                Event::Acknowledged(Tag::Slot(place), result) => {
                    let topic = self.acknowledged(place, result.is_ok());
                    if let Err(reason) = result {
                        first_refusal.get_or_insert(config.refusal(topic, &reason));
                        // Not again while others are on their way.
                        let retry = &mut self.slots[place].retry;
                        *retry = retry.map(|retry| retry + PATIENCE);
                    }
                }
                Event::Lost(loss) => return Err(loss),
                _ => {}
            }
        }
    }

    /// The broker has acknowledged the last message of a topic, or refused it. Returns the topic.
    pub(crate) fn acknowledged(&mut self, place: usize, is_accepted: bool) -> &str {
        let discovery = self.discovery.map(|place| self.slots[place].topic.clone());
        let slot = &mut self.slots[place];
        let sent = slot.sent.take();
        if is_accepted {
            // Somebody else may have published after it.
            slot.acknowledged = sent.filter(|_| slot.retry.is_none());
            slot.backoff = Backoff::default();
        } else if slot.is_removal && discovery.as_ref() != Some(&slot.topic) {
            // Another user published it. The log names what removes it.
            slot.wanted = None;
            self.has_removed = false;
        } else {
            slot.retry = Some(Instant::now() + slot.backoff.after(None));
        }
        &slot.topic
    }

    /// When to try again what was refused.
    pub(crate) fn retry(&self) -> Option<Instant> {
        let slots = self.slots.iter();
        let waiting = slots.filter(|slot| slot.sent.is_none() && !slot.is_acknowledged());
        waiting.filter_map(|slot| slot.retry).min()
    }

    /// Whether the broker has acknowledged or refused everything.
    pub(crate) fn is_settled(&self) -> bool {
        self.slots
            .iter()
            .all(|slot| slot.is_acknowledged() || (slot.sent.is_none() && slot.retry.is_some()))
    }

    /// Whether the broker has acknowledged the removal of all stale topics.
    pub(crate) fn has_removed(&self) -> bool {
        let mut stale = self.slots.iter().filter(|slot| slot.is_removal);
        self.has_removed && stale.all(Slot::is_acknowledged)
    }
}

#[cfg(test)]
mod tests;
