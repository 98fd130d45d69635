//! The LEDs that the kernel drives: the files of its LED class.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

/// An LED of the kernel, as a directory of `/sys/class/leds`. Tests set another directory than that with `LED_CLASS_DIRECTORY`.
///
/// Its files belong to root, unless a rule of udev(7) gives them to a group. The last write counts, and no program
/// is notified of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KernelLed {
    /// The name of the LED.
    pub name: String,
    directory: PathBuf,
}

impl KernelLed {
    /// The LED with this name, whether it exists or not.
    #[must_use]
    pub fn new(name: &str) -> KernelLed {
        KernelLed {
            name: name.to_owned(),
            directory: class().join(name),
        }
    }

    /// The names of all LEDs, sorted.
    #[must_use]
    pub fn names() -> Vec<String> {
        let entries = fs::read_dir(class()).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// Whether this can be the name of an LED: that of one directory.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        !["", ".", ".."].contains(&text) && !text.contains(['/', '\n', '\0'])
    }

    /// The file with its highest level.
    #[must_use]
    pub fn max_brightness(&self) -> PathBuf {
        self.directory.join("max_brightness")
    }

    /// The file with its level.
    #[must_use]
    pub fn brightness(&self) -> PathBuf {
        self.directory.join("brightness")
    }

    /// The file with its trigger, by which the kernel drives it.
    #[must_use]
    pub fn trigger(&self) -> PathBuf {
        self.directory.join("trigger")
    }

    /// Its highest level.
    ///
    /// # Errors
    ///
    /// Those of open(2) and read(2); [`io::ErrorKind::NotFound`] if there is no such LED.
    pub fn brightest(&self) -> io::Result<u32> {
        let text = fs::read_to_string(self.max_brightness())?;
        text.trim().parse().map_err(io::Error::other)
    }

    /// The active trigger; none if none is active.
    ///
    /// # Errors
    ///
    /// Those of open(2) and read(2).
    pub fn active_trigger(&self) -> io::Result<Option<String>> {
        let text = match fs::read_to_string(self.trigger()) {
            // The kernel was built without triggers.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let active = text
            .split_once('[')
            .and_then(|(_, rest)| rest.split_once(']'));
        Ok(active
            .map(|(name, _)| name.to_owned())
            .filter(|name| name != "none"))
    }
}

fn class() -> PathBuf {
    let named = env::var_os("LED_CLASS_DIRECTORY").filter(|path| !path.is_empty());
    named.map_or_else(|| Path::new("/sys/class/leds").to_owned(), PathBuf::from)
}
