//! Brokers that come and go.

use std::collections::BTreeMap;

use testing::{PATIENCE, Signal, rounds};

use crate::broker::{Broker, Node, OFF, ON, Online, blinking};

const SET: &str = "led/porch/set";
const STATE: &str = "led/porch/state";
const AVAILABILITY: &str = "led/porch/availability";

/// What a new client gets.
fn retained(broker: &Broker) -> BTreeMap<String, String> {
    let mut client = broker.watch();
    client.publish("end", "");
    while client.next().topic != "end" {}
    client.retained
}

#[test]
#[ignore = "needs mosquitto"]
fn everything_is_published_again_to_a_broker_that_was_killed_and_has_no_memory() {
    let mut broker = Broker::start();
    let mut client = broker.watch();
    let node = Node::with_leds(&broker, &["door", "gate"]);
    let _controllers = [
        node.controller(0, &["--initial", "on"]),
        node.controller(1, &[]),
    ];
    let bridge = node.bridge();
    client.wait_for("led/porch/door/availability", "online");
    client.wait_for("led/porch/gate/availability", "online");
    let before = retained(&broker);
    assert_eq!(before.len(), 6, "{before:?}");
    for _ in 0..rounds(3, 100) {
        broker.restart();
        let mut client = broker.watch();
        for (topic, payload) in &before {
            client.wait_for(topic, payload);
        }
        assert_eq!(retained(&broker), before);
        bridge.wait_for_log("connected to ");
    }
    let mut client = broker.watch();
    client.publish("led/all/set", "BLINK 500 500");
    client.wait_for("led/porch/door/state", &blinking("blink"));
    client.wait_for("led/porch/gate/state", &blinking("blink"));
}

#[test]
#[ignore = "needs mosquitto"]
fn a_local_change_during_the_outage_is_retained_at_the_end() {
    let mut broker = Broker::start();
    let node = Node::new(&broker);
    let mut controller = node.controller(0, &[]);
    let bridge = node.bridge();
    broker.watch().wait_for(AVAILABILITY, "online");
    broker.kill();
    bridge.wait_for_log("no connection to mqtt://127.0.0.1:");
    for verb in ["on", "off", "on"] {
        assert_eq!(node.command(0, &[verb]).code, Some(0));
    }
    broker.restart();
    let mut client = broker.watch();
    client.wait_for(AVAILABILITY, "online");
    assert_eq!(client.retained[STATE], ON);
    // The same for a controller that ends, and for one that is replaced.
    broker.kill();
    bridge.wait_for_log("no connection to mqtt://127.0.0.1:");
    controller.kill();
    bridge.wait_for_log("led/porch/set: ");
    broker.restart();
    let mut client = broker.watch();
    client.wait_for(AVAILABILITY, "offline");
    broker.kill();
    bridge.wait_for_log("no connection to mqtt://127.0.0.1:");
    controller = node.controller(0, &["--initial", "on"]);
    broker.restart();
    let mut client = broker.watch();
    client.wait_for(AVAILABILITY, "online");
    assert_eq!(client.retained[STATE], ON);
    drop(controller);
}

#[test]
#[ignore = "needs mosquitto"]
fn a_broker_that_is_absent_at_the_start_is_found_later() {
    let mut broker = Broker::absent();
    let node = Node::new(&broker);
    let _controller = node.controller(0, &[]);
    let bridge = node.start();
    bridge.wait_for_log("no broker listens there: check host and port");
    broker.restart();
    bridge.wait_for_log("connected to ");
    broker.watch().wait_for(AVAILABILITY, "online");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_broker_that_is_stopped_for_a_moment_gets_the_last_state() {
    let Online {
        client,
        node,
        broker,
        ..
    } = &mut Online::start();
    for round in 0..rounds(20, 300) {
        broker.process().stop();
        // More changes than there is room for messages on their way.
        for _ in 0..30 {
            assert_eq!(node.command(0, &["toggle"]).code, Some(0));
        }
        let (verb, state) = if round % 2 == 0 {
            ("on", ON)
        } else {
            ("off", OFF)
        };
        assert_eq!(node.command(0, &[verb]).code, Some(0));
        broker.process().signal(Signal::CONT);
        client.publish("barrier", "");
        client.wait_for(STATE, state);
        assert_eq!(node.led(0), verb);
    }
    client.publish(SET, "BLINK 500 500");
    client.wait_for(STATE, &blinking("blink"));
}

#[test]
#[ignore = "needs mosquitto"]
fn a_broker_that_is_silent_is_noticed_and_found_again() {
    let Online {
        client,
        node,
        bridge,
        broker,
        ..
    } = &mut Online::start();
    broker.process().stop();
    assert_eq!(node.command(0, &["on"]).code, Some(0));
    // Half a minute to the ping, and as long to its answer.
    bridge.wait_for_log_within("no connection to mqtt://127.0.0.1:", 2 * PATIENCE);
    assert_eq!(node.command(0, &["blink"]).code, Some(0));
    broker.process().signal(Signal::CONT);
    bridge.wait_for_log("connected to ");
    client.wait_for(STATE, &blinking("blink"));
    client.wait_for(AVAILABILITY, "online");
}
