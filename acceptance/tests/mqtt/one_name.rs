//! Two machines with one name, and one that only seems to have it.

use testing::{
    Signal,
    mqtt::{Broker, Client},
    wait_until,
};

use super::{
    AVAILABILITY, DISCOVERY, ON, STATE,
    identity::device,
    node::{Node, Online, end},
};

/// Another machine with this name of the node.
fn other(online: &Online) -> Node {
    Node::new(&online.broker.url(), "id = 'other'", &[])
}

#[test]
#[ignore = "needs mosquitto"]
fn a_name_belongs_to_one_machine_while_it_is_online() {
    let mut online = Online::start();
    let other = other(&online);
    let _controller = other.controller(0, &["--initial", "on"]);
    let bridge = other.start();
    let line = bridge.wait_for_log("node porch belongs to the device led_");
    assert!(
        line.contains("ERROR") && line.contains("--take-over"),
        "{line}"
    );
    // Nothing of the first one has changed, not even by the last will.
    end(bridge, Signal::TERM);
    let before = online.client.retained.clone();
    online.client.read_all();
    assert_eq!(online.client.retained, before);
}

#[test]
#[ignore = "needs mosquitto"]
fn a_machine_that_was_refused_its_name_removes_nothing_of_the_one_that_has_it() {
    let online = Online::start();
    let other = other(&online);
    let bridge = other.start();
    bridge.wait_for_log("node porch belongs to the device led_");
    end(bridge, Signal::TERM);
    end(online.bridge, Signal::TERM);
    let retained = online.broker.retained();
    other.reconfigure("'porch'", "'hall'");
    let _controller = other.controller(0, &[]);
    let bridge = other.bridge();
    online
        .broker
        .watch()
        .wait_for("led/hall/availability", "online");
    end(bridge, Signal::TERM);
    let after = online.broker.retained();
    assert!(
        retained
            .iter()
            .all(|(topic, payload)| after[topic] == *payload),
        "{after:?}"
    );
}

#[test]
#[ignore = "needs mosquitto"]
fn the_name_of_a_machine_that_is_offline_is_taken() {
    let mut online = Online::start();
    online.bridge.signal(Signal::TERM);
    online.wait_for("offline");
    let other = other(&online);
    let _controller = other.controller(0, &[]);
    let bridge = other.start();
    bridge.wait_for_log("which is offline: it now belongs to led_other");
    // Home Assistant takes what comes on the same topic for the same device, until that is removed.
    assert_eq!(online.client.next_on(DISCOVERY).payload, "");
    online.wait_for("online");
    assert_eq!(device(&online.client.retained[DISCOVERY]), "led_other");
}

#[test]
#[ignore = "needs mosquitto"]
fn take_over_decides_if_the_broker_keeps_that_a_machine_is_online() {
    let online = Online::start();
    let retained = online.broker.retained();
    drop(online.bridge);
    // As after a restore of the broker.
    let mut client: Client = online.broker.watch();
    client.wait_for(AVAILABILITY, "offline");
    for (topic, payload) in &retained {
        client.retain(topic, payload);
    }
    client.read_all();
    let other = Node::new(&online.broker.url(), "id = 'other'", &[]);
    let _controller = other.controller(0, &[]);
    drop(
        other
            .start()
            .wait_for_log("node porch belongs to the device led_"),
    );
    other
        .run(&["--take-over"])
        .assert_printed("the name porch is free: restart led-mqtt, or wait for two minutes");
    client.wait_for(AVAILABILITY, "offline");
    let _bridge = other.bridge();
    client.wait_for(AVAILABILITY, "online");
    assert_eq!(device(&client.retained[DISCOVERY]), "led_other");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_broker_that_returns_with_what_an_earlier_process_retained_is_served_at_once() {
    let mut broker = Broker::absent();
    let folder = broker.path().display().to_string();
    broker.configure(&format!("persistence true\npersistence_location {folder}/"));
    broker.restart();
    let node = Node::new(&broker.url(), "", &[]);
    let _controller = node.controller(0, &[]);
    let bridge = node.bridge();
    broker.watch().wait_for(AVAILABILITY, "online");
    broker.process().signal(Signal::USR1);
    wait_until("it is saved", || {
        broker.path().join("mosquitto.db").exists()
    });
    end(bridge, Signal::TERM);
    let bridge = node.bridge();
    broker.watch().wait_for(AVAILABILITY, "online");
    node.command(0, &["on"]);
    // It is killed each time before it saves.
    for _ in 0..3 {
        broker.restart();
        broker.watch().wait_for(STATE, ON);
    }
    let log = end(bridge, Signal::TERM);
    assert!(!log.contains("runs twice"), "{log}");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_machine_that_serves_keeps_its_name_and_corrects_what_others_retain() {
    let mut online = Online::start();
    let client = &mut online.client;
    for (topic, forged) in [(AVAILABILITY, "offline"), (STATE, ON)] {
        let before = client.retained[topic].clone();
        client.retain(topic, forged);
        client.wait_for(topic, forged);
        client.wait_for(topic, &before);
    }
    let other = Node::new(&online.broker.url(), "id = 'other'", &[]);
    other
        .run(&["--take-over"])
        .assert_failed(1, &["node porch is running, and keeps its name"]);
    client.wait_for(AVAILABILITY, "online");
    let out = other.check(2);
    let name = "FAIL name        porch belongs to the device led_";
    assert!(out.contains(name), "{out}");
}
