//! An LED that the kernel drives.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use shared::{
    Light,
    led_class::KernelLed,
    lock::{Lock, RecordedLed},
};

use crate::{Output, output::first_level};

/// An LED of the kernel, driven by this process as long as no other process writes to its files.
#[derive(Debug)]
pub(crate) struct LedClass {
    led: KernelLed,
    /// Its level. It stays open: a fade writes 50 times a second.
    brightness: File,
    brightest: u32,
    /// The trigger from before the start.
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
    /// A file of the LED cannot be read or written.
    #[error("{}: {source}{}", path.display(), advice(source))]
    File {
        /// The file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
}

fn known(names: &[String]) -> String {
    if names.is_empty() {
        "it has none".into()
    } else {
        format!("it has {}", names.join(", ").escape_debug())
    }
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
    /// Finds the LED, ends its trigger, which the record keeps until it is given back, and lets the LED begin with this.
    pub(crate) fn take(
        name: &str,
        initial: Light,
        lock: &mut Option<Lock>,
    ) -> Result<LedClass, LedClassError> {
        let led = KernelLed::new(name);
        let brightest = match led.brightest() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(LedClassError::Unknown {
                    name: name.to_owned(),
                    names: KernelLed::names(),
                });
            }
            brightest => brightest.map_err(|source| file_error(&led.brightness(), source))?,
        };
        let at_trigger = |source| file_error(&led.trigger(), source);
        let active = led.active_trigger().map_err(at_trigger)?;
        // A controller that was killed has ended the trigger.
        let recorded = || {
            lock.as_ref()?
                .led()
                .filter(|recorded| recorded.name == name)
        };
        let before = active.or_else(|| recorded().map(|recorded| recorded.trigger.clone()));
        if let (Some(lock), Some(trigger)) = (lock, &before) {
            let recorded = lock.record_led(Some(RecordedLed {
                name: name.to_owned(),
                trigger: trigger.clone(),
            }));
            if let Err(error) = recorded {
                log::warn!(
                    "cannot record the trigger {trigger}: {error}; it is lost if this process is killed"
                );
            }
        }
        let brightness = File::options()
            .write(true)
            .open(led.brightness())
            .map_err(|source| file_error(&led.brightness(), source))?;
        let mut taken = LedClass {
            led,
            brightness,
            brightest: brightest.max(1),
            before,
        };
        taken
            .end_trigger()
            .map_err(|source| file_error(&taken.led.trigger(), source))?;
        taken
            .set(first_level(initial, taken.brightest))
            .map_err(|source| file_error(&taken.led.brightness(), source))?;
        log::info!("took LED {name}");
        Ok(taken)
    }

    /// Gives an LED back that is off, after a controller that was killed.
    pub(crate) fn release(mut self) -> Result<(), LedClassError> {
        self.give_back()
            .map_err(|source| file_error(&self.led.trigger(), source))?;
        log::info!("LED {} is off", self.led.name);
        Ok(())
    }

    fn set_trigger(&self, trigger: &str) -> io::Result<()> {
        let mut file = File::options()
            .write(true)
            .truncate(true)
            .open(self.led.trigger())?;
        file.write_all(trigger.as_bytes())
    }

    fn end_trigger(&self) -> io::Result<()> {
        if let Some(active) = self.led.active_trigger()? {
            self.set_trigger("none")?;
            log::info!("ended trigger {active} of LED {}", self.led.name);
        }
        Ok(())
    }
}

impl Output for LedClass {
    fn brightest(&self) -> u32 {
        self.brightest
    }

    fn set(&mut self, level: u32) -> io::Result<()> {
        // The kernel wants a value in one piece.
        self.brightness
            .write_all_at(format!("{level}\n").as_bytes(), 0)
    }

    /// Another program can have set a trigger meanwhile. It would go on after a level that is not 0.
    fn take(&mut self) -> io::Result<()> {
        self.end_trigger()
    }

    fn give_back(&mut self) -> io::Result<()> {
        let Some(before) = &self.before else {
            return Ok(());
        };
        self.set_trigger(before)?;
        log::info!("LED {} has its trigger {before} again", self.led.name);
        Ok(())
    }
}

fn file_error(path: &Path, source: io::Error) -> LedClassError {
    LedClassError::File {
        path: path.to_owned(),
        source,
    }
}
