//! The payloads that the broker is to retain, and which of them it has acknowledged, for one connection.
//!
//! Each topic keeps its last payload only, and has at most one message that is not acknowledged. So the memory does not grow with a
//! slow broker, which retains the last payload in the end.

mod contents;

use std::{ops::Range, time::Duration};

use tokio::time::Instant;

use crate::{
    backoff::Backoff,
    board::Status,
    broker::{Connection, Event, Loss, Message, Outgoing, Published, Tag},
    config::Config,
    payload,
    topics::{OFFLINE, ONLINE},
};

/// Why a message is not published that the broker would answer with the end of the connection.
pub(crate) const TOO_LONG: &str = "it is longer than the broker takes";
/// How long to wait before a topic that somebody else has changed is published again.
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
    /// The number of the process, which is the correlation data of each message, if there is one.
    process: Option<[u8; 8]>,
}

/// A topic, and what is to be retained there.
#[derive(Default)]
struct Slot {
    topic: String,
    wanted: Option<String>,
    kind: Kind,
    sent: Option<String>,
    acknowledged: Option<String>,
    /// The places of the topics that must be acknowledged before this one is published.
    after: Range<usize>,
    /// When to publish again what was refused, or what somebody else has replaced.
    retry: Option<Instant>,
    backoff: Backoff,
}

/// What becomes of a payload after its acknowledgement, and after a refusal.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
enum Kind {
    /// It is published again when it is asked for, when somebody has changed it, and after a refusal.
    #[default]
    Kept,
    /// It removes what is stale in the discovery of this node: once, and again after a refusal.
    Correction,
    /// It removes a stale topic: once, and not again after a refusal, because another user has published it.
    Removal,
}

impl Slot {
    fn is_acknowledged(&self) -> bool {
        self.sent.is_none() && (self.wanted.is_none() || self.wanted == self.acknowledged)
    }
}

impl Outbox {
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
            let is_availability = slot.kind == Kind::Kept && slot.topic.ends_with("/availability");
            slot.wanted = is_availability.then(|| OFFLINE.into());
            slot.retry = None;
        }
        // What is stale may still be there.
        self.has_removed = false;
    }

    /// Everything is published again. What was removed is not: another node may have the topic now.
    pub(crate) fn publish_again(&mut self) {
        for slot in &mut self.slots {
            slot.acknowledged.take_if(|_| slot.kind == Kind::Kept);
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

    /// Publishes a topic again, a second after somebody else has published something else there. What another process of led-mqtt
    /// publishes is not corrected, because the two would go on for ever. Its last will, on this topic, is corrected.
    pub(crate) fn correct(&mut self, will: &str, message: &Message) {
        let is_ours =
            message.correlation.as_deref() == self.process.as_ref().map(<[u8; 8]>::as_slice);
        let is_will = message.topic == will && message.payload == OFFLINE.as_bytes();
        if message.correlation.is_some() && !is_ours && !is_will {
            return;
        }
        let mut slots = self.slots.iter_mut();
        let is_kept = |slot: &&mut Slot| slot.kind == Kind::Kept && slot.topic == message.topic;
        if let Some(slot) = slots.find(is_kept)
            && let Some(wanted) = &slot.wanted
            && wanted.as_bytes() != message.payload
        {
            slot.acknowledged = None;
            // Further messages do not delay the correction.
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
        let mut first_refusal = None;
        loop {
            if let Some(topic) = self.publish(connection) {
                return Err(config.refusal(&topic, TOO_LONG).into());
            }
            if self.is_settled() {
                return first_refusal.map_or(Ok(()), |reason: String| Err(reason.into()));
            }
            match connection.next().await {
                Event::Acknowledged(Tag::Slot(place), result) => {
                    self.acknowledged(place, result.is_ok());
                    let slot = &mut self.slots[place];
                    // It is not tried again, and nothing is lost if it was no longer wanted.
                    if let Err(reason) = result
                        && slot.wanted.take().is_some()
                    {
                        first_refusal.get_or_insert(config.refusal(&slot.topic, &reason));
                    }
                }
                Event::Lost(loss) => return Err(loss),
                _ => {}
            }
        }
    }

    /// The broker has acknowledged the last message of a topic, or refused it. Returns the topic.
    pub(crate) fn acknowledged(&mut self, place: usize, is_accepted: bool) -> &str {
        let slot = &mut self.slots[place];
        let sent = slot.sent.take();
        if is_accepted {
            // Somebody else may have published after it.
            slot.acknowledged = sent.filter(|_| slot.retry.is_none());
            slot.backoff = Backoff::default();
        } else if slot.kind == Kind::Removal {
            // The log names what removes it.
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
        let mut stale = self.slots.iter().filter(|slot| slot.kind != Kind::Kept);
        self.has_removed && stale.all(Slot::is_acknowledged)
    }
}

#[cfg(test)]
mod tests;
