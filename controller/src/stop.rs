//! The way from a signal to the end of the controller.
//!
//! A flag that is set while a message is on its way into msgrcv(2) is seen one message too late, which may be never. The
//! removal of the queue cannot be missed: it wakes whoever sleeps on it, and stops whoever comes after.

use std::{
    fs, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use nix::sys::signal::{SigSet, SigmaskHow};
use shared::Queue;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    iterator::Signals,
    low_level::signal_name,
};

use crate::queues;

/// Whether a signal has asked for the end, and the queue that is removed when one does.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    requested: bool,
    queue: Option<Queue>,
}

impl Stop {
    /// A stop that SIGTERM, SIGINT, SIGHUP and SIGQUIT ask for; not SIGHUP where nohup(1) has it ignored.
    ///
    /// # Errors
    ///
    /// The handlers or the thread that waits for them cannot be had.
    pub fn on_signals() -> io::Result<Stop> {
        let stop = Stop::default();
        let mut signals = vec![SIGTERM, SIGINT, SIGQUIT];
        if !is_ignored(SIGHUP) {
            signals.push(SIGHUP);
        }
        // signal-hook installs its handler an instant before it knows what to do with the signal, and forgets one that
        // comes between: let it wait outside until all is ready.
        let unblocked = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
        let signals = Signals::new(signals);
        unblocked.thread_set_mask()?;
        let mut signals = signals?;
        let requested = stop.clone();
        thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in signals.forever() {
                log::info!("{}: ending", signal_name(signal).unwrap_or("signal"));
                requested.request();
            }
        })?;
        Ok(stop)
    }

    /// Names the queue to remove when a stop is requested; says `false` if one has been, and leaves the queue alone.
    #[must_use]
    pub fn watch(&self, queue: Queue) -> bool {
        let mut inner = self.lock();
        inner.queue = Some(queue);
        !inner.requested
    }

    /// Whether a stop has been requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.lock().requested
    }

    fn request(&self) {
        let mut inner = self.lock();
        inner.requested = true;
        if let Some(queue) = inner.queue.take() {
            queues::discard(&queue, "the controller ends");
            if let Err(error) = queue.remove() {
                log::debug!("the command queue went before its removal: {error}");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this process was started with the signal ignored: the mask of ignored signals in proc_pid_status(5).
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
