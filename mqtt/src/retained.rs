//! The messages that the broker retained before this connection. They show which topics are stale, because a node or an LED was
//! renamed or removed, and whether another machine has the name of this node.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use shared::file;

use crate::{
    broker::Message,
    topics::{ONLINE, Topics, is_discovery},
};

/// The most topics that are read: a bound for memory.
const TOPICS_MAX: usize = 1000;
/// The directory of the service, see `StateDirectory=` in systemd.exec(5).
const DIRECTORY: &str = "/var/lib/led-mqtt";

/// The topics on which this machine has ever retained a message, in a file.
#[derive(Debug)]
pub(crate) struct History {
    path: PathBuf,
    topics: Vec<String>,
}

impl History {
    /// Reads the file. A missing file is an empty history.
    pub(crate) fn read() -> History {
        let directory =
            env::var_os("STATE_DIRECTORY").map_or_else(|| DIRECTORY.into(), PathBuf::from);
        let path = directory.join("topics");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let is_topic = |topic: &&str| {
            !topic.is_empty() && topic.len() <= 1024 && !topic.contains(['+', '#', '\0'])
        };
        let topics = text.lines().filter(is_topic).take(TOPICS_MAX);
        History {
            topics: topics.map(str::to_owned).collect(),
            path,
        }
    }

    /// The topics that are not in `current`.
    pub(crate) fn without(&self, current: &[String]) -> Vec<String> {
        let stale = self.topics.iter().filter(|topic| !current.contains(topic));
        stale.cloned().collect()
    }

    /// Adds the topics that are not in the file.
    pub(crate) fn add(&mut self, topics: &[String]) {
        self.write([topics, &self.without(topics)].concat());
    }

    /// Replaces the file, if it has other topics. Without its directory there is none.
    pub(crate) fn write(&mut self, topics: Vec<String>) {
        if self.topics == topics {
            return;
        }
        let text: String = topics.iter().map(|topic| format!("{topic}\n")).collect();
        match file::replace(&self.path, &text, |_| Ok(())) {
            Err(error) if self.path.parent().is_some_and(Path::exists) => {
                log::warn!(
                    "cannot write {}: {error}: after another name of the node, run \"led-mqtt --forget --node OLD\"",
                    self.path.display()
                );
            }
            _ => self.topics = topics,
        }
    }
}

/// What is retained on the topics of this node, and on those of its history.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    found: BTreeMap<String, String>,
    /// The number of the process that published the availability last.
    pub(crate) publisher: Option<Vec<u8>>,
}

impl Retained {
    /// The topics to subscribe to: also each exact topic, because some brokers deliver no retained message to a wildcard.
    pub(crate) fn topics(topics: &Topics, history: &[String]) -> Vec<String> {
        let node = &topics.node;
        let names = ["+/state", "+/availability", "state"].map(|end| format!("{node}{end}"));
        let own = topics
            .discovery
            .iter()
            .chain([&topics.availability])
            .cloned();
        own.chain(history.iter().cloned()).chain(names).collect()
    }

    pub(crate) fn add(&mut self, topics: &Topics, message: &Message) {
        if message.topic == topics.availability {
            self.publisher.clone_from(&message.correlation);
        }
        if message.payload.is_empty() {
            self.found.remove(&message.topic);
        } else if self.found.len() < TOPICS_MAX {
            // Others may have written anything: no more is kept than is compared.
            let kept = message.payload.len().min(if is_discovery(&message.topic) {
                usize::MAX
            } else {
                ONLINE.len() + 1
            });
            let payload = String::from_utf8_lossy(&message.payload[..kept]).into_owned();
            self.found.insert(message.topic.clone(), payload);
        }
    }

    /// The identifier of another machine that has the name of this node, and whether it is online: `online` is retained, and not
    /// by this process.
    pub(crate) fn other(
        &self,
        topics: &Topics,
        id: &str,
        process: &[u8],
    ) -> Option<(String, bool)> {
        let is_online =
            self.is_online(&topics.availability) && self.publisher.as_deref() != Some(process);
        let other = device(self.found.get(topics.discovery.as_ref()?)?)?;
        (other != id).then_some((other, is_online))
    }

    /// The topics that are to be removed: those of this node that it no longer has, and those of an earlier name, if no other machine
    /// has that name now. Those of discovery are the first.
    pub(crate) fn stale(&self, topics: &Topics, id: &str) -> Vec<String> {
        let current = topics.retained();
        let discoveries = self.found.values();
        let others: Vec<&String> = discoveries
            .filter(|text| device(text).is_some_and(|device| device != id))
            .collect();
        let is_stale = |topic: &&String| {
            let quoted = format!("\"{topic}\"");
            if current.contains(topic) || others.iter().any(|other| other.contains(&quoted)) {
                return false;
            }
            match device(&self.found[*topic]) {
                Some(device) => device == id,
                None => topic.starts_with(&topics.node) || !self.belongs_to_an_online_node(topic),
            }
        };
        let mut stale: Vec<String> = self.found.keys().filter(is_stale).cloned().collect();
        stale.sort_by_key(|topic| !is_discovery(topic));
        stale
    }

    /// The first availability in these topics that has no retained message: it is gone, or this user may not read it.
    pub(crate) fn missing<'a>(&self, topics: &'a [String]) -> Option<&'a String> {
        let mut missing = topics
            .iter()
            .filter(|topic| !self.found.contains_key(*topic));
        missing.find(|topic| topic.ends_with("/availability"))
    }

    /// The components in the retained discovery message that are not in `current`. Home Assistant removes a
    /// component only if a message names it.
    pub(crate) fn components(&self, topics: &Topics, current: &[&str]) -> Vec<String> {
        let discovery = topics
            .discovery
            .as_ref()
            .and_then(|topic| self.found.get(topic));
        let discovery: Option<Value> = discovery.and_then(|text| serde_json::from_str(text).ok());
        let components = discovery
            .as_ref()
            .and_then(|discovery| discovery["components"].as_object());
        let names = components
            .into_iter()
            .flat_map(|components| components.keys());
        names
            .filter(|name| !current.contains(&name.as_str()))
            .cloned()
            .collect()
    }

    /// Whether the node of this topic is online. Its availability is the one with the fewest levels: that of an LED stays `online`
    /// when the node has gone.
    fn belongs_to_an_online_node(&self, topic: &str) -> bool {
        let mut levels = topic
            .match_indices('/')
            .map(|(end, _)| format!("{}/availability", &topic[..end]));
        levels
            .find(|availability| self.found.contains_key(availability))
            .is_some_and(|node| self.is_online(&node))
    }

    /// Whether a message is retained on this topic.
    pub(crate) fn has(&self, topic: &str) -> bool {
        self.found.contains_key(topic)
    }

    pub(crate) fn is_online(&self, topic: &str) -> bool {
        self.found
            .get(topic)
            .is_some_and(|payload| payload == ONLINE)
    }
}

/// The identifier of the device in a discovery message.
fn device(discovery: &str) -> Option<String> {
    let discovery: Value = serde_json::from_str(discovery).ok()?;
    Some(discovery["device"]["identifiers"][0].as_str()?.to_owned())
}
