//! Receiving until an instant, which System V does not have.

use std::{
    io,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use libc::SIGURG;
use nix::{
    sys::{
        signal::{SigEvent, SigSet, SigevNotify, Signal},
        timer::{Expiration, Timer as PosixTimer, TimerSetTimeFlags},
    },
    time::ClockId,
    unistd::gettid,
};
use signal_hook::flag;

use super::{Error, Message, Oversize, Queue, Received, Select};

/// How soon the timer fires again. A signal that comes between the look at the clock and msgrcv(2) does not end the call; the
/// next one does.
const REPEAT: Duration = Duration::from_micros(100);

/// A timer that ends a msgrcv(2) of the thread that created it, see [`Queue::receive_until`].
///
/// It is a timer of timer_create(2) that sends SIGURG to this thread. The default action of SIGURG is to ignore it, so a process
/// that inherits or receives one is not ended. The timer runs only while the thread is in msgrcv(2): a signal every 100 µs would
/// keep other calls from ending.
#[derive(Debug)]
pub struct Timer(PosixTimer);

impl Timer {
    /// Creates a timer for this thread, unblocks SIGURG in it, and handles SIGURG in this process.
    ///
    /// # Errors
    ///
    /// Those of sigaction(2) and timer_create(2): EAGAIN if the kernel has no memory for it, or `RLIMIT_SIGPENDING` is reached.
    pub fn new() -> io::Result<Timer> {
        static HANDLER: OnceLock<Result<(), Option<i32>>> = OnceLock::new();
        // Any handler makes the signal interrupt the call. Nothing reads its flag.
        let handler = HANDLER.get_or_init(|| {
            flag::register(SIGURG, Arc::default())
                .map(drop)
                .map_err(|error| error.raw_os_error())
        });
        handler.map_err(|errno| {
            errno.map_or(io::ErrorKind::Other.into(), io::Error::from_raw_os_error)
        })?;
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGURG);
        mask.thread_unblock()?;
        let notify = SigevNotify::SigevThreadId {
            signal: Signal::SIGURG,
            thread_id: gettid().as_raw(),
            si_value: 0,
        };
        Ok(Timer(PosixTimer::new(
            ClockId::CLOCK_MONOTONIC,
            SigEvent::new(notify),
        )?))
    }

    fn start(&mut self, left: Duration) -> io::Result<()> {
        // An interval of 0 would stop the timer.
        let left = left.max(Duration::from_nanos(1));
        let expiration = Expiration::IntervalDelayed(left.into(), REPEAT.into());
        Ok(self.0.set(expiration, TimerSetTimeFlags::empty())?)
    }

    fn stop(&mut self) {
        // timer_settime(2) fails for no timer that exists.
        let stopped = Expiration::OneShot(Duration::ZERO.into());
        let _ = self.0.set(stopped, TimerSetTimeFlags::empty());
    }
}

impl Queue {
    /// Receives into `message`, and sleeps until there is a message or this instant has come: msgrcv(2), ended by a timer. After
    /// a timeout or an error `message` is unchanged. An instant that has passed takes precedence over a message: a flood of messages
    /// does not delay the timeout.
    ///
    /// # Errors
    ///
    /// Those of [`Queue::receive`].
    pub fn receive_until<const N: usize>(
        &self,
        message: &mut Message<N>,
        select: Select,
        oversize: Oversize,
        timer: &mut Timer,
        end: Instant,
    ) -> Result<Received, Error> {
        let (selector, flag) = select.to_raw();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Received::Timeout);
            }
            // A message that waits needs no timer.
            match self.receive_raw(message, selector, oversize, libc::IPC_NOWAIT | flag) {
                Err(Error::Empty(_)) => {}
                Err(Error::Interrupted(_)) => continue,
                received => return received.map(|()| Received::Message),
            }
            timer.start(left).map_err(|source| Error::Os {
                call: "timer_settime",
                source,
            })?;
            let received = self.receive_raw(message, selector, oversize, flag);
            timer.stop();
            match received {
                Err(Error::Interrupted(_)) => {}
                received => return received.map(|()| Received::Message),
            }
        }
    }
}
