//! Waiting until a deadline.

use std::{
    thread,
    time::{Duration, Instant},
};

use shared::{Message, MessageType, Oversize, Queue, Received, Select, Timer};

/// The interval at which a condition is checked that no system call can wait for.
pub(crate) const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// How long a command may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Patience {
    /// Wait this long for the reply. Fail at once if there is no controller.
    ForReply(Duration),
    /// Wait this long for a controller to start and to reply.
    ForStart(Duration),
}

impl From<Duration> for Patience {
    fn from(timeout: Duration) -> Patience {
        Patience::ForReply(timeout)
    }
}

/// The end of the time that a command may take.
pub(crate) struct Deadline {
    /// The whole time.
    pub(crate) timeout: Duration,
    /// Whether to wait for a controller that does not run yet.
    pub(crate) includes_start: bool,
    end: Instant,
    /// None if the system has no timer left. Then a receive tries every [`RETRY_INTERVAL`].
    timer: Option<Timer>,
}

impl Deadline {
    pub(crate) fn after(patience: impl Into<Patience>) -> Deadline {
        let (timeout, includes_start) = match patience.into() {
            Patience::ForReply(timeout) => (timeout, false),
            Patience::ForStart(timeout) => (timeout, true),
        };
        Deadline {
            timeout,
            includes_start,
            end: Instant::now() + timeout,
            timer: Timer::new().ok(),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// Sleeps for [`RETRY_INTERVAL`], but not longer than until the deadline; `false` if it has passed.
    pub(crate) fn pause(&self) -> bool {
        let left = self.end.saturating_duration_since(Instant::now());
        thread::sleep(left.min(RETRY_INTERVAL));
        !left.is_zero()
    }

    /// Receives a message of this type; none if the deadline has passed.
    pub(crate) fn receive(
        &mut self,
        queue: &Queue,
        of: MessageType,
    ) -> Result<Option<Message>, shared::Error> {
        let select = Select::Type(of);
        if let Some(timer) = &mut self.timer {
            let mut message = Message::empty(of);
            let received =
                queue.receive_until(&mut message, select, Oversize::Truncate, timer, self.end)?;
            if received == Received::Message {
                return Ok(Some(message));
            }
        }
        loop {
            match queue.try_receive(select, Oversize::Truncate) {
                Err(shared::Error::Empty(_)) if self.pause() => {}
                Err(shared::Error::Empty(_)) => return Ok(None),
                received => return received.map(Some),
            }
        }
    }
}
