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
use shared::Queue;
use signal_hook::{flag, iterator::Signals};

use crate::lost::{self, Lost};

/// Whether a signal has asked for the end, and the queues that are closed when one does.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    requested: Option<Signal>,
    /// The command queue, and the reply queue.
    queues: Option<(Queue, Queue)>,
    /// What waited in the command queue when it was removed.
    lost: Lost,
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

    /// Names the queues to close when a stop is requested; `false` if one has been, and the queues are left alone.
    #[must_use]
    pub fn watch(&self, commands: Queue, replies: Queue) -> bool {
        let mut inner = self.lock();
        inner.queues = Some((commands, replies));
        inner.requested.is_none()
    }

    /// The name of the signal that requested a stop, if one has.
    #[must_use]
    pub fn requested(&self) -> Option<&'static str> {
        self.lock().requested.map(Signal::as_str)
    }

    /// The commands that waited when the queue was removed.
    pub(crate) fn take_lost(&self) -> Lost {
        mem::take(&mut self.lock().lost)
    }

    /// What a signal does when it comes: closes the command queue, which ends the loop, and keeps what waited in it.
    ///
    /// Log only after cleanup: a blocked standard error would keep the LED lit.
    pub fn request(&self, signal: Signal) {
        let mut inner = self.lock();
        inner.requested = Some(signal);
        if let Some((commands, replies)) = inner.queues.take() {
            inner.lost = lost::close(&commands, Some(&replies));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The signals that this process was started with ignored, as under nohup(1) or in the background of a script, and that stay
/// so: the mask in proc_pid_status(5).
fn ignored_signals() -> u64 {
    // The name of the program, in the first line, may be cut inside a character.
    let status = fs::read("/proc/self/status").unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}
