//! What the threads of the LEDs report to the connection.

use logging::RateLimit;
use shared::Light;
use tokio::sync::{broadcast, watch};

/// The most lines that others can write to the log within a minute.
const LINES_MAX: u64 = 10;
/// The most responses that wait for the broker. If there are more, the oldest is dropped: the latest requester is the most likely
/// to be still waiting.
const RESPONSES_MAX: usize = 64;

/// What is known of an LED.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Status {
    /// None if there is no controller.
    pub(crate) light: Option<Light>,
    /// The number of its levels, with off, as the last controller said.
    pub(crate) levels: Option<u32>,
    /// Whether the controller did not reply to the last command in time.
    pub(crate) is_stalled: bool,
}

impl Status {
    /// Whether it has levels between off and on.
    pub(crate) fn dims(self) -> bool {
        self.levels.is_some_and(|levels| levels > 2)
    }

    pub(crate) fn is_available(self) -> bool {
        self.light.is_some() && !self.is_stalled
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

/// The status of each LED, and the responses.
pub(crate) struct Board {
    /// The limit of log lines that others cause.
    pub(crate) limit: RateLimit,
    pub(crate) statuses: watch::Sender<Vec<Status>>,
    pub(crate) responses: broadcast::Sender<Response>,
}

impl Board {
    pub(crate) fn new(leds: usize) -> Board {
        Board {
            limit: RateLimit::new(LINES_MAX),
            statuses: watch::Sender::new(vec![Status::default(); leds]),
            responses: broadcast::Sender::new(RESPONSES_MAX),
        }
    }

    pub(crate) fn status(&self, led: usize) -> Status {
        self.statuses.borrow()[led]
    }

    /// Changes the status of an LED.
    pub(crate) fn update(&self, led: usize, change: impl FnOnce(&mut Status)) {
        self.statuses.send_if_modified(|statuses| {
            let before = statuses[led];
            change(&mut statuses[led]);
            statuses[led] != before
        });
    }

    /// Sends a reply to a command, if its sender asked for one.
    pub(crate) fn respond(&self, to: Option<ResponseTo>, text: impl FnOnce() -> String) {
        if let Some(to) = to {
            // It fails without a receiver: then there is no connection, and nobody waits for the response.
            let _ = self.responses.send(Response { to, text: text() });
        }
    }

    /// Logs why a command is not applied, and sends this as the reply.
    pub(crate) fn refuse(&self, command: &str, to: Option<ResponseTo>, reason: &str) {
        self.warn(|| format!("{command}: {reason}"));
        self.respond(to, || format!("ERR {reason}"));
    }

    /// Logs a line that others cause.
    pub(crate) fn warn(&self, line: impl FnOnce() -> String) {
        if self.limit.allows() {
            log::warn!("{}", line());
        }
    }
}
