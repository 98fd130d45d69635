//! The end of the bridge: by a signal, and by SIGKILL.

use std::net::TcpListener;

use testing::{
    Signal,
    mqtt::{Client, Properties, address},
};

use super::{
    AVAILABILITY, DOORS, SET,
    node::{Node, Online, end},
};

#[test]
#[ignore = "needs mosquitto"]
fn a_signal_ends_it_and_retains_that_the_leds_are_offline() {
    let many: Vec<String> = (0..40).map(|number| format!("led{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (signal, names) in [
        (Signal::TERM, &DOORS[..]),
        (Signal::INT, &DOORS),
        (Signal::HUP, &DOORS),
        // More than may wait for an acknowledgement.
        (Signal::TERM, &many),
    ] {
        let mut online = Online::with("", names);
        let log = end(online.bridge, signal);
        online.node.wait_for(&mut online.client, "offline");
        let is_in_time = log.contains("ended by a signal") && !log.contains("in time");
        assert!(is_in_time, "{log}");
        let log = online.broker.log();
        assert!(log.contains("Received DISCONNECT from led-porch"), "{log}");
        // It can be started again.
        let _bridge = online.node.bridge();
        online.node.wait_for(&mut online.client, "online");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn a_signal_retains_that_it_is_offline_after_a_flood_of_requests() {
    let online = Online::start();
    let mut flood = Client::connect(online.broker.address, &[]);
    let properties = Properties {
        response_topic: Some("led/porch/response/1"),
        ..Properties::default()
    };
    for _ in 0..2000 {
        flood.publish_with(SET, "STATUS", properties);
    }
    end(online.bridge, Signal::TERM);
    // Not the client that did not read the flood: the broker drops messages for it.
    online.broker.watch().wait_for(AVAILABILITY, "offline");
}

#[test]
#[ignore = "needs mosquitto"]
fn the_will_says_that_it_is_offline_if_it_is_killed() {
    // Home Assistant is told to look at the topic of the node for each LED: see discovery.rs.
    for names in [&[][..], &DOORS] {
        let mut online = Online::with("", names);
        online.bridge.kill();
        online.client.wait_for(AVAILABILITY, "offline");
        let _bridge = online.node.bridge();
        online.client.wait_for(AVAILABILITY, "online");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn a_signal_ends_it_while_the_broker_is_stopped() {
    let online = Online::start();
    online.broker.process().stop();
    let log = end(online.bridge, Signal::TERM);
    let line = "the broker did not acknowledge the last messages in time";
    assert!(log.contains(line), "{log}");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_signal_ends_it_while_a_controller_is_stopped() {
    let mut online = Online::start();
    online.controllers[0].stop();
    online.client.publish(SET, "ON");
    end(online.bridge, Signal::TERM);
    online.client.wait_for(AVAILABILITY, "offline");
}

#[test]
fn a_signal_ends_it_while_there_is_no_broker_or_none_that_replies() {
    let (absent, silent) = (address(), address());
    // The system accepts the connection. Nobody replies.
    let _listener = TcpListener::bind(silent).unwrap();
    for (address, line) in [
        (absent, "no broker listens on this host and port"),
        (silent, "the controller has PID"),
    ] {
        let node = Node::new(&format!("mqtt://{address}"), "", &[]);
        let _controller = node.controller(0, &[]);
        let bridge = node.start();
        bridge.wait_for_log(line);
        end(bridge, Signal::TERM);
    }
}
