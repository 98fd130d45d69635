//! The LED: on, off or blinking.

use std::{
    io, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Instant,
};

use shared::{Blink, State};

use crate::{
    Level, Output,
    rate_limit::{self, Kind},
};

/// An LED. A thread drives it while it blinks; otherwise there is none.
pub struct Led {
    shared: Arc<Shared>,
    /// The last thread that was started. It ends when the LED does something else.
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    inner: Mutex<Inner>,
    /// Signalled when the LED stops blinking.
    changed: Condvar,
}

struct Inner {
    output: Box<dyn Output>,
    level: Level,
    blinking: Option<Blinking>,
    /// Number of threads started, which numbers them.
    threads: u64,
}

/// What a thread is doing.
struct Blinking {
    thread: u64,
    blink: Blink,
    /// Flashes left, with the current one; not used without a count.
    left: u32,
    /// When the first flash began.
    begin: Instant,
}

impl Led {
    /// An LED that is on or off, as its output is already.
    #[must_use]
    pub fn new(output: Box<dyn Output>, level: Level) -> Self {
        let inner = Mutex::new(Inner { output, level, blinking: None, threads: 0 });
        Led { shared: Arc::new(Shared { inner, changed: Condvar::new() }), thread: None }
    }

    /// What it does now.
    #[must_use]
    pub fn state(&self) -> State {
        let inner = self.shared.lock();
        match &inner.blinking {
            Some(Blinking { blink, left, .. }) => {
                let count = blink.count().map(|_| *left);
                State::Blink(Blink::new(blink.on(), blink.off(), count).unwrap_or(*blink))
            }
            None => inner.level.into(),
        }
    }

    /// Turns it on or off.
    ///
    /// # Errors
    ///
    /// Those of [`Output::set`]. It does not blink then either.
    pub fn set(&mut self, level: Level) -> io::Result<()> {
        self.shared.stop_blinking().set(level)
    }

    /// Turns it off for good. Tries twice, because no later command may correct an error.
    ///
    /// # Errors
    ///
    /// Those of [`Led::set`].
    pub fn turn_off(&mut self) -> io::Result<()> {
        match self.set(Level::Off) {
            // A terminal that was not read in time will not be read now.
            Err(error) if error.kind() != io::ErrorKind::TimedOut => self.set(Level::Off),
            result => result,
        }
    }

    /// Turns it on if it is off, else off. One that blinks is turned off.
    ///
    /// # Errors
    ///
    /// Those of [`Led::set`].
    pub fn toggle(&mut self) -> io::Result<()> {
        match self.state() {
            State::Off => self.set(Level::On),
            State::On | State::Blink(_) => self.set(Level::Off),
        }
    }

    /// Turns it on, and lets it blink until the next change.
    ///
    /// # Errors
    ///
    /// Those of [`Led::set`]; or no thread can be started, and the LED is unchanged.
    pub fn blink(&mut self, blink: Blink) -> io::Result<()> {
        let mut inner = self.shared.lock();
        inner.threads += 1;
        let (shared, id) = (Arc::clone(&self.shared), inner.threads);
        // The thread waits for the lock first.
        let thread = thread::Builder::new()
            .name("blink".into())
            .spawn(move || shared.run(id))
            .map_err(|error| io::Error::new(error.kind(), format!("no thread to blink in: {error}")))?;
        let result = inner.set(Level::On);
        let left = blink.count().unwrap_or_default();
        inner.blinking = result.is_ok().then(|| Blinking { thread: id, blink, left, begin: Instant::now() });
        self.shared.changed.notify_all();
        drop(inner);
        self.join(Some(thread));
        result
    }

    /// Waits for the last thread, which has nothing left to do.
    fn join(&mut self, next: Option<JoinHandle<()>>) {
        if let Some(ended) = mem::replace(&mut self.thread, next) {
            let _ = ended.join();
        }
    }
}

/// Releases the output before it returns.
impl Drop for Led {
    fn drop(&mut self) {
        drop(self.shared.stop_blinking());
        self.join(None);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop_blinking(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.lock();
        inner.blinking = None;
        self.changed.notify_all();
        inner
    }

    /// Blinks in the thread with this number, until the LED does something else.
    fn run(&self, thread: u64) {
        let result = self.alternate(thread);
        if let Some(Err(error)) = result
            && rate_limit::allows(Kind::Led)
        {
            log::error!("the LED stops blinking, its output failed: {error}");
        }
    }

    /// None when the LED does something else.
    fn alternate(&self, thread: u64) -> Option<io::Result<()>> {
        let mut inner = self.lock();
        let &mut Blinking { blink, mut begin, .. } = inner.blinking(thread)?;
        let period = blink.on() + blink.off();
        // Deadlines are absolute, so delays do not accumulate.
        loop {
            inner = self.wait_until(begin + blink.on(), inner, thread)?;
            if let Err(error) = inner.set(Level::Off) {
                return Some(Err(error));
            }
            let blinking = inner.blinking(thread)?;
            if blink.count().is_some() {
                blinking.left -= 1;
                if blinking.left == 0 {
                    inner.blinking = None;
                    return None;
                }
            }
            // Flashes that were missed, because the process was stopped, are left out.
            begin += period;
            let missed = begin.elapsed().as_nanos() / period.as_nanos();
            begin += period * u32::try_from(missed).unwrap_or(u32::MAX);
            inner = self.wait_until(begin, inner, thread)?;
            if let Err(error) = inner.set(Level::On) {
                return Some(Err(error));
            }
        }
    }

    /// Waits until this instant; none when the LED does something else.
    fn wait_until<'a>(
        &self,
        end: Instant,
        mut inner: MutexGuard<'a, Inner>,
        thread: u64,
    ) -> Option<MutexGuard<'a, Inner>> {
        loop {
            inner.blinking(thread)?;
            let remaining = end.saturating_duration_since(Instant::now());
            if remaining.is_zero() {
                return Some(inner);
            }
            inner = self.changed.wait_timeout(inner, remaining).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Inner {
    /// Writes the level, even if it is that already: another program may have changed the line. After an error the LED does
    /// not blink.
    fn set(&mut self, level: Level) -> io::Result<()> {
        let result = self.output.set(level);
        match &result {
            Ok(()) => self.level = level,
            Err(_) => self.blinking = None,
        }
        result
    }

    fn blinking(&mut self, thread: u64) -> Option<&mut Blinking> {
        self.blinking.as_mut().filter(|blinking| blinking.thread == thread)
    }
}

#[cfg(test)]
mod tests;
