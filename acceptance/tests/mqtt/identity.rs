//! What stays at the broker when a node or an LED gets another name.

use std::fs;

use serde_json::Value;
use testing::{
    Signal,
    mqtt::{Broker, Client, Fake, fake},
};

use super::{
    AVAILABILITY, DISCOVERY, DOORS, STATE,
    node::{Node, Online, end},
};

/// The identifier of the device in a discovery.
pub(super) fn device(discovery: &str) -> String {
    let discovery: Value = serde_json::from_str(discovery).unwrap();
    discovery["device"]["identifiers"][0]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The topics of what is retained.
fn topics(broker: &Broker) -> Vec<String> {
    broker.retained().into_keys().collect()
}

#[test]
#[ignore = "needs mosquitto"]
fn what_is_retained_of_an_led_with_another_name_is_removed() {
    let online = Online::with("", &DOORS);
    end(online.bridge, Signal::TERM);
    // Without a history, for example on a new card.
    fs::remove_file(online.node.leds[0].path().join("topics")).unwrap();
    online.node.reconfigure("'gate'", "'fence'");
    let mut client = online.broker.watch();
    client.read_all();
    let _bridge = online.node.bridge();
    // Home Assistant removes a component that has a platform and nothing else, and not one that is missing.
    let mut discoveries = (0..2).map(|_| {
        let discovery = client.next_on(DISCOVERY).payload;
        let components: Value = serde_json::from_str(&discovery).unwrap();
        components["components"]["gate"].clone()
    });
    assert_eq!(
        discoveries.next(),
        Some(serde_json::json!({ "platform": "light" }))
    );
    assert_eq!(discoveries.next(), Some(Value::Null));
    // It cannot read the empty state of a light that it still has.
    assert_eq!(client.next_on("led/porch/gate/state").payload, "");
    client.wait_for("led/porch/fence/availability", "online");
    let expected = [
        DISCOVERY,
        AVAILABILITY,
        "led/porch/door/availability",
        "led/porch/door/state",
        "led/porch/fence/availability",
        "led/porch/fence/state",
    ];
    assert_eq!(topics(&online.broker), expected);
}

#[test]
#[ignore = "needs mosquitto"]
fn a_node_with_another_name_is_the_same_device_and_leaves_nothing() {
    let online = Online::start();
    let id = device(&online.client.retained[DISCOVERY]);
    end(online.bridge, Signal::TERM);
    online.node.reconfigure("'porch'", "'hall'");
    let mut client = online.broker.watch();
    client.read_all();
    let _bridge = online.node.bridge();
    let discovery = "homeassistant/device/hall/config";
    // Home Assistant has removed the light before it finds it again, and cannot read an empty state before.
    for topic in [DISCOVERY, discovery, STATE] {
        let is_removed = client.next_on(topic).payload.is_empty();
        assert_eq!(is_removed, topic != discovery, "{topic}");
    }
    client.wait_for("led/hall/availability", "online");
    let expected = [discovery, "led/hall/availability", "led/hall/state"];
    assert_eq!(topics(&online.broker), expected);
    assert_eq!(device(&client.retained[discovery]), id);
}

#[test]
#[ignore = "needs mosquitto"]
fn an_earlier_name_that_another_machine_has_now_is_left_alone() {
    let online = Online::start();
    end(online.bridge, Signal::TERM);
    online.node.reconfigure("'porch'", "'hall'");
    let other = Node::new(&online.broker.url(), "id = 'other'", &[]);
    let _controller = other.controller(0, &[]);
    let _other_bridge = other.bridge();
    let mut client = online.broker.watch();
    client.wait_for(AVAILABILITY, "online");
    let _bridge = online.node.bridge();
    client.wait_for("led/hall/availability", "online");
    client.read_all();
    assert_eq!(client.retained[AVAILABILITY], "online");
    assert!(client.retained.contains_key(STATE));
    assert_eq!(device(&client.retained[DISCOVERY]), "led_other");
}

#[test]
#[ignore = "needs mosquitto"]
fn forget_removes_an_earlier_node() {
    let online = Online::start();
    end(online.bridge, Signal::TERM);
    online.node.reconfigure("'porch'", "'hall'");
    let outcome = online.node.run(&["--forget", "--node", "porch"]);
    outcome.assert_printed(
        "3 messages found and removed on 3 topics; if led-mqtt runs for this node, restart it",
    );
    assert!(online.broker.retained().is_empty());
}

/// Waits until nothing is retained of the node `porch`.
fn wait_until_forgotten(client: &mut Client) {
    client.read_all();
    while client
        .retained
        .keys()
        .any(|topic| topic.starts_with("led/porch/"))
    {
        let _ = client.next();
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn forget_of_an_earlier_node_keeps_what_is_retained_of_this_one() {
    let online = Online::start();
    end(online.bridge, Signal::TERM);
    let earlier = online.broker.retained();
    online.node.reconfigure("'porch'", "'hall'");
    let _bridge = online.node.bridge();
    let mut client = online.broker.watch();
    client.wait_for("led/hall/availability", "online");
    wait_until_forgotten(&mut client);
    let expected = online.broker.retained();
    // As if this user had not been permitted to remove them.
    for (topic, payload) in &earlier {
        client.retain(topic, payload);
    }
    online
        .node
        .run(&["--forget", "--node", "porch"])
        .assert_code(0);
    assert_eq!(online.broker.retained(), expected);
}

#[test]
#[ignore = "needs mosquitto"]
fn a_topic_that_was_removed_once_is_not_removed_again() {
    let online = Online::start();
    end(online.bridge, Signal::TERM);
    online.node.reconfigure("'porch'", "'hall'");
    let _bridge = online.node.bridge();
    let mut client = online.broker.watch();
    client.wait_for("led/hall/availability", "online");
    wait_until_forgotten(&mut client);
    // Another machine has the name now.
    client.retain(AVAILABILITY, "online");
    client.read_all();
    client.publish("homeassistant/status", "online");
    while client.next_retained().topic != "led/hall/availability" {}
    client.read_all();
    assert_eq!(client.retained[AVAILABILITY], "online");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_node_with_the_name_of_a_topic_removes_nothing_of_others() {
    let broker = Broker::start();
    let mut client = broker.watch();
    client.retain("led/garage/state", "ON");
    client.retain("led/garage/availability", "online");
    let node = Node::new(&broker.url(), "node = 'availability'", &[]);
    let _controller = node.controller(0, &[]);
    let _bridge = node.bridge();
    client.wait_for("led/availability/availability", "online");
    let retained = broker.retained();
    assert_eq!(retained.len(), 5, "{retained:?}");
}

#[test]
fn the_topic_of_the_last_will_is_known_to_later_processes_before_there_is_one() {
    // It is killed before the broker replies to its subscriptions, and the broker retains the last will.
    let fake = Fake::start(|packet, stream| {
        if packet.0 == 0x10 {
            fake::serve(packet, stream);
        }
        true
    });
    let node = Node::new(&fake.url(), "", &[]);
    node.bridge().kill();
    let history = fs::read_to_string(node.leds[0].path().join("topics")).unwrap();
    let mut topics = history.lines();
    assert!(topics.any(|topic| topic == AVAILABILITY), "{history}");
}

#[test]
fn the_name_of_the_node_is_printed() {
    let node = Node::configured("broker = 'mqtt://x'\nnode = 'porch'");
    node.run(&["--node"]).assert_printed("porch");
    let node = Node::configured("broker = 'mqtt://x'\nnode = 'a/b'");
    node.run(&["--node"]).assert_failed(78, &["node"]);
}
