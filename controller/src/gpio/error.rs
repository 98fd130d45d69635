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
        "line {line} is in use by {}: {source}; {} or choose another --line",
        consumer_name(consumer),
        release_advice(consumer)
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

    /// Whether the error may pass at boot, because the kernel has not found the chip or udev has not set its permissions yet.
    pub(super) fn can_pass(&self) -> bool {
        match self {
            GpioError::NoChip | GpioError::NotPermitted { .. } => true,
            GpioError::Find(error) => error.can_pass(),
            GpioError::Busy { .. } | GpioError::Os { .. } => false,
        }
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

/// The consumer names of kernel drivers, and the setting of config.txt that enables each driver.
const DRIVERS: [(&str, &str); 6] = [
    ("spi0", "dtparam=spi=on"),
    ("spi", "dtoverlay=spi1-..."),
    ("pwm", "dtoverlay=pwm..."),
    ("sda", "dtoverlay=i2c-gpio"),
    ("scl", "dtoverlay=i2c-gpio"),
    ("onewire", "dtoverlay=w1-gpio"),
];

fn release_advice(consumer: &str) -> String {
    let mut drivers = DRIVERS.iter();
    let driver = drivers.find(|(name, _)| consumer.starts_with(name));
    // A node of a device tree, like "button@11".
    let node = consumer.contains('@').then_some("dtoverlay=...");
    match driver.map(|(_, setting)| *setting).or(node) {
        Some(setting) => format!(
            "this can be a driver of the kernel: remove a line like {setting} from /boot/firmware/config.txt and reboot,"
        ),
        None => "end that program".into(),
    }
}

fn consumer_name(consumer: &str) -> String {
    if consumer.is_empty() {
        "the kernel or a program without a name".into()
    } else {
        format!("\"{consumer}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_the_kernel_holds_names_what_can_be_removed() {
        for (consumer, advice) in [
            ("spi1 CS1", "dtoverlay=spi1-..."),
            ("spi0 CS0", "dtparam=spi=on"),
            ("pwm-17", "dtoverlay=pwm..."),
            ("onewire@11", "dtoverlay=w1-gpio"),
            ("button@11", "dtoverlay=..."),
        ] {
            let advice = format!("a line like {advice} from /boot/firmware/config.txt and reboot");
            assert!(release_advice(consumer).contains(&advice), "{consumer}");
        }
        for consumer in ["", "gpioset", "led-controller", "lg"] {
            assert_eq!(release_advice(consumer), "end that program", "{consumer}");
        }
    }
}
