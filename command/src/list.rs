//! `list`: the LEDs of this machine.

use std::{io, time::Duration};

use client::{Error as ClientError, StateText, Target};
use shared::{Info, Key, Place, Queue};

use crate::{
    Error, print,
    status::{self, Format},
    view::QueueView,
};

/// The width of the keys, unless a name is longer.
const KEY_WIDTH: usize = 12;

/// Prints a line for each controller whose queues this user can find, in the order of their names and keys.
///
/// # Errors
///
/// [`Error::NoControllers`] if there is none.
pub(crate) fn run(owner: Option<u32>, timeout: Duration, format: Format) -> Result<(), Error> {
    let views = controllers(owner).map_err(Error::List)?;
    if views.is_empty() {
        return Err(Error::NoControllers);
    }
    let keys = views.iter().map(|(_, view)| view.key.to_string().len());
    let width = keys.max().unwrap_or_default().max(KEY_WIDTH);
    if format == Format::Text {
        print(row(
            width,
            ["KEY", "STATE", "LED", "CONTROLLER"].map(str::to_owned),
        ))?;
    }
    for (target, view) in views {
        let asked = client::ask_info(&target, timeout);
        print(match format {
            Format::Text => text(width, &view, &asked),
            Format::Json => status::json(&view, asked.as_ref().ok()),
        })?;
    }
    Ok(())
}

/// The controllers whose queues this user can find, in the order of their names and keys.
///
/// # Errors
///
/// The list of the queues cannot be read.
pub(crate) fn controllers(owner: Option<u32>) -> io::Result<Vec<(Target, QueueView)>> {
    let keys = Queue::keys()?.into_iter();
    let keys = keys.filter_map(|key| Key::new(key.cast_unsigned()));
    let mut views: Vec<(Target, QueueView)> = keys
        .map(|key| Target { key, owner })
        .map(|target| (target, QueueView::new(&target)))
        .filter(|(_, view)| view.is_of_controller())
        .collect();
    views.sort_by_key(|(_, view)| (view.key.name().map(|name| name.to_string()), view.key.get()));
    Ok(views)
}

/// `door         on                   GPIO17       PID 640`
fn text(width: usize, view: &QueueView, asked: &Result<Info, ClientError>) -> String {
    let state = match asked {
        Ok(info) => StateText(info.light()).to_string(),
        Err(ClientError::NotRunning { .. } | ClientError::Stale { .. }) => "ended".into(),
        Err(ClientError::NotReady { .. }) => "starting or ending".into(),
        Err(ClientError::Untrusted { .. } | ClientError::Unmapped { .. }) => "not trusted".into(),
        Err(ClientError::NotPermitted { .. }) => "not permitted".into(),
        Err(_) => "no reply".into(),
    };
    let info = asked.as_ref().ok();
    let place = info.map_or("-".into(), |info| place(&info.place));
    let pid = view.holder.pid().or(info.map(|info| info.pid));
    let pid = pid.map_or("-".into(), |pid| format!("PID {pid}"));
    row(width, [view.key.to_string(), state, place, pid])
}

/// The LED, safe for a terminal.
fn place(place: &Place) -> String {
    match place {
        Place::Simulated => "simulated".into(),
        Place::Line(line) => line.name.escape_debug().to_string(),
        Place::Led(name) => name.escape_debug().to_string(),
    }
}

fn row(width: usize, [key, state, place, controller]: [String; 4]) -> String {
    format!("{key:<width$} {state:<20} {place:<12} {controller}")
}

#[cfg(test)]
mod tests {
    use shared::Line;

    use super::*;

    #[test]
    fn the_name_of_an_led_or_a_line_does_not_command_the_terminal() {
        let line = Line {
            name: "GPIO\u{1b}[2J".into(),
            offset: 17,
            chip: "gpiochip0".into(),
            label: "pinctrl\r".into(),
        };
        assert_eq!(
            line.to_string(),
            r"GPIO\u{1b}[2J (offset 17 of gpiochip0, pinctrl\r)"
        );
        assert_eq!(place(&Place::Line(line)), r"GPIO\u{1b}[2J");
        assert_eq!(place(&Place::Led("mmc0::\n".into())), r"mmc0::\n");
    }
}
