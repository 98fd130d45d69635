//! What is to be published. The threads of the LEDs write it, the thread of the connection reads it.
//!
//! Only the last status of an LED is kept, so a broker that is slow or gone costs no memory, and what is retained at the end is
//! the last status.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use logging::RateLimit;
use shared::State;
use tokio::sync::Notify;

/// The most lines that others can write to the log within a minute.
const LINES_MAX: u64 = 10;

/// The most responses that wait for the broker.
const RESPONSES_MAX: usize = 64;

/// What is known of an LED.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Status {
    /// None if there is no controller.
    pub(crate) state: Option<State>,
    /// Whether a command was not answered in time, and none since.
    pub(crate) is_stalled: bool,
}

impl Status {
    pub(crate) fn is_available(self) -> bool {
        self.state.is_some() && !self.is_stalled
    }
}

/// The reply to a command whose sender asked for one.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) to: ResponseTo,
    pub(crate) text: String,
}

/// Where the sender of a command expects the reply.
#[derive(Clone, Debug)]
pub(crate) struct ResponseTo {
    pub(crate) topic: String,
    pub(crate) correlation: Option<Vec<u8>>,
}

pub(crate) struct Outbox {
    /// Of the lines that others cause.
    pub(crate) limit: RateLimit,
    content: Mutex<Content>,
    changed: Notify,
}

struct Content {
    statuses: Vec<Status>,
    /// The LEDs whose status has changed, each once.
    changed: VecDeque<usize>,
    is_changed: Vec<bool>,
    responses: VecDeque<Response>,
}

impl Outbox {
    pub(crate) fn new(leds: usize) -> Outbox {
        let content = Content {
            statuses: vec![Status::default(); leds],
            changed: VecDeque::new(),
            is_changed: vec![false; leds],
            responses: VecDeque::new(),
        };
        Outbox {
            limit: RateLimit::new(LINES_MAX),
            content: Mutex::new(content),
            changed: Notify::new(),
        }
    }

    /// Waits until something is to be published.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    pub(crate) fn status(&self, led: usize) -> Status {
        self.lock().statuses[led]
    }

    /// Changes the status of an LED.
    pub(crate) fn update(&self, led: usize, change: impl FnOnce(&mut Status)) {
        let mut content = self.lock();
        let before = content.statuses[led];
        change(&mut content.statuses[led]);
        if content.statuses[led] != before {
            content.mark(led);
            drop(content);
            self.changed.notify_one();
        }
    }

    /// Adds a response. If too many wait, the oldest is dropped: who asked last still waits for it.
    pub(crate) fn respond(&self, response: Response) {
        let mut content = self.lock();
        content.responses.push_back(response);
        self.drop_oldest(content);
        self.changed.notify_one();
    }

    /// Lets the status of each LED be published again.
    pub(crate) fn mark_all(&self) {
        let mut content = self.lock();
        for led in 0..content.statuses.len() {
            content.mark(led);
        }
    }

    /// Drops the responses: those who asked are on another connection.
    pub(crate) fn forget_responses(&self) {
        self.lock().responses.clear();
    }

    /// The next LED whose status has changed, and its status now.
    pub(crate) fn next_status(&self) -> Option<(usize, Status)> {
        let mut content = self.lock();
        let led = content.changed.pop_front()?;
        content.is_changed[led] = false;
        Some((led, content.statuses[led]))
    }

    /// Lets the status of an LED be published again.
    pub(crate) fn mark(&self, led: usize) {
        self.lock().mark(led);
    }

    pub(crate) fn next_response(&self) -> Option<Response> {
        self.lock().responses.pop_front()
    }

    pub(crate) fn put_back(&self, response: Response) {
        let mut content = self.lock();
        content.responses.push_front(response);
        self.drop_oldest(content);
    }

    fn drop_oldest(&self, mut content: MutexGuard<'_, Content>) {
        if content.responses.len() > RESPONSES_MAX {
            content.responses.pop_front();
            drop(content);
            if self.limit.allows() {
                log::warn!("too many responses wait for the broker: the oldest was dropped");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn mark(&mut self, led: usize) {
        if !self.is_changed[led] {
            self.is_changed[led] = true;
            self.changed.push_back(led);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_response_is_dropped_if_too_many_wait() {
        let outbox = Outbox::new(0);
        let response = |number: usize| Response {
            to: ResponseTo {
                topic: String::new(),
                correlation: None,
            },
            text: number.to_string(),
        };
        (0..=RESPONSES_MAX).for_each(|number| outbox.respond(response(number)));
        // The oldest is put back after another one has taken its place.
        let taken = outbox.next_response().unwrap();
        outbox.respond(response(RESPONSES_MAX + 1));
        outbox.put_back(taken);
        let texts: Vec<String> = std::iter::from_fn(|| outbox.next_response())
            .map(|response| response.text)
            .collect();
        let last = 2..RESPONSES_MAX + 2;
        assert_eq!(
            texts,
            last.map(|number| number.to_string()).collect::<Vec<_>>()
        );
    }
}
