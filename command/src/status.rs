//! `status`: the state of the LED and of the queue, for people and for programs.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use serde_json::json;
use shared::{
    Command, Info, Line, State,
    account::{Group, User},
    lock::Holder,
};

use crate::{
    Error,
    client::{self, Outcome},
    print,
    target::Target,
    view::QueueView,
};

/// How it is printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Format {
    Text,
    Json,
}

/// Prints one line. Also prints the state of a stale queue, before the error.
pub(crate) fn run(target: &Target, timeout: Duration, format: Format) -> Result<(), Error> {
    // Before the request, which changes the queue.
    let view = QueueView::new(target);
    let info = ask(target, timeout);
    let printed = match format {
        Format::Text if view.status.is_none() => Ok(()),
        Format::Text => print(text(&view, info.as_ref().ok())),
        Format::Json => print(json(&view, info.as_ref().ok())),
    };
    info.map(drop).and(printed)
}

/// Asks the controller for its status.
pub(crate) fn ask(target: &Target, timeout: Duration) -> Result<Info, Error> {
    match client::ask(target, Command::Status, timeout)? {
        Outcome::Applied(_, message) => {
            Info::decode(&message).ok_or_else(|| Error::Malformed { reply: message.to_string() })
        }
        Outcome::Ended => Err(Error::NotRunning { key: target.key }),
    }
}

/// `on (queue 1234: 0 messages, 0 bytes; last sender 4711, last receiver 640; served by 640)`
fn text(view: &QueueView, info: Option<&Info>) -> String {
    let state = info.map_or_else(|| "no reply".into(), |info| StateText(info.state).to_string());
    let Some(queue) = view.status else { return state };
    let process = |pid: Option<u32>| pid.map_or_else(|| "none".into(), |pid| pid.to_string());
    let server = match (view.holder, info) {
        (Holder::Process(pid), _) => pid.to_string(),
        // In another PID namespace it can have another PID.
        (_, Some(info)) => format!("{} as it reports", info.pid),
        (Holder::Nobody, None) => "no process".into(),
        (Holder::Unknown, None) => "an unknown process".into(),
    };
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    format!(
        "{state} (queue {}: {} message{}, {} byte{}; last sender {}, last receiver {}; served by {server})",
        view.key,
        queue.messages,
        plural(queue.messages),
        queue.bytes,
        plural(queue.bytes),
        process(queue.last_sender),
        process(queue.last_receiver),
    )
}

/// One JSON object. Its names and their order are those in command(1).
pub(crate) fn json(view: &QueueView, info: Option<&Info>) -> String {
    let line = info.and_then(|info| info.line.as_ref());
    let blink = info.and_then(|info| match info.state {
        State::Blink(blink) => Some(blink),
        _ => None,
    });
    let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    json!({
        "state": info.map(|info| match info.state {
            State::Off => "off",
            State::On => "on",
            State::Blink(_) => "blink",
        }),
        "blink": blink.map(|blink| json!({
            "on_ms": milliseconds(blink.on()),
            "off_ms": milliseconds(blink.off()),
            "left": blink.count(),
        })),
        "line": line.map(|line| &line.name),
        "offset": line.map(|line| line.offset),
        "chip": line.map(|line| &line.chip),
        "label": line.map(|line| &line.label),
        "consumer": line.map(|_| Line::CONSUMER),
        "key": view.key.get(),
        "queue": view.status.map(|queue| json!({
            "messages": queue.messages,
            "bytes": queue.bytes,
            "limit": queue.limit,
            "mode": queue.permissions.mode.to_string(),
            "owner": User(queue.permissions.owner).name(),
            "group": Group(queue.permissions.group).name(),
            "served_by": view.holder.pid(),
            "last_sender": queue.last_sender,
            "last_receiver": queue.last_receiver,
            "last_sent": queue.last_sent.map(rfc3339),
            "last_received": queue.last_received.map(rfc3339),
            "last_changed": queue.last_changed.map(rfc3339),
        })),
        "controller": info.map(|info| json!({
            "pid": info.pid,
            "version": info.version,
            "uptime_seconds": info.uptime.as_secs(),
            "applied": info.applied,
            "refused": info.refused,
            "answers_dropped": info.answers_dropped,
        })),
    })
    .to_string()
}

/// A state as people read it: `blink 500ms 500ms, 3 left`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StateText(pub(crate) State);

impl fmt::Display for StateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            State::Off => f.write_str("off"),
            State::On => f.write_str("on"),
            State::Blink(blink) => {
                write!(f, "blink {:?} {:?}", blink.on(), blink.off())?;
                blink.count().map_or(Ok(()), |left| write!(f, ", {left} left"))
            }
        }
    }
}

fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}
