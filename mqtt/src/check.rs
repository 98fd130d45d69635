//! `--check`: checks the configuration, the broker and the controllers, in this order.

use std::{
    io::{self, Write},
    path::Path,
    time::Duration,
};

use client::{StateText, Target};
use tokio::time::timeout;

use crate::{
    Error,
    advice::Advised,
    broker::{self, Event},
    client_id,
    config::Config,
    outbox::{Outbox, ResponseTo},
    topics,
};

/// How long the broker, and each controller, may take.
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
        // If the reader has gone, the checks go on for the exit status.
        let _ = writeln!(io::stdout(), "{mark:<5}{name:<12}{text}");
    };
    match Config::read(path) {
        Ok(config) => {
            let (count, plural) = (
                config.leds.len(),
                if config.leds.len() == 1 { "" } else { "s" },
            );
            report(
                "config",
                Ok(format!(
                    "{}: node {}, {count} LED{plural}",
                    path.display(),
                    config.node
                )),
            );
            for (name, result) in broker(&config).await {
                report(name, result);
            }
            for led in &config.leds {
                let target = Target {
                    key: led.key,
                    owner: led.owner,
                };
                let name = format!("{}: key {}", topics::set(&config, led), led.key);
                let status = client::ask_info(&target, TIMEOUT);
                let status = status.map(|info| format!("{name}: {}", StateText(info.state)));
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

/// Connects, subscribes to the topics of this node, publishes on one that only this check uses, and waits for the message.
async fn broker(config: &Config) -> Vec<Finding> {
    let (publisher, mut connection) =
        match broker::prepare(config, &client_id(config, "-check"), false) {
            Ok(prepared) => prepared,
            Err(error) => return vec![("broker", Err(error.to_string()))],
        };
    let outbox = Outbox::new(0);
    let topic = topics::check(config);
    let mut findings = Vec::new();
    // What the broker is to do next.
    let mut step = "broker";
    let check = async {
        loop {
            let Ok(event) = timeout(TIMEOUT, connection.next(&outbox, || {})).await else {
                return findings.push(no_reply(config, &findings));
            };
            match event {
                Event::Connected { .. } => {
                    let security = if config.broker.tls {
                        "with TLS"
                    } else {
                        "without TLS"
                    };
                    let user = config.user.as_deref().unwrap_or("no user");
                    findings.push((
                        "broker",
                        Ok(format!("{}, {security}, as {user}", config.broker)),
                    ));
                    publisher.subscribe(
                        topics::subscribed(config)
                            .into_iter()
                            .chain([topic.clone()]),
                    );
                    step = "subscribe";
                }
                Event::Subscribed(0) => {
                    step = "publish";
                    publisher.send(
                        &ResponseTo {
                            topic: topic.clone(),
                            correlation: None,
                        },
                        "",
                    );
                }
                Event::Subscribed(refused) => {
                    return findings.push((
                        step,
                        Err(format!(
                            "{topic}: the broker refused {refused} topics: {}",
                            permit(config)
                        )),
                    ));
                }
                Event::Message(message) if message.topic == topic => {
                    findings.push(("subscribe", Ok(topic.clone())));
                    return findings.push(("publish", Ok(topic.clone())));
                }
                Event::Refused(reason) => {
                    return findings
                        .push((step, Err(format!("{topic}: {reason}: {}", permit(config)))));
                }
                Event::Lost(loss) if step == "broker" => {
                    return findings
                        .push((step, Err(format!("{}: {}", config.broker, loss.reason))));
                }
                // RabbitMQ ends the connection instead of refusing a topic.
                Event::Lost(loss) => {
                    return findings.push((
                        step,
                        Err(format!("{topic}: {}: {}", loss.reason, permit(config))),
                    ));
                }
                // Commands of others are for the service.
                Event::Message(_) | Event::Progress => {}
            }
        }
    };
    check.await;
    findings
}

/// A broker that does not answer, or does not deliver what the user may not read.
fn no_reply(config: &Config, findings: &[Finding]) -> Finding {
    if findings.is_empty() {
        let advice = "check the host, and whether a firewall is between";
        return (
            "broker",
            Err(format!("{}: no reply in time: {advice}", config.broker)),
        );
    }
    (
        "subscribe",
        Err(format!(
            "{}: the message did not come back: {}",
            topics::check(config),
            permit(config)
        )),
    )
}

/// All topics of this node: a broker does not always tell which one it refused.
fn permit(config: &Config) -> String {
    let user = config.user.as_deref().unwrap_or("\"\"");
    let own = format!("{}/{}/", config.prefix, config.node);
    let others: Vec<String> = topics::subscribed(config)
        .into_iter()
        .filter(|topic| !topic.starts_with(&own))
        .collect();
    let discovery = config
        .discovery
        .as_ref()
        .map(|prefix| format!(", to write {}", topics::discovery(prefix, config)));
    format!(
        "permit user {user} to read and write {own}#{}, and to read {}",
        discovery.unwrap_or_default(),
        others.join(", ")
    )
}
