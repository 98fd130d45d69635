//! Waiting until a deadline: msgrcv(2) has no timeout.

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
    unistd::gettid,
};
use shared::{Message, MessageType, Oversize, Queue, Select};

/// How often to look again for a queue that was removed or is full. A controller that restarts is back within milliseconds.
///
/// Only clients whose queue was removed poll for the next one: the kernel does not announce queues.
pub(crate) const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// When a client stops waiting for its reply.
pub(crate) struct Deadline {
    end: Instant,
    /// Interrupts msgrcv(2) at the deadline and then every 10 ms: a signal that comes just before the call does not end it.
    /// Without a timer the reply queue is polled.
    timer: Option<Timer>,
}

impl Deadline {
    pub(crate) fn after(timeout: Duration) -> Deadline {
        Deadline {
            end: Instant::now() + timeout,
            timer: timer(timeout).ok(),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// Sleeps until the next retry; `false` if the deadline has passed.
    pub(crate) fn pause(&self) -> bool {
        let left = self.end.saturating_duration_since(Instant::now());
        thread::sleep(left.min(RETRY_INTERVAL));
        !left.is_zero()
    }

    /// Receives a message of this type; none if the deadline has passed.
    pub(crate) fn receive(
        &self,
        queue: &Queue,
        of: MessageType,
    ) -> Result<Option<Message>, shared::Error> {
        let select = Select::Type(of);
        loop {
            let received = match self.timer {
                Some(_) => queue.receive_until_signal(select, Oversize::Truncate),
                None => queue.try_receive(select, Oversize::Truncate),
            };
            match received {
                Ok(message) => return Ok(Some(message)),
                Err(shared::Error::Interrupted(_) | shared::Error::Empty(_)) if self.is_over() => {
                    return Ok(None);
                }
                Err(shared::Error::Interrupted(_)) => {}
                Err(shared::Error::Empty(_)) => thread::sleep(RETRY_INTERVAL),
                Err(error) => return Err(error),
            }
        }
    }
}

fn timer(timeout: Duration) -> Result<Timer, Errno> {
    static HANDLER: Once = Once::new();
    // Any handler interrupts the call. The flag is not used.
    HANDLER.call_once(|| {
        drop(signal_hook::flag::register(
            Signal::SIGALRM as i32,
            Arc::default(),
        ))
    });
    let mut alarm = SigSet::empty();
    alarm.add(Signal::SIGALRM);
    // The parent may have blocked it.
    alarm.thread_unblock()?;
    let notify = SigevNotify::SigevThreadId {
        signal: Signal::SIGALRM,
        thread_id: gettid().as_raw(),
        si_value: 0,
    };
    let mut timer = Timer::new(ClockId::CLOCK_MONOTONIC, SigEvent::new(notify))?;
    timer.set(
        Expiration::IntervalDelayed(timeout.into(), RETRY_INTERVAL.into()),
        TimerSetTimeFlags::empty(),
    )?;
    Ok(timer)
}
