//! The LED: on, off or blinking.

use std::{
    io, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread::{self, JoinHandle},
    time::Instant,
};

use shared::{Blink, State};

use crate::{LED_LINES, OnOff, Output};

/// An LED. While it blinks, a thread drives it.
pub struct Led {
    driver: Arc<Driver>,
    /// The last thread that was started. It ends when the LED does something else.
    thread: Option<JoinHandle<()>>,
}

/// What the LED and its thread share. The mutex is not held while the output is set, which can take long.
struct Driver {
    state: Mutex<DriverState>,
    /// Signalled when the output is free, and when the LED does something else.
    changed: Condvar,
    /// Called when the LED stops blinking by itself.
    on_end: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

struct DriverState {
    /// None while it is being set.
    output: Option<Box<dyn Output>>,
    level: OnOff,
    blinking: Option<Blinking>,
    /// Whether a thread waits for the output. A signal without need is a system call.
    is_awaited: bool,
    /// The number of the last thread.
    last_thread: u64,
}

/// What a thread does.
struct Blinking {
    thread: u64,
    blink: Blink,
    /// Flashes left, with the current one; none without a count.
    left: Option<u32>,
    /// When the first flash began; none before it.
    begin: Option<Instant>,
}

impl Led {
    /// An LED whose output has this level already.
    #[must_use]
    pub fn new(output: Box<dyn Output>, level: OnOff) -> Self {
        let state = DriverState {
            output: Some(output),
            level,
            blinking: None,
            is_awaited: false,
            last_thread: 0,
        };
        let driver = Driver {
            state: Mutex::new(state),
            changed: Condvar::new(),
            on_end: OnceLock::new(),
        };
        Led {
            driver: Arc::new(driver),
            thread: None,
        }
    }

    /// Sets what to call, in another thread, each time the LED stops blinking by itself.
    pub(crate) fn on_end(&self, call: impl Fn() + Send + Sync + 'static) {
        let _ = self.driver.on_end.set(Box::new(call));
    }

    /// What it does now.
    #[must_use]
    pub fn state(&self) -> State {
        let state = self.driver.lock();
        match state.blinking {
            Some(Blinking { blink, left, .. }) => {
                State::Blink(Blink::new(blink.on(), blink.off(), left).unwrap_or(blink))
            }
            None => state.level.into(),
        }
    }

    /// Turns it on or off.
    ///
    /// # Errors
    ///
    /// Those of [`Output::set`]. The LED does not blink then.
    pub fn set(&mut self, level: OnOff) -> io::Result<()> {
        let state = self.driver.stop_blinking();
        self.driver.set(state, level).1
    }

    /// Turns it off for good. Tries twice, because no later command will correct an error.
    ///
    /// # Errors
    ///
    /// Those of [`Led::set`].
    pub fn turn_off(&mut self) -> io::Result<()> {
        match self.set(OnOff::Off) {
            // A terminal that was not read in time will not be read now.
            Err(error) if error.kind() != io::ErrorKind::TimedOut => self.set(OnOff::Off),
            result => result,
        }
    }

    /// Turns it on if it is off, else off. Turns a blinking LED off.
    ///
    /// # Errors
    ///
    /// Those of [`Led::set`].
    pub fn toggle(&mut self) -> io::Result<()> {
        match self.state() {
            State::Off => self.set(OnOff::On),
            State::On | State::Blink(_) => self.set(OnOff::Off),
        }
    }

    /// Turns it on, and lets it blink until the next change.
    ///
    /// # Errors
    ///
    /// Those of [`Led::set`]; or no thread can be started, and the LED is unchanged.
    pub fn blink(&mut self, blink: Blink) -> io::Result<()> {
        let mut state = self.driver.lock();
        state.last_thread += 1;
        let (driver, id) = (Arc::clone(&self.driver), state.last_thread);
        // The thread waits until this function releases the lock.
        let thread = thread::Builder::new()
            .name("blink".into())
            .spawn(move || driver.run(id))
            .map_err(|error| {
                io::Error::new(error.kind(), format!("cannot start a thread: {error}"))
            })?;
        state.blinking = Some(Blinking {
            thread: id,
            blink,
            left: blink.count(),
            begin: None,
        });
        self.driver.changed.notify_all();
        let (mut state, result) = self.driver.set(state, OnOff::On);
        if let Some(blinking) = &mut state.blinking {
            blinking.begin = Some(Instant::now());
        }
        self.driver.changed.notify_all();
        drop(state);
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
        drop(self.driver.stop_blinking());
        self.join(None);
    }
}

impl Driver {
    fn lock(&self) -> MutexGuard<'_, DriverState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, DriverState>) -> MutexGuard<'a, DriverState> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn stop_blinking(&self) -> MutexGuard<'_, DriverState> {
        let mut state = self.lock();
        if state.blinking.take().is_some() {
            self.changed.notify_all();
        }
        state
    }

    /// Sets the output, even if it has this level: another program may have changed the line. After an error the LED does not
    /// blink.
    fn set<'a>(
        &'a self,
        mut state: MutexGuard<'a, DriverState>,
        level: OnOff,
    ) -> (MutexGuard<'a, DriverState>, io::Result<()>) {
        let mut output = loop {
            match state.output.take() {
                Some(output) => break output,
                None => {
                    state.is_awaited = true;
                    state = self.wait(state);
                }
            }
        };
        drop(state);
        let result = output.set(level);
        let mut state = self.lock();
        state.output = Some(output);
        match &result {
            Ok(()) => state.level = level,
            Err(_) => state.blinking = None,
        }
        if mem::take(&mut state.is_awaited) {
            self.changed.notify_all();
        }
        (state, result)
    }

    /// Blinks in the thread with this number, until the LED does something else.
    fn run(&self, thread: u64) {
        let Some(result) = self.alternate(thread) else {
            return;
        };
        if let Some(call) = self.on_end.get() {
            call();
        }
        if let Err(error) = result
            && LED_LINES.allows()
        {
            log::error!("the LED stopped blinking: {error}");
        }
    }

    /// Blinks until the last flash is over, or the output fails; none when the LED does something else.
    fn alternate(&self, thread: u64) -> Option<io::Result<()>> {
        let mut state = self.lock();
        let (blink, mut begin) = loop {
            match *state.blinking(thread)? {
                Blinking {
                    blink,
                    begin: Some(begin),
                    ..
                } => break (blink, begin),
                _ => state = self.wait(state),
            }
        };
        let period = blink.on() + blink.off();
        // Deadlines are absolute, so delays do not accumulate.
        loop {
            state = self.wait_until(begin + blink.on(), state, thread)?;
            let result;
            (state, result) = self.set(state, OnOff::Off);
            if result.is_err() {
                return Some(result);
            }
            if let Some(left) = &mut state.blinking(thread)?.left {
                *left -= 1;
                if *left == 0 {
                    state.blinking = None;
                    return Some(Ok(()));
                }
            }
            // Flashes that were missed, because the process was stopped, are left out.
            begin += period;
            let missed = begin.elapsed().as_nanos() / period.as_nanos();
            begin += period * u32::try_from(missed).unwrap_or(u32::MAX);
            state = self.wait_until(begin, state, thread)?;
            let result;
            (state, result) = self.set(state, OnOff::On);
            if result.is_err() {
                return Some(result);
            }
        }
    }

    /// Waits until this instant; none when the LED does something else.
    fn wait_until<'a>(
        &self,
        end: Instant,
        mut state: MutexGuard<'a, DriverState>,
        thread: u64,
    ) -> Option<MutexGuard<'a, DriverState>> {
        loop {
            state.blinking(thread)?;
            let remaining = end.saturating_duration_since(Instant::now());
            if remaining.is_zero() {
                return Some(state);
            }
            state = self
                .changed
                .wait_timeout(state, remaining)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl DriverState {
    fn blinking(&mut self, thread: u64) -> Option<&mut Blinking> {
        self.blinking
            .as_mut()
            .filter(|blinking| blinking.thread == thread)
    }
}
