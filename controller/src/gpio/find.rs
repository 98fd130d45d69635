//! Finds the line that the options mean: a pure function of the chips.
//!
//! Chips are not found by their number: the header of a Pi 5 was gpiochip4, and has been gpiochip0 since 2024.

use std::{ffi::OsStr, path::PathBuf};

use gpiod::LineId;
use shared::count;

/// The labels of the chips of a Raspberry Pi's header: Pi 5, Pi 4, older ones.
const HEADERS: [&str; 3] = ["pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835"];

/// A chip, as the kernel describes it.
#[derive(Clone, Debug)]
pub(super) struct ChipInfo {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) label: String,
    /// The name of each line, by offset; empty if it has none.
    pub(super) lines: Vec<String>,
}

impl ChipInfo {
    fn is_header(&self) -> bool {
        HEADERS.contains(&self.label.as_str())
    }

    fn matches(&self, chip: &OsStr) -> bool {
        [
            OsStr::new(&self.name),
            OsStr::new(&self.label),
            self.path.as_os_str(),
        ]
        .contains(&chip)
    }

    fn lines_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a ChipInfo, LineId)> {
        let lines = (0..).zip(&self.lines);
        lines
            .filter(move |(_, line)| *line == name)
            .map(move |(offset, _)| (self, offset))
    }

    /// Line `GPIO17`, or `17`, of a chip whose lines have no names.
    fn line_at(&self, name: &str) -> Option<(&ChipInfo, LineId)> {
        if self.lines.iter().any(|line| !line.is_empty()) {
            return None;
        }
        let offset: LineId = name.strip_prefix("GPIO").unwrap_or(name).parse().ok()?;
        let exists = usize::try_from(offset).is_ok_and(|offset| offset < self.lines.len());
        exists.then_some((self, offset))
    }
}

/// Finds the line with this name: on any chip, or on those with the name, label or path `chip`.
///
/// Of several lines with this name the one on a Raspberry Pi's header is meant. If none has it, `GPIO17` is offset 17 of a chip
/// whose lines have no names: of the header, or of `chip`.
pub(super) fn find<'a>(
    chips: &'a [ChipInfo],
    line: &'a str,
    chip: Option<&OsStr>,
) -> Result<(&'a ChipInfo, LineId), FindError> {
    let candidates = || {
        chips
            .iter()
            .filter(|info| chip.is_none_or(|chip| info.matches(chip)))
    };
    let mut found: Vec<_> = candidates()
        .flat_map(|info| info.lines_named(line))
        .collect();
    let named = || candidates().filter(|info| chip.is_some() || info.is_header());
    if found.is_empty() {
        found = named().filter_map(|info| info.line_at(line)).collect();
    } else if found.len() > 1 && found.iter().any(|(info, _)| info.is_header()) {
        found.retain(|(info, _)| info.is_header());
    }
    match found[..] {
        [found] => Ok(found),
        [] => {
            let (line, chips) = (line.to_owned(), list(chips.iter()));
            let has_chip = named().next().is_some();
            Err(match chip {
                Some(chip) => FindError::NotOnChip {
                    line,
                    chip: chip.display().to_string(),
                    chips,
                    has_chip,
                },
                None => FindError::NotFound {
                    line,
                    chips,
                    has_chip,
                },
            })
        }
        _ => Err(FindError::Ambiguous {
            line: line.to_owned(),
            chips: list(found.iter().map(|(info, _)| *info)),
        }),
    }
}

fn list<'a>(chips: impl Iterator<Item = &'a ChipInfo>) -> String {
    let chips = chips.map(|chip| {
        format!(
            "{} ({}, {})",
            chip.name,
            chip.label,
            count(chip.lines.len() as u64, "line")
        )
    });
    chips.collect::<Vec<_>>().join(", ")
}

impl FindError {
    /// Whether the chip of the line may still appear.
    pub(super) fn can_pass(&self) -> bool {
        match self {
            FindError::NotFound { has_chip, .. } | FindError::NotOnChip { has_chip, .. } => {
                !has_chip
            }
            FindError::Ambiguous { .. } => false,
        }
    }
}

/// Why no line was chosen. The strings are what was looked for, and the chips.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are the words of the message")]
pub enum FindError {
    /// No chip has the line.
    #[error("no line is named {line}; looked at {chips}; choose another with --line")]
    NotFound {
        line: String,
        chips: String,
        /// Whether the header is there.
        has_chip: bool,
    },
    /// The chip that was asked for does not have it.
    #[error(
        "no line {line} on chip {chip}; looked at {chips}; choose another with --line or --chip"
    )]
    NotOnChip {
        line: String,
        chip: String,
        chips: String,
        /// Whether that chip is there.
        has_chip: bool,
    },
    /// Several lines have the name.
    #[error(
        "several lines are named {line}, on {chips}; choose one with --chip NAME, LABEL or PATH"
    )]
    Ambiguous { line: String, chips: String },
}

#[cfg(test)]
mod tests;
