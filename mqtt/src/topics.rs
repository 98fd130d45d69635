//! The topics.
//!
//! | topic | published by | retained | payload |
//! |---|---|---|---|
//! | `led/NODE/set`, `led/NODE/NAME/set` | others | no | a command |
//! | `led/group/GROUP/set`, `led/all/set` | others | no | a command for each LED of these nodes |
//! | `led/NODE/state`, `led/NODE/NAME/state` | this program | yes | the state as JSON |
//! | `led/NODE/availability`, `led/NODE/NAME/availability` | this program | yes | `online` or `offline` |
//!
//! An LED without a name has the topics without `/NAME`. If all LEDs have names, `led/NODE/set` is for all of them, and
//! `led/NODE/availability` tells whether this program is connected.

use crate::config::{Config, Led};

pub(crate) const ONLINE: &str = "online";
pub(crate) const OFFLINE: &str = "offline";

/// Node names that would collide with the topics of groups.
pub(crate) const RESERVED: [&str; 2] = ["all", "group"];

/// `led/NODE` or `led/NODE/NAME`.
fn base(config: &Config, led: &Led) -> String {
    match &led.name {
        Some(name) => format!("{}/{}/{name}", config.prefix, config.node),
        None => format!("{}/{}", config.prefix, config.node),
    }
}

/// Where an LED receives commands.
pub(crate) fn set(config: &Config, led: &Led) -> String {
    base(config, led) + "/set"
}

/// Where the state of an LED is retained.
pub(crate) fn state(config: &Config, led: &Led) -> String {
    base(config, led) + "/state"
}

/// Where it is retained whether the controller of an LED replies.
pub(crate) fn availability(config: &Config, led: &Led) -> String {
    base(config, led) + "/availability"
}

/// Where it is retained whether this program is connected: the topic of the last will.
pub(crate) fn connection(config: &Config) -> String {
    format!("{}/{}/availability", config.prefix, config.node)
}

/// Where the availability of the node and of each LED is retained, each topic once.
pub(crate) fn availabilities(config: &Config) -> Vec<String> {
    let named = config.leds.iter().filter(|led| led.name.is_some());
    [connection(config)]
        .into_iter()
        .chain(named.map(|led| availability(config, led)))
        .collect()
}

/// Where each LED of this node receives commands.
pub(crate) fn shared(config: &Config) -> Vec<String> {
    let Config {
        prefix,
        node,
        groups,
        ..
    } = config;
    let groups = groups
        .iter()
        .map(|group| format!("{prefix}/group/{group}/set"));
    groups
        .chain([format!("{prefix}/{node}/set"), format!("{prefix}/all/set")])
        .collect()
}

/// All topics to which this program subscribes.
pub(crate) fn subscribed(config: &Config) -> Vec<String> {
    let mut topics = shared(config);
    topics.extend(config.leds.iter().map(|led| set(config, led)));
    topics.extend(config.discovery.iter().map(|prefix| birth(prefix)));
    // That of an LED without a name is that of the node.
    topics.sort();
    topics.dedup();
    topics
}

/// Where Home Assistant looks for this node.
pub(crate) fn discovery(home_assistant: &str, config: &Config) -> String {
    format!("{home_assistant}/device/{}/config", config.node)
}

/// Where Home Assistant publishes that it has started.
pub(crate) fn birth(home_assistant: &str) -> String {
    format!("{home_assistant}/status")
}

/// What `--check` publishes to itself.
pub(crate) fn check(config: &Config) -> String {
    format!("{}/{}/check", config.prefix, config.node)
}
