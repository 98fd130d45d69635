//! The topics.
//!
//! | topic | published by | retained | payload |
//! |---|---|---|---|
//! | `led/NODE/set`, `led/NODE/NAME/set` | others | no | a command |
//! | `led/group/GROUP/set`, `led/all/set` | others | no | a command for each LED of these nodes |
//! | `led/NODE/state`, `led/NODE/NAME/state` | this program | yes | the state as JSON |
//! | `led/NODE/availability`, `led/NODE/NAME/availability` | this program | yes | `online` or `offline` |
//! | `led/NODE/response/...` | this program | no | responses, beside topics outside of `led/` |
//!
//! An LED without a name has the topics without `/NAME`. If all LEDs have names, `led/NODE/set` is for all of them, and
//! `led/NODE/availability` says whether this program is connected.

use crate::config::Config;

pub(crate) const ONLINE: &str = "online";
pub(crate) const OFFLINE: &str = "offline";

/// The limits of a response topic. Mosquitto ends the connection of a client that publishes with more than 200 levels.
const LEVELS_MAX: usize = 32;
const BYTES_MAX: usize = 256;

/// Whether this is a topic of discovery. No other one ends like it.
pub(crate) fn is_discovery(topic: &str) -> bool {
    topic.ends_with("/config")
}

/// The topics of a node.
#[derive(Clone, Debug)]
pub(crate) struct Topics {
    /// Of each LED.
    pub(crate) leds: Vec<LedTopics>,
    /// Where all LEDs of the node receive commands.
    pub(crate) shared: Vec<String>,
    /// `led/NODE/`, below which all topics of this node are.
    pub(crate) node: String,
    /// The topic that says whether this program is connected. Retained, and the topic of the last will.
    pub(crate) availability: String,
    /// Where Home Assistant looks for this node.
    pub(crate) discovery: Option<String>,
    /// Where Home Assistant publishes that it has started.
    pub(crate) status: Option<String>,
    /// What `--check` publishes to itself.
    pub(crate) check: String,
    /// The prefixes below which no response may go.
    prefixes: [String; 2],
    /// The one below them that is for responses of this node.
    pub(crate) responses: String,
}

/// The topics of an LED.
#[derive(Clone, Debug)]
pub(crate) struct LedTopics {
    pub(crate) set: String,
    pub(crate) state: String,
    /// The topic that says whether the controller replies. Retained.
    pub(crate) availability: String,
}

impl Topics {
    pub(crate) fn new(config: &Config) -> Topics {
        let (prefix, discovery) = (&config.prefix, config.discovery.as_ref());
        let node = format!("{prefix}/{}", config.node);
        let led = |name: Option<&String>| {
            let base = name.map_or_else(|| node.clone(), |name| format!("{node}/{name}"));
            LedTopics {
                set: format!("{base}/set"),
                state: format!("{base}/state"),
                availability: format!("{base}/availability"),
            }
        };
        let groups = config.groups.iter();
        let shared = groups
            .map(|group| format!("{prefix}/group/{group}/set"))
            .chain([format!("{node}/set"), format!("{prefix}/all/set")]);
        Topics {
            leds: config.leds.iter().map(|it| led(it.name.as_ref())).collect(),
            shared: shared.collect(),
            node: format!("{node}/"),
            availability: format!("{node}/availability"),
            discovery: discovery.map(|prefix| format!("{prefix}/device/{}/config", config.node)),
            status: discovery.map(|_| config.status_topic.clone()),
            check: format!("{node}/check"),
            prefixes: [
                prefix.clone(),
                discovery
                    .map_or("homeassistant", |prefix| prefix)
                    .to_owned(),
            ],
            responses: format!("{node}/response/"),
        }
    }

    /// All topics from which commands come, and that of Home Assistant's start.
    pub(crate) fn subscribed(&self) -> Vec<String> {
        let sets = self.leds.iter().map(|led| &led.set);
        let topics = self.shared.iter().chain(sets).chain(&self.status);
        let mut topics: Vec<String> = topics.cloned().collect();
        // An LED without a name has the topic of the node.
        topics.sort();
        topics.dedup();
        topics
    }

    /// All topics on which this program retains messages, the availability last.
    pub(crate) fn retained(&self) -> Vec<String> {
        let leds = self.leds.iter();
        let leds = leds.flat_map(|led| [&led.state, &led.availability]);
        let mut topics: Vec<String> = self.discovery.iter().chain(leds).cloned().collect();
        if !topics.contains(&self.availability) {
            topics.push(self.availability.clone());
        }
        topics
    }

    /// The node to which a topic below the prefix belongs.
    pub(crate) fn node_of<'a>(&self, topic: &'a str) -> Option<&'a str> {
        let [prefix, _] = &self.prefixes;
        topic
            .strip_prefix(&**prefix)?
            .strip_prefix('/')?
            .split('/')
            .next()
    }

    /// Whether a response may go to this topic: below the topic for responses of this node, or outside of the topics of LEDs and of
    /// discovery. Otherwise a publisher could use this program to command LEDs or to forge their states.
    pub(crate) fn permits_response(&self, topic: &str) -> bool {
        let is_below = |prefix: &String| {
            topic
                .strip_prefix(&**prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let is_topic = !topic.is_empty()
            && topic.len() <= BYTES_MAX
            && topic.split('/').count() <= LEVELS_MAX
            && !topic.starts_with('$')
            && !topic.contains(|c: char| c.is_control() || c == '+' || c == '#');
        let belongs_to_others =
            self.prefixes.iter().any(is_below) || self.status.as_deref() == Some(topic);
        is_topic && (!belongs_to_others || topic.starts_with(&self.responses))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_go_to_topics_of_their_own_or_to_those_of_nobody() {
        let config = "broker = 'mqtt://x'\nnode = 'porch'\nstatus_topic = 'ha/status'";
        let topics = Topics::new(&Config::parse(config).unwrap());
        let levels = |count: usize| vec!["a"; count].join("/");
        for (topic, is_permitted) in [
            ("led/porch/response/1", true),
            ("led/porch/response/a/b", true),
            ("phone/1", true),
            ("ledger/set", true),
            ("homeassistants/x", true),
            (&levels(32), true),
            (&"x".repeat(256), true),
            (&levels(33), false),
            (&"/".repeat(201), false),
            (&"x".repeat(257), false),
            ("", false),
            ("a/+", false),
            ("#", false),
            ("a\0", false),
            ("a\n", false),
            ("$SYS/a", false),
            ("led", false),
            ("led/porch/response", false),
            ("led/porch/set", false),
            ("led/porch/state", false),
            ("led/porch/availability", false),
            ("led/all/set", false),
            ("led/garage/set", false),
            ("led/garage/response/1", false),
            ("homeassistant/device/porch/config", false),
            ("homeassistant/status", false),
            ("ha/status", false),
        ] {
            assert_eq!(topics.permits_response(topic), is_permitted, "{topic:?}");
        }
    }
}
