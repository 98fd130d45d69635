//! Why the LED's line is not available.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use shared::{Line, account::Group};

use super::find::FindError;

/// Why the LED's line is not available.
#[derive(Debug, thiserror::Error)]
pub enum GpioError {
    /// The system has no GPIO chip.
    #[error("this machine has no GPIO chip (/dev/gpiochip*); --simulate runs without one")]
    NoChip,
    /// No line matches, or several do.
    #[error(transparent)]
    Find(#[from] FindError),
    /// This user may not use a chip.
    #[error("{}: {source}; {}", path.display(), advice(*group))]
    NotPermitted {
        /// Its device.
        path: PathBuf,
        /// The group of the device, unless it is root's.
        group: Option<u32>,
        /// The error.
        source: io::Error,
    },
    /// Another process holds the line.
    #[error(
        "line {line} is in use by {}: {source}; end that program or choose another --line",
        consumer_name(consumer)
    )]
    Busy {
        /// The line.
        line: Line,
        /// The consumer that the other process gave.
        consumer: String,
        /// The error.
        source: io::Error,
    },
    /// Any other error.
    #[error("{what}: {source}")]
    Os {
        /// What failed.
        what: String,
        /// The error.
        source: io::Error,
    },
}

impl GpioError {
    /// Whether several lines match.
    pub(crate) fn is_ambiguous(&self) -> bool {
        matches!(self, GpioError::Find(FindError::Ambiguous { .. }))
    }

    /// Why this chip cannot be read.
    pub(super) fn chip(path: &Path, source: io::Error) -> GpioError {
        if source.kind() == io::ErrorKind::PermissionDenied {
            let group = fs::metadata(path)
                .ok()
                .map(|device| device.gid())
                .filter(|&group| group != 0);
            GpioError::NotPermitted {
                path: path.to_owned(),
                group,
                source,
            }
        } else {
            GpioError::Os {
                what: format!("cannot read {}", path.display()),
                source,
            }
        }
    }
}

fn advice(group: Option<u32>) -> String {
    match group {
        Some(group) => format!(
            "run \"sudo usermod -aG {} $USER\" and log in again",
            Group(group).name()
        ),
        None => "only root may use it; install the package, whose udev rule gives it to group gpio"
            .into(),
    }
}

fn consumer_name(consumer: &str) -> String {
    if consumer.is_empty() {
        "the kernel or a program without a name".into()
    } else {
        format!("\"{consumer}\"")
    }
}
