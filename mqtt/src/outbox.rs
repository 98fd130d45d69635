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

    /// Adds a response; `false` if too many wait.
    pub(crate) fn respond(&self, response: Response) -> bool {
        let mut content = self.lock();
        let has_room = content.responses.len() < RESPONSES_MAX;
        if has_room {
            content.responses.push_back(response);
            drop(content);
            self.changed.notify_one();
        }
        has_room
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
        self.lock().responses.push_front(response);
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
