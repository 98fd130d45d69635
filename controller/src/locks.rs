//! The locks of both keys.

use std::{path::Path, time::Duration};

use shared::{
    Key, Queue,
    lock::{Lock, LockError, RecordedLed},
};

use crate::{Error, wait::within};

/// How long to wait for a controller that ends.
const PATIENCE: Duration = Duration::from_secs(1);

/// The locks of the command queue's key and of the reply queue's key.
#[derive(Debug)]
pub struct Locks {
    pub(crate) commands: Option<Lock>,
    pub(crate) replies: Option<Lock>,
}

impl Locks {
    /// Takes both, in this directory or in the default one.
    ///
    /// If a lock is not available, for instance because the directory is full, the controller does without it. The kernel still
    /// prevents two processes from creating a queue with one key. But the next controller cannot recognize a stale queue.
    ///
    /// # Errors
    ///
    /// [`Error::Lock`] if another controller holds one of them. If that controller has no open queue, it may be ending: wait for it
    /// up to one second.
    pub fn acquire(key: Key, directory: Option<&Path>) -> Result<Locks, Error> {
        let acquire = |key| match acquire_in_time(key, directory) {
            Ok(lock) => Ok(Some(lock)),
            Err(held @ LockError::Held { .. }) => Err(Error::Lock(held)),
            Err(error) => {
                log::warn!(
                    "no lock for key {key}: {error}; if this process is killed, remove its queue by hand"
                );
                Ok(None)
            }
        };
        Ok(Locks {
            commands: acquire(key)?,
            replies: acquire(key.reply())?,
        })
    }

    /// The LED of the kernel whose trigger is recorded, see [`Lock::led`].
    pub(crate) fn led(&self) -> Option<&RecordedLed> {
        self.commands.as_ref()?.led()
    }

    /// Records the trigger of an LED, for the controller after this one.
    pub(crate) fn record_led(&mut self, led: RecordedLed) {
        let trigger = led.trigger.clone();
        if let Some(Err(error)) = self
            .commands
            .as_mut()
            .map(|lock| lock.record_led(Some(led)))
        {
            log::warn!(
                "cannot record the trigger {trigger}: {error}; it is lost if this process is killed"
            );
        }
    }

    /// Records that the LED has its trigger again.
    pub(crate) fn forget_led(&mut self) {
        if let Some(lock) = self.commands.as_mut().filter(|lock| lock.led().is_some())
            && let Err(error) = lock.record_led(None)
        {
            log::warn!("cannot record that the LED has its trigger again: {error}");
        }
    }

    /// No locks, for tests.
    #[must_use]
    pub fn none() -> Locks {
        Locks {
            commands: None,
            replies: None,
        }
    }
}

fn acquire_in_time(key: Key, directory: Option<&Path>) -> Result<Lock, LockError> {
    let acquire =
        || directory.map_or_else(|| Lock::acquire(key), |path| Lock::acquire_in(path, key));
    let mut acquired = acquire();
    within(PATIENCE, || {
        let is_held = matches!(acquired, Err(LockError::Held { .. }));
        if is_held && !is_open(key) {
            acquired = acquire();
            return false;
        }
        true
    });
    acquired
}

/// Whether a queue with this key is open to clients.
fn is_open(key: Key) -> bool {
    Queue::find(key).is_ok_and(|found| found.is_some_and(|(_, status)| status.is_open()))
}

/// Records a queue that this process created.
pub(crate) fn record(lock: &mut Option<Lock>, queue: &Queue) {
    if let Some(Err(error)) = lock.as_mut().map(|lock| lock.record(queue)) {
        log::warn!(
            "cannot record the queue: {error}; if this process is killed, remove its queue by hand"
        );
    }
}
