//! An LED that the kernel drives.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, fcntl_lock},
    process::{Flock, FlockType, fcntl_getlk},
};
use shared::{Light, kernel_led::KernelLed, lock::RecordedLed};

use crate::{Locks, Output, output::first_level};

/// An LED of the kernel, driven by this process as long as no other process writes to its files.
#[derive(Debug)]
pub(crate) struct LedClass {
    led: KernelLed,
    /// The file of its level. It stays open, because a fade writes up to 50 times a second.
    brightness: File,
    brightest: u32,
    /// The trigger that was active before the start.
    before: Option<String>,
}

/// Why an LED of the kernel is not available.
#[derive(Debug, thiserror::Error)]
pub enum LedClassError {
    /// No LED has this name.
    #[error("the kernel has no LED {name}; {}", known(names))]
    Unknown {
        /// The name.
        name: String,
        /// The names of those that exist.
        names: Vec<String>,
    },
    /// Another controller drives it.
    #[error("LED {name} is in use by {}; end that controller or choose another --led", holder(*pid))]
    Busy {
        /// The name.
        name: String,
        /// The other process; none in another PID namespace.
        pid: Option<i32>,
    },
    /// A file of the LED cannot be read or written.
    #[error("{}: {source}{}", path.display(), advice(source))]
    File {
        /// The file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
}

/// For the reply to a client, who may not be the one to follow the advice.
impl From<LedClassError> for io::Error {
    fn from(error: LedClassError) -> io::Error {
        match error {
            LedClassError::File { path, source } => {
                io::Error::new(source.kind(), format!("{}: {source}", path.display()))
            }
            LedClassError::Unknown { .. } | LedClassError::Busy { .. } => io::Error::other(error),
        }
    }
}

fn known(names: &[String]) -> String {
    if names.is_empty() {
        "it has none; use --line, or --simulate".into()
    } else {
        format!("it has {}", names.join(", ").escape_debug())
    }
}

fn holder(pid: Option<i32>) -> String {
    pid.map_or_else(|| "another process".into(), |pid| format!("process {pid}"))
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "; run this as root, or, if the package is installed, give the file to group gpio with \
             \"sudo udevadm trigger --action=change --subsystem-match=leds\""
        }
        _ => "",
    }
}

impl LedClass {
    /// Finds and locks the LED, records its trigger, ends it, and sets the first level.
    ///
    /// If that fails, the trigger is set again.
    pub(crate) fn take(
        name: &str,
        initial: Light,
        locks: &mut Locks,
    ) -> Result<LedClass, LedClassError> {
        let led = KernelLed::new(name);
        let brightest = match led.brightest() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(LedClassError::Unknown {
                    name: name.to_owned(),
                    names: KernelLed::names(),
                });
            }
            brightest => brightest.map_err(at(&led.max_brightness()))?,
        };
        let brightness = File::options()
            .write(true)
            .open(led.brightness())
            .map_err(at(&led.brightness()))?;
        lock(&brightness, &led)?;
        let active = led.active_trigger().map_err(at(&led.trigger()))?;
        // A controller that was killed has ended the trigger.
        let recorded = locks.led().filter(|recorded| recorded.name == name);
        let before = active.or_else(|| recorded.map(|recorded| recorded.trigger.clone()));
        if let Some(trigger) = &before {
            locks.record_led(RecordedLed {
                name: name.to_owned(),
                trigger: trigger.clone(),
            });
        }
        let taken = LedClass {
            led,
            brightness,
            brightest: brightest.max(1),
            before,
        };
        let level = first_level(initial, taken.brightest);
        if let Err(error) = taken.end_trigger().and_then(|()| taken.write(level)) {
            if taken.has_trigger() || taken.restore_trigger().is_ok() {
                locks.forget_led();
            }
            return Err(error);
        }
        log::info!("took LED {name}");
        Ok(taken)
    }

    fn write(&self, level: u32) -> Result<(), LedClassError> {
        // The kernel wants a value in one piece.
        self.brightness
            .write_all_at(format!("{level}\n").as_bytes(), 0)
            .map_err(at(&self.led.brightness()))
    }

    fn set_trigger(&self, trigger: &str) -> Result<(), LedClassError> {
        let path = self.led.trigger();
        let file = File::options().write(true).truncate(true).open(&path);
        file.and_then(|mut file| file.write_all(trigger.as_bytes()))
            .map_err(at(&path))
    }

    fn end_trigger(&self) -> Result<(), LedClassError> {
        let active = self.led.active_trigger();
        if let Some(active) = active.map_err(at(&self.led.trigger()))? {
            self.set_trigger("none")?;
            log::info!("ended trigger {active} of LED {}", self.led.name);
        }
        Ok(())
    }

    /// Whether the trigger from before the start drives it.
    fn has_trigger(&self) -> bool {
        let active = self.led.active_trigger();
        active.is_ok_and(|active| active == self.before)
    }

    pub(crate) fn restore_trigger(&self) -> Result<(), LedClassError> {
        let Some(before) = &self.before else {
            return Ok(());
        };
        self.set_trigger(before)?;
        log::info!("LED {} has its trigger {before} again", self.led.name);
        Ok(())
    }
}

impl Output for LedClass {
    fn brightest(&self) -> u32 {
        self.brightest
    }

    fn set(&mut self, level: u32) -> io::Result<()> {
        Ok(self.write(level)?)
    }

    /// Another program may have set a trigger meanwhile. The kernel ends a trigger only when the level 0 is written.
    fn end_trigger(&mut self) -> io::Result<()> {
        Ok(LedClass::end_trigger(self)?)
    }

    fn restore_trigger(&mut self) -> io::Result<()> {
        Ok(LedClass::restore_trigger(self)?)
    }
}

/// Keeps other controllers, also those with another lock directory, from the LED until this process closes the file.
///
/// The lock is one of fcntl(2), for writing: only who may write to the LED can have it. Anybody may lock the file for reading, and
/// does not keep a controller from its LED by that.
fn lock(brightness: &File, led: &KernelLed) -> Result<(), LedClassError> {
    if fcntl_lock(brightness, FlockOperation::NonBlockingLockExclusive).is_ok() {
        return Ok(());
    }
    let other = fcntl_getlk(brightness, &Flock::from(FlockType::WriteLock));
    match other.map_err(|error| at(&led.brightness())(error.into()))? {
        Some(other) if other.typ == FlockType::WriteLock => Err(LedClassError::Busy {
            name: led.name.clone(),
            pid: other.pid.map(|pid| pid.as_raw_nonzero().get()),
        }),
        _ => Ok(()),
    }
}

/// Adds the file to an error.
fn at(path: &Path) -> impl FnOnce(io::Error) -> LedClassError {
    let path = path.to_owned();
    |source| LedClassError::File { path, source }
}
