//! What Home Assistant is told.

use serde_json::{Value, json};

use super::{AVAILABILITY, DISCOVERY, DOORS, OFF, SET, STATE, node::Online};

fn discovery(online: &Online) -> Value {
    serde_json::from_str(&online.client.retained[DISCOVERY]).unwrap()
}

#[test]
#[ignore = "needs mosquitto"]
fn the_discovery_has_what_home_assistant_needs() {
    let discovery = discovery(&Online::with("", &DOORS));
    let identifier = discovery["device"]["identifiers"][0].as_str().unwrap();
    let is_identifier = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    assert!(
        identifier.starts_with("led_") && is_identifier(identifier),
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
            "supported_color_modes": ["brightness"],
            "brightness_scale": 100,
            "effect": true,
            "effect_list": ["blink", "blink fast", "blink slow", "off"],
            "flash": true,
            "transition": true,
            "qos": 1,
        });
        assert_eq!(component, &expected);
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn an_led_without_a_name_is_called_as_its_node() {
    let component = &discovery(&Online::start())["components"]["led"];
    assert_eq!(component["name"], Value::Null);
    assert_eq!(component["command_topic"], SET);
    let availability = json!([{ "topic": AVAILABILITY }]);
    assert_eq!(component["availability"], availability);
}

#[test]
#[ignore = "needs mosquitto"]
fn each_effect_of_the_discovery_is_a_command() {
    let mut online = Online::start();
    let effects = &discovery(&online)["components"]["led"]["effect_list"];
    for effect in effects.as_array().unwrap() {
        let command = json!({ "state": "ON", "effect": effect }).to_string();
        let response = online.client.ask(SET, &command);
        assert!(response.starts_with("OK "), "{command}: {response}");
        let state = json!({ "state": "ON", "effect": effect, "brightness": 100 });
        online.client.wait_for(STATE, &state.to_string());
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
    assert_eq!(published, [DISCOVERY, STATE, AVAILABILITY]);
}

#[test]
#[ignore = "needs mosquitto"]
fn nothing_is_discovered_if_it_is_switched_off() {
    let retained = Online::with("discovery = false", &[]).client.retained;
    let expected = [(AVAILABILITY, "online"), (STATE, OFF)];
    let expected = expected.map(|(topic, payload)| (topic.into(), payload.into()));
    assert_eq!(retained, expected.into());
}

#[test]
#[ignore = "needs mosquitto"]
fn the_topic_of_home_assistants_start_does_not_follow_the_prefix_of_discovery() {
    for (settings, topic) in [
        ("discovery = 'ha'\nbirth_delay = 0", "homeassistant/status"),
        (
            "discovery = 'ha'\nbirth_delay = 0\nstatus_topic = 'ha/birth'",
            "ha/birth",
        ),
    ] {
        let Online { client, .. } = &mut Online::with(settings, &[]);
        client.publish(topic, "online");
        let published = [(); 3].map(|()| client.next_retained().topic);
        assert_eq!(published, ["ha/device/porch/config", STATE, AVAILABILITY]);
    }
}
