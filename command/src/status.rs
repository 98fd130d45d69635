//! `status`: what the LED does, and how the queue is, for people and for programs.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use serde::Serialize;
use shared::{
    Command, Info, Key, Line, Message, State, Status,
    account::{Group, User, own_user},
    lock::{self, Holder},
};

use crate::{
    Error,
    client::{self, Answer},
    print,
    queues::{Target, look},
};

/// How it is printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Format {
    Words,
    Json,
}

/// Prints one line: also of a queue that nobody serves, and before the error that says so.
pub(crate) fn run(target: &Target, timeout: Duration, format: Format) -> Result<(), Error> {
    // Before anything is sent to it: what is sent is counted there.
    let sight = Sight::of(target);
    let answer = ask(target, timeout);
    let info = answer.as_ref().ok().and_then(|answer| Info::decode(answer));
    let printed = match format {
        Format::Words if sight.queue.is_none() => Ok(()),
        Format::Words => print(sight.words(info.as_ref())),
        Format::Json => print(sight.json(info.as_ref())),
    };
    answer.map(drop).and(printed)
}

/// Asks the controller for what it tells of itself.
pub(crate) fn ask(target: &Target, timeout: Duration) -> Result<Box<Message>, Error> {
    match client::ask(target, Command::Info, timeout)? {
        Answer::Ok(_, message) if Info::decode(&message).is_some() => Ok(message),
        Answer::Ok(_, message) => Err(Error::Malformed(message.to_string())),
        Answer::Ended => Err(Error::NotRunning { key: target.key }),
    }
}

/// What can be seen of a queue without sending anything to it.
pub(crate) struct Sight {
    pub(crate) key: Key,
    pub(crate) queue: Option<Status>,
    pub(crate) server: Holder,
}

impl Sight {
    pub(crate) fn of(target: &Target) -> Sight {
        let key = target.key;
        let (queue, status) = look(key).unzip();
        let owner = status.map_or_else(own_user, |status| status.creator);
        // What another user writes of a controller is not believed either.
        let server = if target.trusts(owner) { lock::holder(key, queue, owner) } else { Holder::Unknown };
        Sight { key, queue: status, server }
    }

    /// `on (queue 1234: 0 messages, 0 bytes; last sender 4711, last receiver 640; served by 640)`
    fn words(&self, info: Option<&Info<'_>>) -> String {
        let state = info.map_or_else(|| "no controller answers".into(), |info| Words(info.state).to_string());
        let Some(queue) = self.queue else { return state };
        let process = |pid: Option<u32>| pid.map_or_else(|| "none".into(), |pid| pid.to_string());
        let server = match (self.server, info) {
            (Holder::Process(pid), _) => pid.to_string(),
            // Its lock is out of sight, and so may its PID be.
            (_, Some(info)) => format!("{} by its own count", info.pid),
            (Holder::Nobody, None) => "no process".into(),
            (Holder::Unknown, None) => "no process that can be seen".into(),
        };
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        format!(
            "{state} (queue {}: {} message{}, {} byte{}; last sender {}, last receiver {}; served by {server})",
            self.key,
            queue.messages,
            plural(queue.messages),
            queue.bytes,
            plural(queue.bytes),
            process(queue.last_sender),
            process(queue.last_receiver),
        )
    }

    pub(crate) fn json(&self, info: Option<&Info<'_>>) -> String {
        let line = info.and_then(|info| info.line);
        let json = Json {
            state: info.map(|info| match info.state {
                State::Off => "off",
                State::On => "on",
                State::Blink(_) => "blink",
            }),
            blink: info.and_then(|info| match info.state {
                State::Blink(blink) => Some(JsonBlink {
                    on_ms: blink.on().as_millis(),
                    off_ms: blink.off().as_millis(),
                    left: blink.count(),
                }),
                _ => None,
            }),
            line: line.map(|line| line.name),
            offset: line.map(|line| line.offset),
            chip: line.map(|line| line.chip),
            label: line.map(|line| line.label),
            consumer: line.map(|_| Line::CONSUMER),
            key: self.key.get(),
            queue: self.queue.map(|queue| JsonQueue {
                messages: queue.messages,
                bytes: queue.bytes,
                limit: queue.limit,
                mode: queue.permissions.mode.to_string(),
                owner: User(queue.permissions.owner).name(),
                group: Group(queue.permissions.group).name(),
                served_by: self.server.pid(),
                last_sender: queue.last_sender,
                last_receiver: queue.last_receiver,
                last_sent: queue.last_sent.map(rfc3339),
                last_received: queue.last_received.map(rfc3339),
                last_changed: queue.last_changed.map(rfc3339),
            }),
            controller: info.map(|info| JsonController {
                pid: info.pid,
                version: info.version,
                uptime_seconds: info.uptime.as_secs(),
                applied: info.applied,
                refused: info.refused,
                answers_dropped: info.answers_dropped,
            }),
        };
        serde_json::to_string(&json).unwrap_or_default()
    }
}

/// A state as people read it: `blink 500ms 500ms, 3 left`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words(pub(crate) State);

impl fmt::Display for Words {
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

/// The names here are a promise: command(1) documents them.
#[derive(Serialize)]
struct Json<'a> {
    state: Option<&'a str>,
    blink: Option<JsonBlink>,
    line: Option<&'a str>,
    offset: Option<u32>,
    chip: Option<&'a str>,
    label: Option<&'a str>,
    consumer: Option<&'a str>,
    key: u32,
    queue: Option<JsonQueue>,
    controller: Option<JsonController<'a>>,
}

#[derive(Serialize)]
struct JsonBlink {
    on_ms: u128,
    off_ms: u128,
    left: Option<u32>,
}

#[derive(Serialize)]
struct JsonQueue {
    messages: u64,
    bytes: u64,
    limit: u64,
    mode: String,
    owner: String,
    group: String,
    served_by: Option<u32>,
    last_sender: Option<u32>,
    last_receiver: Option<u32>,
    last_sent: Option<String>,
    last_received: Option<String>,
    last_changed: Option<String>,
}

#[derive(Serialize)]
struct JsonController<'a> {
    pid: u32,
    version: &'a str,
    uptime_seconds: u64,
    applied: u64,
    refused: u64,
    answers_dropped: u64,
}
