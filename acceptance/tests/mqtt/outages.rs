//! Brokers that come and go.

use testing::{PATIENCE, Signal, mqtt::Broker, rounds};

use super::{
    AVAILABILITY, DOORS, ON, SET, STATE, TURNS, blinking,
    node::{Node, Online},
};

#[test]
#[ignore = "needs mosquitto"]
fn everything_is_published_again_to_a_broker_that_was_killed_and_has_no_memory() {
    let mut online = Online::with("groups = ['garden']", &DOORS);
    online.client.publish("led/porch/door/set", "ON");
    online.client.wait_for("led/porch/door/state", ON);
    let before = online.broker.retained();
    assert_eq!(before.len(), 6, "{before:?}");
    for _ in 0..rounds(3, 100) {
        online.broker.restart();
        let mut client = online.broker.watch();
        for (topic, payload) in &before {
            client.wait_for(topic, payload);
        }
        assert_eq!(online.broker.retained(), before);
        // Behind the acknowledgements: a connection that is lost before them again, for the same reason, is not logged.
        assert_eq!(client.ask("led/porch/gate/set", "STATUS"), "OK OFF");
    }
    let mut client = online.broker.watch();
    client.publish("led/all/set", "BLINK 500 500");
    client.wait_for("led/porch/door/state", &blinking("blink"));
    client.wait_for("led/porch/gate/state", &blinking("blink"));
}

#[test]
#[ignore = "needs mosquitto"]
fn a_local_change_during_the_outage_is_retained_at_the_end() {
    let mut online = Online::start();
    for (change, availability, state) in [
        ("commands", "online", ON),
        ("the end of the controller", "offline", ""),
        ("another controller", "online", ON),
    ] {
        // Behind the acknowledgements: the second loss before them is not logged.
        online.client.ask(SET, "STATUS");
        online.broker.kill();
        online.bridge.wait_for_log("no connection to mqtt://127.");
        match change {
            "commands" => {
                for verb in ["on", "off", "on"] {
                    online.node.command(0, &[verb]);
                }
            }
            "another controller" => online.replace_controllers(&["--initial", "on"]),
            _ => {
                online.controllers.clear();
                online.bridge.wait_for_log("led/porch/set: ");
            }
        }
        online.broker.restart();
        online.client = online.broker.watch();
        online.wait_for(availability);
        let retained = online.client.retained.get(STATE).map_or("", |state| state);
        assert_eq!(retained, state, "{change}");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn a_broker_that_is_absent_at_the_start_is_found_later() {
    let mut broker = Broker::absent();
    let node = Node::new(&broker.url(), "", &[]);
    let _controller = node.controller(0, &[]);
    let bridge = node.start();
    bridge.wait_for_log("no broker listens on this host and port");
    broker.restart();
    bridge.wait_for_log("connected to ");
    broker.watch().wait_for(AVAILABILITY, "online");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_broker_that_is_stopped_for_a_moment_gets_the_last_state() {
    let mut online = Online::start();
    let (client, node) = (&mut online.client, &online.node);
    let broker = online.broker.process();
    for round in 0..rounds(20, 300) {
        broker.stop();
        // More changes than there is room for messages on their way.
        for _ in 0..30 {
            node.command(0, &["toggle"]);
        }
        let (verb, state) = TURNS[round % 2];
        node.command(0, &[verb]);
        broker.signal(Signal::CONT);
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
    let mut online = Online::start();
    online.broker.process().stop();
    online.node.command(0, &["on"]);
    // The state is not acknowledged.
    let line = "the broker acknowledges no message";
    online.bridge.wait_for_log_within(line, PATIENCE / 2);
    online.node.command(0, &["blink"]);
    online.broker.process().signal(Signal::CONT);
    online.bridge.wait_for_log("connected to ");
    online.client.wait_for(STATE, &blinking("blink"));
    online.wait_for("online");
}
