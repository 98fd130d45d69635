//! Whether the settings are valid, and fit each other.

use std::collections::HashSet;

use super::Config;

/// Node names that would collide with the topics of groups and of all nodes.
const RESERVED: [&str; 2] = ["all", "group"];

/// The longest name of a node, an LED or a group, in bytes.
pub(crate) const NAME_MAX: usize = 64;

/// The longest prefix, in bytes.
const PREFIX_MAX: usize = 256;

impl Config {
    pub(super) fn check_names(&self) -> Result<(), String> {
        for (name, prefix) in [
            ("prefix", Some(&self.prefix)),
            ("discovery", self.discovery.as_ref()),
            ("status_topic", Some(&self.status_topic)),
        ] {
            if let Some(prefix) = prefix
                && (prefix.len() > PREFIX_MAX || !prefix.split('/').all(is_level))
            {
                return Err(format!(
                    "{name}: {prefix:?} is not a valid prefix: use letters, digits, \"_\", \"-\", \".\" and \"/\""
                ));
            }
        }
        let names = self.leds.iter().filter_map(|led| led.name.as_ref());
        let names = names
            .map(|name| ("name", name))
            .chain(self.groups.iter().map(|group| ("group", group)));
        let id = self.id.iter().map(|id| ("id", id));
        for (kind, name) in names.chain(id).chain([("node", &self.node)]) {
            if !is_level(name) || name.contains('.') {
                return Err(format!(
                    "{kind}: {name:?} is not a valid name: use 1 to {NAME_MAX} letters, digits, \"_\" and \"-\""
                ));
            }
        }
        if self
            .leds
            .iter()
            .any(|led| led.name.as_deref() == Some("response"))
        {
            return Err("name: \"response\" is reserved for topics: use another name".into());
        }
        if RESERVED.contains(&self.node.as_str()) {
            return Err(format!(
                "node: {:?} is reserved for topics: use another name",
                self.node
            ));
        }
        Ok(())
    }

    pub(super) fn check_leds(&self) -> Result<(), String> {
        if self.leds.len() > 1 && self.leds.iter().any(|led| led.name.is_none()) {
            return Err("led: with several LEDs each needs a name".into());
        }
        // Each controller uses two keys.
        let (mut names, mut keys) = (HashSet::new(), HashSet::new());
        for led in &self.leds {
            if !names.insert(&led.name) {
                return Err(format!(
                    "led: two LEDs have the name {:?}",
                    led.name.as_deref().unwrap_or_default()
                ));
            }
            if !keys.insert(led.key.get()) || !keys.insert(led.key.reply().get()) {
                return Err(format!(
                    "led: key {}: each LED needs two keys, this one and the next",
                    led.key
                ));
            }
        }
        Ok(())
    }

    pub(super) fn check_security(&self) -> Result<(), String> {
        if self.password_file.is_some() && self.user.is_none() {
            return Err("password_file: a password needs a user".into());
        }
        if self.certificate.is_some() != self.private_key.is_some() {
            return Err("certificate and private_key: set both or neither".into());
        }
        if !self.broker.tls && (self.ca.is_some() || self.certificate.is_some()) {
            return Err("ca and certificate: they need TLS: use mqtts:// for the broker".into());
        }
        Ok(())
    }
}

fn is_level(name: &str) -> bool {
    let is_permitted = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=NAME_MAX).contains(&name.len()) && name.chars().all(is_permitted)
}
