//! `status`: the state of the LED and of the queue, for people and for programs.

use std::time::{Duration, SystemTime};

use client::{Patience, StateText, Target};
use serde_json::Value;
use shared::{
    Info, Line, Place, QueueStatus, State,
    account::{Group, User},
    count,
    lock::Holder,
};

use crate::{Error, print, view::QueueView};

/// The format of the output.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Format {
    Text,
    Json,
}

impl Format {
    pub(crate) fn new(json: bool) -> Format {
        if json { Format::Json } else { Format::Text }
    }
}

/// Prints one line. Also prints the state of a stale queue, before the error.
pub(crate) fn run(target: &Target, patience: Patience, format: Format) -> Result<(), Error> {
    // Look at the queue before the request changes it.
    let mut view = QueueView::new(target);
    let info = client::ask_info(target, patience);
    if info.is_ok() && view.status.is_none() {
        // The controller has started after the first look.
        view = QueueView::new(target);
    }
    let printed = match format {
        Format::Text if view.status.is_none() && info.is_err() => Ok(()),
        Format::Text => print(text(&view, info.as_ref().ok())),
        Format::Json => print(json(&view, info.as_ref().ok())),
    };
    info?;
    printed
}

/// `on (queue 1234: 0 messages, 0 bytes; last sender 4711, last receiver 640; served by 640)`
fn text(view: &QueueView, info: Option<&Info>) -> String {
    let state = info.map_or_else(
        || "no reply".into(),
        |info| StateText(info.light()).to_string(),
    );
    let Some(queue) = view.status else {
        return state;
    };
    let process = |pid: Option<u32>| pid.map_or_else(|| "none".into(), |pid| pid.to_string());
    let server = match (&view.holder, info) {
        (Holder::Alive(process), _) => process.pid().to_string(),
        // In another PID namespace the process can have another PID.
        (_, Some(info)) => format!("{} as it reports", info.pid),
        (Holder::Ended, None) => "no process".into(),
        (Holder::Unknown, None) => "an unknown process".into(),
    };
    format!(
        "{state} (queue {}: {}, {}; last sender {}, last receiver {}; served by {server})",
        view.key,
        count(queue.messages, "message"),
        count(queue.bytes, "byte"),
        process(queue.last_sender),
        process(queue.last_receiver),
    )
}

/// One JSON object. Its names and their order are those in command(1).
pub(crate) fn json(view: &QueueView, info: Option<&Info>) -> String {
    let line = info.and_then(|info| info.place.line());
    let led = info.and_then(|info| match &info.place {
        Place::Led(name) => Some(name.as_str()),
        Place::Line(_) | Place::Simulated => None,
    });
    let (state, blink) = match info.map(|info| info.state) {
        None => (None, None),
        Some(State::Off) => (Some("off"), None),
        Some(State::On) => (Some("on"), None),
        Some(State::Blink(blink)) => (Some("blink"), Some(blink)),
    };
    let milliseconds =
        |duration: Duration| value(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    object([
        ("state", value(state)),
        (
            "blink",
            or_null(blink, |blink| {
                object([
                    ("on_ms", milliseconds(blink.on())),
                    ("off_ms", milliseconds(blink.off())),
                    ("left", value(blink.count())),
                ])
            }),
        ),
        (
            "brightness",
            value(info.map(|info| info.light().brightness.percent())),
        ),
        ("levels", value(info.and_then(|info| info.levels))),
        ("led", value(led)),
        ("line", value(line.map(|line| line.name.as_str()))),
        ("offset", value(line.map(|line| line.offset))),
        ("chip", value(line.map(|line| line.chip.as_str()))),
        ("label", value(line.map(|line| line.label.as_str()))),
        ("consumer", value(line.map(|_| Line::CONSUMER))),
        ("key", value(view.key.get())),
        ("name", value(view.key.name().map(|name| name.to_string()))),
        (
            "queue",
            or_null(view.status, |status| queue(&status, view.holder.pid())),
        ),
        (
            "controller",
            or_null(info, |info| {
                object([
                    ("pid", value(info.pid)),
                    ("version", value(info.version.as_str())),
                    ("uptime_seconds", value(info.uptime.as_secs())),
                    ("applied", value(info.applied)),
                    ("refused", value(info.refused)),
                    ("replies_dropped", value(info.replies_dropped)),
                ])
            }),
        ),
    ])
}

fn queue(status: &QueueStatus, served_by: Option<u32>) -> String {
    let time = |time: Option<SystemTime>| {
        value(time.map(|time| humantime::format_rfc3339_seconds(time).to_string()))
    };
    object([
        ("messages", value(status.messages)),
        ("bytes", value(status.bytes)),
        ("limit", value(status.limit)),
        ("mode", value(status.permissions.mode.to_string())),
        ("owner", value(User(status.permissions.owner).name())),
        ("group", value(Group(status.permissions.group).name())),
        ("served_by", value(served_by)),
        ("last_sender", value(status.last_sender)),
        ("last_receiver", value(status.last_receiver)),
        ("last_sent", time(status.last_sent)),
        ("last_received", time(status.last_received)),
        ("last_changed", time(status.last_changed)),
    ])
}

/// A JSON object with its members in this order. The map of serde_json would sort them.
fn object<const N: usize>(members: [(&str, String); N]) -> String {
    format!(
        "{{{}}}",
        members
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .join(",")
    )
}

fn value(value: impl Into<Value>) -> String {
    value.into().to_string()
}

fn or_null<T>(value: Option<T>, json: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "null".into(), json)
}
