//! What Home Assistant has to know to show the LEDs: its device discovery, one message for all LEDs of a node.
//!
//! <https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload>

use serde_json::{Map, Value, json};

use crate::{
    config::{Config, Led},
    identity, payload, topics,
};

/// The name of the component of an LED without a name.
const COMPONENT: &str = "led";

/// The payload of the discovery topic.
pub(crate) fn encode(config: &Config) -> String {
    let id = id(config);
    let components: Map<String, Value> = config
        .leds
        .iter()
        .map(|led| (component_name(led).to_owned(), component(config, led, &id)))
        .collect();
    json!({
        "device": {
            "identifiers": [id],
            "name": config.node,
            "manufacturer": "led-controller",
            "model": identity::model().unwrap_or_else(|| "LED".into()),
            "sw_version": env!("CARGO_PKG_VERSION"),
        },
        "origin": { "name": "led-mqtt", "sw_version": env!("CARGO_PKG_VERSION") },
        "components": components,
    })
    .to_string()
}

/// What identifies this node: two Pis with the same hostname are two devices.
fn id(config: &Config) -> String {
    match identity::serial_number() {
        Some(serial) => format!("led_{}_{serial}", config.node),
        None => format!("led_{}", config.node),
    }
}

fn component_name(led: &Led) -> &str {
    led.name.as_deref().unwrap_or(COMPONENT)
}

fn component(config: &Config, led: &Led, id: &str) -> Value {
    let mut availability = vec![json!({ "topic": topics::availability(config, led) })];
    if led.name.is_some() {
        availability.push(json!({ "topic": topics::connection(config) }));
    }
    json!({
        "platform": "light",
        "schema": "json",
        "unique_id": format!("{id}_{}", component_name(led)),
        // An LED without a name is called as its device.
        "name": led.name,
        "command_topic": topics::set(config, led),
        "state_topic": topics::state(config, led),
        "availability": availability,
        "availability_mode": "all",
        "supported_color_modes": ["onoff"],
        "effect": true,
        "effect_list": payload::effects().collect::<Vec<_>>(),
        "flash": true,
        "transition": false,
        "qos": 1,
    })
}
