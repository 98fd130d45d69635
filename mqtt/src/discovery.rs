//! The discovery message for Home Assistant. Retained: one message for all LEDs of a node.
//!
//! <https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload>

use serde_json::{Map, Value, json};

use crate::{config::Config, identity, payload, topics::Topics};

/// The name of the component of an LED without a name.
const COMPONENT: &str = "led";

/// The payload of the discovery topic. `dims` says which LEDs can be dimmed. Home Assistant removes the components in `removed`.
pub(crate) fn encode(
    config: &Config,
    topics: &Topics,
    dims: &[bool],
    removed: &[String],
) -> String {
    let id = device(config);
    let leds = config.leds.iter().zip(&topics.leds).zip(dims);
    let mut components: Map<String, Value> = leds
        .map(|((led, led_topics), &dims)| {
            let name = led.name.as_deref().unwrap_or(COMPONENT);
            let mut availability = vec![json!({ "topic": led_topics.availability })];
            if led.name.is_some() {
                availability.push(json!({ "topic": topics.availability }));
            }
            let component = json!({
                "platform": "light",
                "schema": "json",
                "unique_id": format!("{id}_{name}"),
                // An LED without a name takes the name of its device.
                "name": led.name,
                "command_topic": led_topics.set,
                "state_topic": led_topics.state,
                "availability": availability,
                "availability_mode": "all",
                "supported_color_modes": [if dims { "brightness" } else { "onoff" }],
                "brightness_scale": 100,
                "effect": true,
                "effect_list": payload::effects().collect::<Vec<_>>(),
                "flash": true,
                "transition": dims,
                "qos": 1,
            });
            (name.to_owned(), component)
        })
        .collect();
    components.extend(
        removed
            .iter()
            .map(|name| (name.clone(), json!({ "platform": "light" }))),
    );
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

/// The names of the components.
pub(crate) fn components(config: &Config) -> Vec<&str> {
    let names = config.leds.iter().map(|led| led.name.as_deref());
    names.map(|name| name.unwrap_or(COMPONENT)).collect()
}

/// The unique identifier of the device. It stays the same when the node is renamed.
pub(crate) fn device(config: &Config) -> String {
    format!("led_{}", config.id.as_ref().unwrap_or(&config.node))
}
