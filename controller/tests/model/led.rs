//! The LED of the model.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use controller::OnOff;

/// An LED that records its changes, and can be made to fail.
pub(crate) struct RecordingLed(pub(crate) Arc<Mutex<Recording>>);

#[derive(Default)]
pub(crate) struct Recording {
    pub(crate) changes: Vec<&'static str>,
    pub(crate) fails: bool,
}

impl controller::Output for RecordingLed {
    fn set(&mut self, level: OnOff) -> io::Result<()> {
        let mut recording = lock(&self.0);
        if recording.fails {
            return Err(io::Error::other("broken"));
        }
        recording
            .changes
            .push(if level == OnOff::On { "on" } else { "off" });
        Ok(())
    }
}

impl Drop for RecordingLed {
    fn drop(&mut self) {
        lock(&self.0).changes.push("released");
    }
}

pub(crate) fn lock(recording: &Mutex<Recording>) -> MutexGuard<'_, Recording> {
    recording.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) type Blocked<'a> = Option<MutexGuard<'a, Recording>>;
