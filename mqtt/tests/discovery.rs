//! What Home Assistant is told.

use serde_json::{Value, json};

use crate::broker::{Broker, Node, OFF, Online};

const DISCOVERY: &str = "homeassistant/device/porch/config";

#[test]
#[ignore = "needs mosquitto"]
fn the_discovery_has_what_home_assistant_needs() {
    let broker = Broker::start();
    let mut client = broker.watch();
    let node = Node::with_leds(&broker, &["door", "gate"]);
    let _bridge = node.bridge();
    client.wait_for("led/porch/availability", "online");
    let discovery: Value = serde_json::from_str(&client.retained[DISCOVERY]).unwrap();
    let identifier = discovery["device"]["identifiers"][0].as_str().unwrap();
    let is_identifier = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    assert!(
        identifier.starts_with("led_porch") && is_identifier(identifier),
        "{identifier}"
    );
    assert_eq!(discovery["device"]["name"], "porch");
    assert_eq!(discovery["origin"]["name"], "led-mqtt");
    let components = discovery["components"].as_object().unwrap();
    assert_eq!(components.keys().collect::<Vec<_>>(), ["door", "gate"]);
    for (name, component) in components {
        let expected = json!({
            "platform": "light",
            "schema": "json",
            "unique_id": format!("{identifier}_{name}"),
            "name": name,
            "command_topic": format!("led/porch/{name}/set"),
            "state_topic": format!("led/porch/{name}/state"),
            "availability": [
                { "topic": format!("led/porch/{name}/availability") },
                { "topic": "led/porch/availability" },
            ],
            "availability_mode": "all",
            "supported_color_modes": ["onoff"],
            "effect": true,
            "effect_list": ["blink", "blink fast", "blink slow", "off"],
            "flash": true,
            "transition": false,
            "qos": 1,
        });
        assert_eq!(component, &expected);
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn an_led_without_a_name_is_called_as_its_node() {
    let Online { client, .. } = &mut Online::start();
    let discovery: Value = serde_json::from_str(&client.retained[DISCOVERY]).unwrap();
    let component = &discovery["components"]["led"];
    assert_eq!(
        (&component["name"], &component["command_topic"]),
        (&Value::Null, &json!("led/porch/set"))
    );
    assert_eq!(
        component["availability"],
        json!([{ "topic": "led/porch/availability" }])
    );
}

#[test]
#[ignore = "needs mosquitto"]
fn each_effect_of_the_discovery_is_a_command() {
    let Online { client, .. } = &mut Online::start();
    let discovery: Value = serde_json::from_str(&client.retained[DISCOVERY]).unwrap();
    for effect in discovery["components"]["led"]["effect_list"]
        .as_array()
        .unwrap()
    {
        let command = json!({ "state": "ON", "effect": effect }).to_string();
        assert!(
            client.ask("led/porch/set", &command).starts_with("OK "),
            "{command}"
        );
        client.wait_for(
            "led/porch/state",
            &json!({ "effect": effect, "state": "ON" }).to_string(),
        );
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn everything_is_published_again_after_home_assistant_has_started() {
    let Online { client, .. } = &mut Online::start();
    let before = client.retained.clone();
    // Only `online` counts.
    client.publish("homeassistant/status", "offline");
    client.publish("homeassistant/status", "online");
    let mut published = Vec::new();
    while published.len() < before.len() {
        let message = client.next();
        if message.is_retained {
            assert_eq!(before.get(&message.topic), Some(&message.payload));
            published.push(message.topic);
        }
    }
    assert_eq!(
        published,
        [DISCOVERY, "led/porch/state", "led/porch/availability"]
    );
}

#[test]
#[ignore = "needs mosquitto"]
fn nothing_is_discovered_if_it_is_switched_off() {
    let broker = Broker::start();
    let mut client = broker.watch();
    let node = Node::with(
        &format!(
            "broker = 'mqtt://127.0.0.1:{}'\ndiscovery = false\n",
            broker.port
        ),
        &[],
    );
    let _controller = node.controller(0, &[]);
    let _bridge = node.bridge();
    client.wait_for("led/porch/availability", "online");
    let topics: Vec<&str> = client.retained.keys().map(String::as_str).collect();
    assert_eq!(topics, ["led/porch/availability", "led/porch/state"]);
    assert_eq!(client.retained["led/porch/state"], OFF);
}
