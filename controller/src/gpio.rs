//! The LED's GPIO line: finding, taking and driving it.

mod error;
mod find;
mod wait;

use std::{
    ffi::OsString,
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use gpiod::{Active, Chip, Lines};
use shared::{Light, Line};

use crate::{Output, output::first_level};
pub(crate) use error::GpioError;
use find::ChipInfo;

/// What the user asked for: the line, the chip, and the polarity of the LED.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineOptions<'a> {
    pub(crate) name: &'a str,
    pub(crate) chip: Option<&'a str>,
    pub(crate) active_low: bool,
}

/// A line that this process holds as an output. After it is dropped, the line keeps its level on a Pi 5 and becomes an input on
/// older boards.
pub(crate) struct GpioLine {
    held: Lines<gpiod::Output>,
    line: Line,
}

impl GpioLine {
    /// Takes the line. At boot it waits for the chip, at most until `is_over` returns true.
    pub(crate) fn take_at_boot(
        options: &LineOptions<'_>,
        initial: Light,
        is_over: impl Fn() -> bool,
    ) -> Result<GpioLine, GpioError> {
        wait::retry_at_changes(Path::new("/dev"), is_over, || {
            match GpioLine::take(options, initial) {
                Err(error) if error.can_pass() => ControlFlow::Continue(error),
                taken => ControlFlow::Break(taken),
            }
        })
    }

    /// Finds the line and takes it, with the LED on or off from the first instant.
    pub(crate) fn take(options: &LineOptions<'_>, initial: Light) -> Result<GpioLine, GpioError> {
        let (chips, denied) = list()?;
        let chip = options.chip.map(resolve);
        let (chip, offset) = match (find::find(&chips, options.name, chip.as_deref()), denied) {
            (Ok(found), _) => found,
            // The line may be on a chip that cannot be read: report that error.
            (Err(_), Some(denied)) => return Err(denied),
            (Err(error), None) => return Err(error.into()),
        };
        let line = Line {
            name: options.name.to_owned(),
            offset,
            chip: chip.name.clone(),
            label: chip.label.clone(),
        };
        let active = if options.active_low {
            Active::Low
        } else {
            Active::High
        };
        let request = gpiod::Options::output([offset])
            .active(active)
            .values([first_level(initial, 1) > 0])
            .consumer(Line::CONSUMER);
        let device = Chip::new(&chip.path).map_err(|source| GpioError::chip(&chip.path, source))?;
        match device.request_lines(request) {
            Ok(held) => {
                log::info!("took line {line}");
                Ok(GpioLine { held, line })
            }
            Err(source) if source.kind() == io::ErrorKind::ResourceBusy => {
                let consumer = device
                    .line_info(offset)
                    .map(|info| info.consumer)
                    .unwrap_or_default();
                Err(GpioError::Busy {
                    line,
                    consumer,
                    source,
                })
            }
            Err(source) => Err(GpioError::Os {
                what: format!("cannot take line {line}"),
                source,
            }),
        }
    }

    pub(crate) fn line(&self) -> &Line {
        &self.line
    }
}

impl Output for GpioLine {
    fn set(&mut self, level: u32) -> io::Result<()> {
        self.held.set_values([level > 0])
    }
}

/// All chips in the order of their paths, and an error if one could not be read.
///
/// Symbolic links, which Raspberry Pi OS has for old chip numbers, are left out: no chip is listed twice.
fn list() -> Result<(Vec<ChipInfo>, Option<GpioError>), GpioError> {
    let mut paths = Chip::list_devices().map_err(|source| GpioError::Os {
        what: "cannot list /dev".into(),
        source,
    })?;
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

fn read(path: &Path) -> io::Result<ChipInfo> {
    let chip = Chip::new(path)?;
    let lines = (0..chip.num_lines()).map(|offset| chip.line_info(offset).map(|line| line.name));
    Ok(ChipInfo {
        path: path.to_owned(),
        name: chip.name().to_owned(),
        label: chip.label().to_owned(),
        lines: lines.collect::<io::Result<_>>()?,
    })
}

/// A chip's path without symbolic links, which the gpiod crate refuses. Names and labels stay as they are.
fn resolve(chip: &str) -> OsString {
    fs::canonicalize(chip).map_or_else(|_| chip.into(), PathBuf::into_os_string)
}
