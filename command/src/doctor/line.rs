//! The GPIO line of the controller, or the default one.

use gpiod::{Chip, LineInfo};
use shared::{Info, Line, count};

use super::{Finding, Good, Problem, Skipped};

/// The line that a controller drives without options.
const DEFAULT_LINE: &str = "GPIO17";

/// Checks the line. `is_served` says that a controller runs, even if this user cannot ask it.
pub(super) fn check(info: Option<&Info>, is_served: bool) -> Finding {
    let reported = info.and_then(|info| info.place.line());
    if info.is_some() && reported.is_none() {
        return Skipped("the LED is simulated".into());
    }
    let name = reported.map_or(DEFAULT_LINE, |line| &line.name);
    let mut paths = Chip::list_devices().unwrap_or_default();
    if reported.is_none() && is_served {
        return Skipped("the controller that runs knows its line".into());
    }
    if paths.is_empty() && reported.is_none() {
        return Problem(
            "there is no GPIO chip (/dev/gpiochip*); run the controller with --simulate".into(),
        );
    }
    paths.sort();
    let (mut chips, mut found) = (Vec::new(), Vec::new());
    for path in paths {
        match Chip::new(&path) {
            Ok(chip) => {
                found.extend(find(&chip, name, reported));
                chips.push(format!(
                    "{} ({}, {})",
                    chip.name(),
                    chip.label(),
                    count(chip.num_lines().into(), "line")
                ));
            }
            Err(error) => chips.push(format!("{}: {error}", path.display())),
        }
    }
    let chips = chips.join(", ");
    match (&found[..], reported) {
        ([(line, info)], _) => consumer(line, info, reported.is_some()),
        // This user cannot read the chip, and need not: only the controller needs access to it.
        (_, Some(line)) => Skipped(format!("the controller holds {line}; looked at {chips}")),
        // No problem: the controller chooses the chip of a Pi's header, and knows its offsets if the lines have no names.
        (found, None) => Skipped(format!(
            "{} lines are named {name}; looked at {chips}",
            found.len()
        )),
    }
}

/// The line that the controller reports, or the one with this name.
fn find(chip: &Chip, name: &str, reported: Option<&Line>) -> Option<(Line, LineInfo)> {
    let matches = |offset: u32, info: &LineInfo| match reported {
        Some(line) => (chip.name(), offset) == (&line.chip, line.offset),
        None => info.name == name,
    };
    (0..chip.num_lines()).find_map(|offset| {
        let info = chip
            .line_info(offset)
            .ok()
            .filter(|info| matches(offset, info))?;
        let (chip, label) = (chip.name().to_owned(), chip.label().to_owned());
        Some((
            Line {
                name: name.to_owned(),
                offset,
                chip,
                label,
            },
            info,
        ))
    })
}

fn consumer(line: &Line, info: &LineInfo, is_reported: bool) -> Finding {
    let consumer = &info.consumer;
    if is_reported && info.used && consumer == Line::CONSUMER {
        Good(format!("{line} is held by \"{consumer}\""))
    } else if is_reported {
        Problem(format!(
            "{line} is not held by the controller that reports it: restart the controller"
        ))
    } else if info.used {
        Problem(format!(
            "{line} is held by \"{consumer}\": end that program, or give the controller another --line"
        ))
    } else {
        Good(format!("{line} is free"))
    }
}
