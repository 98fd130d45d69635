//! The payloads that the broker is to retain, and which of them it has acknowledged, for one connection.
//!
//! Each topic keeps its last payload only, and has at most one message that is not acknowledged. So the memory does not grow with a
//! slow broker, which retains the last payload in the end.

use tokio::time::Instant;

use crate::{
    backoff::Backoff,
    board::Status,
    broker::{Connection, Outgoing, Published, Tag},
    payload,
    topics::{OFFLINE, ONLINE, Topics, is_discovery},
};

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
}

/// A topic, and what is to be retained there. An empty payload removes it.
#[derive(Default)]
struct Slot {
    topic: String,
    wanted: Option<String>,
    /// The payload to publish next, once `wanted` is acknowledged.
    then: Option<String>,
    sent: Option<String>,
    acknowledged: Option<String>,
    /// The topics that must be acknowledged before this one is published.
    after: Vec<usize>,
    /// When to try again what was refused; none while a message waits for its acknowledgement.
    retry: Option<Instant>,
    backoff: Backoff,
}

impl Slot {
    fn is_acknowledged(&self) -> bool {
        self.sent.is_none() && (self.wanted.is_none() || self.wanted == self.acknowledged)
    }
}

impl Outbox {
    /// An outbox that publishes in this order: the removal of stale discovery messages, the payloads of `discovery`, the removal of
    /// the other stale topics. Home Assistant cannot read the empty state of a light that it still has.
    pub(crate) fn new(
        topics: &Topics,
        stale: Vec<String>,
        discovery: [Option<String>; 2],
    ) -> Outbox {
        let slot = |topic: &String, wanted: Option<String>, after: Vec<usize>| Slot {
            topic: topic.clone(),
            wanted,
            after,
            ..Slot::default()
        };
        let removal = |topic, after| slot(topic, Some(String::new()), after);
        let (discoveries, others): (Vec<_>, Vec<_>) =
            stale.iter().partition(|topic| is_discovery(topic));
        let mut slots: Vec<Slot> = discoveries
            .into_iter()
            .map(|topic| removal(topic, vec![]))
            .collect();
        let ([first, discovery], stale) = (discovery, (0..slots.len()).collect());
        let place = topics.discovery.as_ref().map(|_| slots.len());
        if let Some(topic) = &topics.discovery {
            let then = first.is_some().then(|| discovery.clone()).flatten();
            slots.push(Slot {
                then,
                ..slot(topic, first.or(discovery), stale)
            });
        }
        let after: Vec<usize> = (0..slots.len()).collect();
        slots.extend(
            others
                .into_iter()
                .map(|topic| removal(topic, after.clone())),
        );
        let mut leds = Vec::new();
        for led in &topics.leds {
            let state = slots.len();
            leds.push((state, state + 1));
            slots.push(slot(&led.state, None, vec![]));
            // The state before the availability: nobody takes an old state for the current one.
            slots.push(slot(&led.availability, None, vec![state]));
        }
        if slots.iter().all(|slot| slot.topic != topics.availability) {
            slots.push(slot(&topics.availability, Some(ONLINE.into()), vec![]));
        }
        Outbox {
            slots,
            discovery: place,
            leds,
            first: 0,
            has_removed: true,
        }
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
            match &mut slot.then {
                Some(then) => *then = discovery,
                None => slot.wanted = Some(discovery),
            }
        }
    }

    /// Retains that everything is offline, and nothing else.
    pub(crate) fn go_offline(&mut self) {
        for slot in &mut self.slots {
            let is_kept = slot.wanted.take().is_some_and(|wanted| !wanted.is_empty());
            let is_availability = slot.topic.ends_with("/availability");
            slot.wanted = (is_kept && is_availability).then(|| OFFLINE.into());
            slot.retry = None;
        }
        // What is stale may still be there.
        self.has_removed = false;
    }

    /// Everything is published again. What was removed is not: another node may have the topic now.
    pub(crate) fn publish_again(&mut self) {
        for slot in &mut self.slots {
            slot.acknowledged = slot.acknowledged.take().filter(String::is_empty);
        }
    }

    /// Publishes the payloads that are due, as far as there is room, with the number of this process as correlation data. Returns
    /// the topic of a message that is too long for the broker.
    pub(crate) fn publish(&mut self, connection: &Connection, process: &[u8]) -> Option<String> {
        let now = Instant::now();
        for slot in &mut self.slots {
            // It can still have to wait for other messages, which wake this up.
            slot.retry = slot.retry.filter(|retry| *retry > now);
        }
        for place in 0..self.slots.len() {
            let place = (self.first + place) % self.slots.len();
            let slot = &self.slots[place];
            let is_blocked = || {
                slot.after
                    .iter()
                    .any(|&before| !self.slots[before].is_acknowledged())
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
                correlation: Some(process),
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

    /// The broker has acknowledged the last message of a topic, or refused it. Returns the topic.
    pub(crate) fn acknowledged(&mut self, place: usize, is_accepted: bool) -> &str {
        let slot = &mut self.slots[place];
        let sent = slot.sent.take();
        if is_accepted {
            slot.acknowledged = sent;
            slot.backoff = Backoff::default();
            if let Some(then) = slot.then.take() {
                slot.wanted = Some(then);
            }
        } else if slot.wanted.as_deref() == Some("") && slot.then.is_none() {
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
        let waiting = self.slots.iter().filter(|slot| !slot.is_acknowledged());
        waiting.filter_map(|slot| slot.retry).min()
    }

    /// Whether the broker has acknowledged everything.
    pub(crate) fn is_acknowledged(&self) -> bool {
        self.slots.iter().all(Slot::is_acknowledged)
    }

    /// Whether the broker has acknowledged or refused everything.
    pub(crate) fn is_settled(&self) -> bool {
        self.slots
            .iter()
            .all(|slot| slot.is_acknowledged() || slot.retry.is_some())
    }

    /// Whether the broker has acknowledged the removal of all stale topics.
    pub(crate) fn has_removed(&self) -> bool {
        let mut stale = self
            .slots
            .iter()
            .filter(|slot| slot.wanted.as_deref() == Some(""));
        self.has_removed && stale.all(Slot::is_acknowledged)
    }
}
