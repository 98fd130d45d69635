//! The way from a signal to the end of the controller.
//!
//! A flag that is set while a message is on its way into msgrcv(2) is seen one message too late, which may be never. The
//! removal of the queue cannot be missed: it wakes whoever sleeps on it, and stops whoever comes after.

use std::{
    fs, io, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use shared::{Incoming, Queue};
use signal_hook::{flag, iterator::Signals};

use crate::queues;

/// Whether a signal has asked for the end, and the queue that is removed when one does.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    requested: Option<Signal>,
    queue: Option<Queue>,
    /// What waited in the queue when it was removed.
    lost: Vec<Incoming>,
}

impl Stop {
    /// A stop that SIGTERM, SIGINT, SIGHUP and SIGQUIT ask for; not one that is ignored at the start, like SIGHUP under
    /// nohup(1).
    ///
    /// # Errors
    ///
    /// The handlers or the thread that waits for them cannot be had.
    pub fn on_signals() -> io::Result<Stop> {
        let stop = Stop::default();
        let ignored = ignored_signals();
        let signals = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT].into_iter();
        let signals: Vec<Signal> = signals.filter(|&signal| ignored >> (signal as i32 - 1) & 1 == 0).collect();
        // signal-hook installs its handler an instant before it knows what to do with the signal, and forgets one that
        // comes between: let it wait outside until all is ready. A parent may have blocked some, too.
        let mut mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
        let handled = Signals::new(signals.iter().map(|&signal| signal as i32));
        // Beyond `ulimit -f` a write shall fail, and not end this process as lit as the LED is.
        let unlimited = flag::register(Signal::SIGXFSZ as i32, Arc::default());
        signals.into_iter().for_each(|signal| mask.remove(signal));
        mask.thread_set_mask()?;
        let mut handled = handled?;
        unlimited?;
        let requested = stop.clone();
        thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in handled.forever().filter_map(|signal| Signal::try_from(signal).ok()) {
                requested.request(signal);
            }
        })?;
        Ok(stop)
    }

    /// Names the queue to remove when a stop is requested; says `false` if one has been, and leaves the queue alone.
    #[must_use]
    pub fn watch(&self, queue: Queue) -> bool {
        let mut inner = self.lock();
        inner.queue = Some(queue);
        inner.requested.is_none()
    }

    /// The name of the signal that requested a stop, if one has.
    #[must_use]
    pub fn requested(&self) -> Option<&'static str> {
        self.lock().requested.map(Signal::as_str)
    }

    /// The commands that waited when the queue was removed.
    pub(crate) fn take_lost(&self) -> Vec<Incoming> {
        mem::take(&mut self.lock().lost)
    }

    /// What a signal does when it comes: removes the queue, and keeps what waited in it.
    ///
    /// Nothing is logged here: whoever stalls our standard error shall not keep the LED lit.
    pub fn request(&self, signal: Signal) {
        let mut inner = self.lock();
        inner.requested = Some(signal);
        if let Some(queue) = inner.queue.take() {
            inner.lost = queues::drain(&queue);
            // It may be gone already: the end has begun then.
            let _ = queue.remove();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The signals that this process was started with ignored, as under nohup(1) or in the background of a script, and that stay
/// so: the mask in proc_pid_status(5).
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}
