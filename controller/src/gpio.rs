//! The LED on a GPIO line: finding the line, taking it, driving it.

mod choose;

use std::{
    error, fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use gpiod::{Active, Chip, LineId, Lines, Output};
use shared::account::Group;

use crate::{Led, Light};
use choose::{Choice, ChooseError, Listing};

/// Which line, and how the LED hangs on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) line: &'a str,
    pub(crate) chip: Option<&'a str>,
    pub(crate) active_low: bool,
}

/// Where a line is that is held.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    line: String,
    offset: LineId,
    chip: String,
    label: String,
}

impl Place {
    /// As clients are told of it.
    pub(crate) fn line(&self) -> shared::Line<'_> {
        let Place { line, offset, chip, label } = self;
        shared::Line { name: line, offset: *offset, chip, label }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} (offset {} of {}, {})", self.line, self.offset, self.chip, self.label)
    }
}

/// A line that is held as an output until this is dropped. It then keeps its level on a Pi 5, and becomes an input
/// elsewhere.
pub(crate) struct Gpio {
    held: Lines<Output>,
    place: Place,
}

impl Gpio {
    /// Finds the line and takes it, with the LED as lit as `initial` says from the first instant.
    pub(crate) fn take(target: &Target<'_>, initial: Light) -> Result<Gpio, GpioError> {
        let (chips, denied) = list()?;
        let wanted = target.chip.map(resolve);
        let Choice { chip, offset } = match (choose::choose(&chips, target.line, wanted.as_deref()), denied) {
            (Ok(choice), _) => choice,
            // The line may well be on a chip that could not be opened.
            (Err(_), Some(denied)) => return Err(denied),
            (Err(error), None) => return Err(GpioError::Choose(error)),
        };
        let (line, label) = (target.line.to_owned(), chip.label.clone());
        let place = Place { line, offset, chip: chip.name.clone(), label };
        let active = if target.active_low { Active::Low } else { Active::High };
        let options = gpiod::Options::output([offset])
            .active(active)
            .values([initial == Light::On])
            .consumer(shared::Line::CONSUMER);
        let device = Chip::new(&chip.path).map_err(|source| GpioError::chip(&chip.path, source))?;
        match device.request_lines(options) {
            Ok(held) => {
                log::info!("took {place}");
                Ok(Gpio { held, place })
            }
            Err(source) if source.kind() == io::ErrorKind::ResourceBusy => Err(GpioError::busy(&device, place, source)),
            Err(source) => Err(GpioError::Os { what: format!("cannot take {place}"), source }),
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

impl Led for Gpio {
    fn set(&mut self, light: Light) -> io::Result<()> {
        self.held.set_values([light == Light::On])
    }
}

/// All chips in the order of their paths, and why one could not be read, if that is so.
///
/// The symbolic links that Raspberry Pi OS keeps for old chip numbers are not followed: no chip is seen twice.
fn list() -> Result<(Vec<Listing>, Option<GpioError>), GpioError> {
    let mut paths = Chip::list_devices().map_err(|source| GpioError::Os { what: "cannot list /dev".into(), source })?;
    if paths.is_empty() {
        return Err(GpioError::NoChip);
    }
    paths.sort();
    let mut chips = Vec::new();
    let mut denied = None;
    for path in paths {
        match read(&path) {
            Ok(chip) => chips.push(chip),
            Err(source) => denied = Some(GpioError::chip(&path, source)),
        }
    }
    Ok((chips, denied))
}

fn read(path: &Path) -> io::Result<Listing> {
    let chip = Chip::new(path)?;
    let lines = (0..chip.num_lines()).map(|offset| chip.line_info(offset).map(|line| line.name));
    Ok(Listing {
        path: path.to_owned(),
        name: chip.name().to_owned(),
        label: chip.label().to_owned(),
        lines: lines.collect::<io::Result<_>>()?,
    })
}

/// A path to a chip may lead through a symbolic link, which the gpiod crate refuses; names and labels stay as they are.
fn resolve(chip: &str) -> String {
    fs::canonicalize(chip).map_or_else(|_| chip.to_owned(), |path| path.to_string_lossy().into_owned())
}

/// Why the LED's line cannot be had.
#[derive(Debug)]
pub enum GpioError {
    /// The system has no GPIO chip.
    NoChip,
    /// The line is not there, or not there only once.
    Choose(ChooseError),
    /// A chip is not for this user.
    NotPermitted {
        /// Its device.
        path: PathBuf,
        /// The group it belongs to, which is not root's.
        group: Option<u32>,
        /// What opening it said.
        source: io::Error,
    },
    /// Another process holds the line.
    Busy {
        /// The line.
        place: Place,
        /// The name under which it holds it.
        consumer: String,
        /// What the request said.
        source: io::Error,
    },
    /// Anything else.
    Os {
        /// What failed.
        what: String,
        /// Why.
        source: io::Error,
    },
}

impl GpioError {
    fn chip(path: &Path, source: io::Error) -> GpioError {
        if source.kind() == io::ErrorKind::PermissionDenied {
            let group = fs::metadata(path).ok().map(|device| device.gid()).filter(|&group| group != 0);
            GpioError::NotPermitted { path: path.to_owned(), group, source }
        } else {
            GpioError::Os { what: format!("cannot read {}", path.display()), source }
        }
    }

    fn busy(chip: &Chip, place: Place, source: io::Error) -> GpioError {
        let consumer = chip.line_info(place.offset).map(|info| info.consumer).unwrap_or_default();
        GpioError::Busy { place, consumer, source }
    }
}

impl fmt::Display for GpioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GpioError::NoChip => {
                f.write_str("there is no GPIO chip on this machine (no /dev/gpiochip*); --simulate runs without one")
            }
            GpioError::Choose(error) => error.fmt(f),
            GpioError::NotPermitted { path, group: Some(group), source } => {
                let (path, group) = (path.display(), Group(*group));
                write!(
                    f,
                    "{path}: {source}; it is for group {group}: `sudo usermod -aG {} $USER`, then log in again",
                    group.name()
                )
            }
            GpioError::NotPermitted { path, group: None, source } => write!(
                f,
                "{}: {source}; it is for root alone: the udev rule that comes with the controller gives it to group gpio",
                path.display()
            ),
            GpioError::Busy { place, consumer, source } if consumer.is_empty() => {
                write!(f, "{place} is held by the kernel or by a program without a name: {source}")
            }
            GpioError::Busy { place, consumer, source } => {
                write!(f, "{place} is held by \"{consumer}\": {source}; end that program, or name another --line")
            }
            GpioError::Os { what, source } => write!(f, "{what}: {source}"),
        }
    }
}

impl error::Error for GpioError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            GpioError::NoChip => None,
            GpioError::Choose(error) => Some(error),
            GpioError::NotPermitted { source, .. } | GpioError::Busy { source, .. } | GpioError::Os { source, .. } => {
                Some(source)
            }
        }
    }
}
