//! `--check`: checks the configuration, the broker and the controllers, in this order.

use std::{
    io::{self, Write},
    path::Path,
    time::Duration,
};

use client::{StateText, Target};
use tokio::time::{Instant, timeout_at};

use crate::{
    Error,
    advice::Advised,
    broker::{Connection, Event, NO_REPLY, Options, Outgoing, Tag},
    client_id,
    config::Config,
    discovery,
    retained::Retained,
    topics::Topics,
};

/// How long each step with the broker, and each controller, may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Prints a line for each check.
///
/// # Errors
///
/// The number of problems.
pub(crate) async fn run(path: &Path) -> Result<(), Error> {
    let mut problems = 0;
    let mut report = |name: &str, result: Result<String, String>| {
        let (mark, text) = match result {
            Ok(text) => ("ok", text),
            Err(text) => {
                problems += 1;
                ("FAIL", text)
            }
        };
        // If the reader has closed the pipe, the checks continue for the exit status.
        let _ = writeln!(
            io::stdout(),
            "{mark:<5}{name:<12}{}",
            logging::escape(&text)
        );
    };
    match Config::read(path) {
        Ok(config) => {
            report(
                "config",
                Ok(format!(
                    "{}: node {}, {}",
                    path.display(),
                    config.node,
                    shared::count(config.leds.len() as u64, "LED")
                )),
            );
            let topics = Topics::new(&config);
            for (name, result) in broker(&config, &topics).await {
                report(name, result);
            }
            for (led, topics) in config.leds.iter().zip(&topics.leds) {
                let target = Target {
                    key: led.key,
                    owner: led.owner,
                };
                let name = format!("{}: key {}", topics.set, led.key);
                let status = client::ask_info(&target, TIMEOUT);
                let status = status.map(|info| format!("{name}: {}", StateText(info.light())));
                report(
                    "controller",
                    status.map_err(|error| format!("{name}: {}", Advised(&error))),
                );
            }
        }
        Err(error) => report("config", Err(error.to_string())),
    }
    if problems == 0 {
        Ok(())
    } else {
        Err(Error::Problems(problems))
    }
}

type Finding = (&'static str, Result<String, String>);

/// Connects, subscribes to the topics of this node, publishes on a topic that only this check uses, and waits for that message.
///
/// Each step has its own timeout, which messages of others do not extend.
async fn broker(config: &Config, topics: &Topics) -> Vec<Finding> {
    let options = match Options::new(config, &client_id(config, "-check"), None) {
        Ok(options) => options,
        Err(error) => return vec![("broker", Err(error.to_string()))],
    };
    let mut connection = Connection::open(&options);
    let check = &topics.check;
    let problem = |step, reason: &str| match step {
        "broker" => format!("{}: {reason}", config.broker),
        _ => format!("{check}: {reason}: {}", permit(config, topics)),
    };
    let (mut findings, mut retained, mut reads) = (Vec::new(), Retained::default(), false);
    // The step that the broker has to complete next.
    let (mut step, mut deadline) = ("broker", Instant::now() + TIMEOUT);
    let found = loop {
        let Ok(event) = timeout_at(deadline, connection.next()).await else {
            let reason = match step {
                "broker" => NO_REPLY,
                // A broker silently withholds messages that the user may not read.
                _ => "the message did not come back",
            };
            break problem(step, reason);
        };
        match event {
            Event::Connected { .. } => {
                findings.push((step, Ok(connected(config))));
                connection.subscribe(Tag::Retained, &Retained::topics(topics, &[]));
                (step, deadline) = ("subscribe", Instant::now() + TIMEOUT);
            }
            Event::Subscribed(Tag::Retained, reasons) => {
                reads = reasons.is_empty();
                let mut subscribed = topics.subscribed();
                subscribed.push(check.clone());
                connection.subscribe(Tag::Check, &subscribed);
            }
            Event::Subscribed(_, reasons) if reasons.is_empty() => {
                // All that is retained has come before.
                if reads {
                    findings.push(("name", name(config, topics, &retained)));
                }
                let message = Outgoing {
                    topic: check,
                    payload: "",
                    correlation: None,
                    is_retained: false,
                };
                connection.publish(Tag::Check, &message);
                (step, deadline) = ("publish", Instant::now() + TIMEOUT);
            }
            Event::Subscribed(_, reasons) => {
                let topics = shared::count(reasons.len() as u64, "topic");
                break problem(step, &format!("the broker refused {topics}"));
            }
            Event::Message(message) if message.topic == *check => {
                findings.extend(["subscribe", "publish"].map(|step| (step, Ok(check.clone()))));
                return findings;
            }
            Event::Acknowledged(_, Err(reason)) => break problem(step, &reason),
            // RabbitMQ ends the connection instead of refusing a topic.
            Event::Lost(loss) => break problem(step, &loss.reason),
            // Commands of others are for the running service.
            Event::Message(message) => retained.add(topics, &message),
            Event::Acknowledged(_, Ok(())) => {}
        }
    };
    findings.push((step, Err(found)));
    findings
}

/// Whether another machine has the name of this node.
fn name(config: &Config, topics: &Topics, retained: &Retained) -> Result<String, String> {
    match retained.other(topics, &discovery::device(config), &[]) {
        Some((other, true)) => Err(format!(
            "{} belongs to the device {other}, which is online: run \"sudo led-mqtt --setup --node OTHER\"",
            config.node
        )),
        Some((other, false)) => Ok(format!(
            "{}: it belonged to the device {other}, which is offline, and will belong to this one",
            config.node
        )),
        None if topics.discovery.is_none() => Ok(format!(
            "{}: not compared, as discovery is off",
            config.node
        )),
        None => Ok(format!("{}: no other machine was found", config.node)),
    }
}

fn connected(config: &Config) -> String {
    let tls = if config.broker.tls { "with" } else { "without" };
    let user = config.user.as_deref().unwrap_or("no user");
    format!("{}, {tls} TLS, as {user}", config.broker)
}

/// All topics of this node: a broker does not always say which one it refused.
fn permit(config: &Config, topics: &Topics) -> String {
    let own = format!("{}/{}/", config.prefix, config.node);
    let others = topics.subscribed();
    let others: Vec<_> = others
        .iter()
        .filter(|topic| !topic.starts_with(&own))
        .map(String::as_str)
        .collect();
    let discovery = topics.discovery.iter().map(|topic| format!(" and {topic}"));
    format!(
        "permit {} to read and write {own}#{}, and to read {}",
        config.user(),
        discovery.collect::<String>(),
        others.join(", ")
    )
}
