//! Ends the controller after a signal, by removing its command queue.
//!
//! A flag would not be enough: if a handler sets it just before msgrcv(2) sleeps, the call sleeps on. The removal of the queue ends
//! this call or the next one.

use std::{
    fs, io, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use shared::Queue;
use signal_hook::{flag, iterator::Signals};

use crate::drain::{Drained, drain};

/// The end of the controller, requested by a signal.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(Arc<Mutex<Requested>>);

#[derive(Debug, Default)]
struct Requested {
    signal: Option<Signal>,
    /// The command queue and the reply queue.
    queues: Option<(Queue, Queue)>,
    /// What was in the command queue when it was removed.
    drained: Drained,
}

impl Shutdown {
    /// Handles SIGTERM, SIGINT, SIGHUP and SIGQUIT, except those that the process inherited as ignored, like SIGHUP from
    /// nohup(1).
    ///
    /// # Errors
    ///
    /// The handlers cannot be installed, or the thread cannot be started.
    pub fn on_signals() -> io::Result<Shutdown> {
        let shutdown = Shutdown::default();
        let ignored = ignored_signals();
        let signals = [
            Signal::SIGTERM,
            Signal::SIGINT,
            Signal::SIGHUP,
            Signal::SIGQUIT,
        ]
        .into_iter();
        let signals: Vec<Signal> = signals
            .filter(|&signal| ignored >> (signal as i32 - 1) & 1 == 0)
            .collect();
        // signal-hook loses a signal that comes between its sigaction(2) and the registration of the action. So block all until
        // both are done. Then unblock them, also those that the parent had blocked.
        let mut mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
        let handled = Signals::new(signals.iter().map(|&signal| signal as i32));
        // Catch SIGXFSZ: a write beyond the limit of file sizes must not kill the process while the LED is on.
        let file_size = flag::register(Signal::SIGXFSZ as i32, Arc::default());
        signals.into_iter().for_each(|signal| mask.remove(signal));
        mask.thread_set_mask()?;
        let mut handled = handled?;
        file_size?;
        let requested = shutdown.clone();
        thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                for signal in handled
                    .forever()
                    .filter_map(|signal| Signal::try_from(signal).ok())
                {
                    requested.request(signal);
                }
            })?;
        Ok(shutdown)
    }

    /// Sets the queues to drain when a signal comes. Returns `false` if one has come already; the queues are not drained then.
    #[must_use]
    pub fn set_queues(&self, commands: Queue, replies: Queue) -> bool {
        let mut requested = self.lock();
        requested.queues = Some((commands, replies));
        requested.signal.is_none()
    }

    /// The name of the signal that requested the end, if one has come.
    #[must_use]
    pub fn requested(&self) -> Option<&'static str> {
        self.lock().signal.map(Signal::as_str)
    }

    /// What was drained when the signal came.
    pub(crate) fn take_drained(&self) -> Drained {
        mem::take(&mut self.lock().drained)
    }

    /// Requests the end, as this signal does: drains the command queue, which ends the loop.
    ///
    /// Does not log: a blocked standard error would delay the end, with the LED on.
    pub fn request(&self, signal: Signal) {
        let mut requested = self.lock();
        requested.signal = Some(signal);
        if let Some((commands, replies)) = requested.queues.take() {
            requested.drained = drain(&commands, Some(&replies));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Requested> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The signals that this process inherited as ignored: the mask in proc_pid_status(5).
fn ignored_signals() -> u64 {
    // Read bytes: the first line has the program's name, which can be cut within a character.
    let status = fs::read("/proc/self/status").unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default()
}
