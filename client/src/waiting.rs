//! What waits in a command queue, as error messages report it.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use nix::time::{ClockId, clock_gettime};
use shared::{QueueStatus, count, lock::Holder};

/// What waits in a command queue, and the process that is to receive it.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Number of messages.
    pub messages: u64,
    /// When the last one was received.
    pub received: LastReceived,
    /// The controller, if it is known.
    pub pid: Option<u32>,
}

/// When the last message of a queue was received. The time can be wrong, because a Pi sets its clock some time after boot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LastReceived {
    /// This long ago.
    Ago(Duration),
    /// At a time before the boot or in the future.
    BeforeTheClockWasSet,
    /// None was received.
    Never,
}

impl Waiting {
    /// What waits in a queue with this state.
    #[must_use]
    pub fn new(status: QueueStatus, holder: &Holder) -> Waiting {
        Waiting {
            messages: status.messages,
            received: LastReceived::new(status.last_received),
            pid: holder.pid(),
        }
    }

    /// Whether a process reads the queue.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self.received, LastReceived::Ago(ago) if ago < Duration::from_secs(2))
    }
}

/// `the controller (PID 640) does not read its queue (2 messages are waiting, the last was received 20 s ago)`
impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) if self.messages == 0 => {
                write!(
                    f,
                    "the controller (PID {pid}) has read its queue and does not reply"
                )
            }
            Some(pid) if self.is_read() => write!(f, "the controller (PID {pid}) reads it"),
            Some(pid) => write!(f, "the controller (PID {pid}) does not read its queue"),
            None if self.is_read() => f.write_str("a process reads it"),
            None => f.write_str("no process is known to serve the queue"),
        }?;
        write!(
            f,
            " ({}, {})",
            messages_waiting(self.messages),
            self.received
        )
    }
}

impl LastReceived {
    fn new(time: Option<SystemTime>) -> LastReceived {
        let Some(time) = time else {
            return LastReceived::Never;
        };
        let uptime = uptime().unwrap_or(Duration::MAX);
        match SystemTime::now().duration_since(time) {
            Ok(ago) if ago <= uptime => LastReceived::Ago(ago),
            _ => LastReceived::BeforeTheClockWasSet,
        }
    }
}

impl fmt::Display for LastReceived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LastReceived::Ago(ago) => write!(f, "the last was received {} s ago", ago.as_secs()),
            LastReceived::BeforeTheClockWasSet => {
                f.write_str("the last was received before the clock was set")
            }
            LastReceived::Never => f.write_str("none was ever received"),
        }
    }
}

/// How long the system has run.
fn uptime() -> Option<Duration> {
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .ok()
        .map(Duration::from)
}

/// `1 message is waiting`
#[must_use]
pub fn messages_waiting(messages: u64) -> String {
    let is = if messages == 1 { "is" } else { "are" };
    format!("{} {is} waiting", count(messages, "message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_before_the_boot_or_in_the_future_is_before_the_clock_was_set() {
        let now = SystemTime::now();
        let booted = uptime().unwrap();
        let received = |time| LastReceived::new(Some(time));
        assert!(matches!(received(now - booted / 2), LastReceived::Ago(_)));
        let before = now - booted - Duration::from_secs(60);
        for time in [before, now + Duration::from_secs(60)] {
            assert_eq!(received(time), LastReceived::BeforeTheClockWasSet);
        }
        assert_eq!(LastReceived::new(None), LastReceived::Never);
    }
}
