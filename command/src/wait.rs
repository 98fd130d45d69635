//! Waiting until a deadline: msgrcv(2) has no timeout of its own.

use std::{
    sync::{Arc, Once},
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::{
        signal::{SigEvent, SigSet, SigevNotify, Signal},
        timer::{Expiration, Timer, TimerSetTimeFlags},
    },
    time::ClockId,
};
use shared::{Message, MessageType, Oversize, Queue, Select};

/// How soon to look again for a queue that went away, or that is full: a controller that restarts is back within milliseconds.
///
/// This is the one thing that is polled. Nothing announces a queue, and only a client that has seen one go looks for the next.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The time that a client has for its answer.
pub(crate) struct Wait {
    deadline: Instant,
    /// Interrupts a wait at the deadline and then every 10 ms: a signal that comes just before msgrcv(2) does not end it.
    /// None where the system gives no timer; then the reply queue is polled.
    timer: Option<Timer>,
}

impl Wait {
    pub(crate) fn start(patience: Duration) -> Wait {
        Wait { deadline: Instant::now() + patience, timer: timer(patience).ok() }
    }

    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Sleeps until it is time to look again; `false` when the time is over.
    pub(crate) fn pause(&self) -> bool {
        let left = self.deadline.saturating_duration_since(Instant::now());
        thread::sleep(left.min(LOOK_AGAIN));
        !left.is_zero()
    }

    /// The message of this type, when it comes; none when the time is over.
    pub(crate) fn receive(&self, queue: &Queue, of: MessageType) -> Result<Option<Message>, shared::Error> {
        let select = Select::Type(of);
        loop {
            let received = match self.timer {
                Some(_) => queue.receive_until_signal(select, Oversize::Truncate),
                None => queue.try_receive(select, Oversize::Truncate),
            };
            match received {
                Ok(message) => return Ok(Some(message)),
                Err(shared::Error::Interrupted(_) | shared::Error::Empty(_)) if self.is_over() => return Ok(None),
                Err(shared::Error::Interrupted(_)) => {}
                Err(shared::Error::Empty(_)) => thread::sleep(LOOK_AGAIN),
                Err(error) => return Err(error),
            }
        }
    }
}

fn timer(patience: Duration) -> Result<Timer, Errno> {
    static HANDLER: Once = Once::new();
    // The handler sets a flag that nobody reads: that it is called interrupts the wait.
    HANDLER.call_once(|| drop(signal_hook::flag::register(Signal::SIGALRM as i32, Arc::default())));
    let mut alarm = SigSet::empty();
    alarm.add(Signal::SIGALRM);
    // The parent may have blocked it.
    alarm.thread_unblock()?;
    let notify = SigevNotify::SigevSignal { signal: Signal::SIGALRM, si_value: 0 };
    let mut timer = Timer::new(ClockId::CLOCK_MONOTONIC, SigEvent::new(notify))?;
    timer.set(Expiration::IntervalDelayed(patience.into(), LOOK_AGAIN.into()), TimerSetTimeFlags::empty())?;
    Ok(timer)
}
