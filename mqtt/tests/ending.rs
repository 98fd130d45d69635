//! The end of the bridge: by a signal, and by SIGKILL.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use testing::{Running, Signal};

use crate::broker::{Broker, Client, Node, Online, Properties, free_port};

/// More than the end may take by itself, on a machine with other work.
const QUICKLY: Duration = Duration::from_secs(10);

/// Ends it with this signal: at once, and with exit status 0. Returns the rest of its log.
#[track_caller]
fn end(bridge: Running, signal: Signal) -> String {
    let start = Instant::now();
    bridge.signal(signal);
    let ended = bridge.wait();
    ended.assert_code(0);
    assert!(
        start.elapsed() < QUICKLY,
        "{:?}: {ended:?}",
        start.elapsed()
    );
    ended.err
}

#[test]
#[ignore = "needs mosquitto"]
fn a_signal_ends_it_and_retains_that_the_leds_are_offline() {
    let broker = Broker::start();
    let mut client = broker.watch();
    let node = Node::with_leds(&broker, &["door", "gate"]);
    let _controllers = [node.controller(0, &[]), node.controller(1, &[])];
    let topics = [
        "led/porch/availability",
        "led/porch/door/availability",
        "led/porch/gate/availability",
    ];
    let wait_for = |client: &mut Client, payload| {
        topics
            .iter()
            .for_each(|topic| client.wait_for(topic, payload))
    };
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let bridge = node.bridge();
        wait_for(&mut client, "online");
        let log = end(bridge, signal);
        wait_for(&mut client, "offline");
        assert!(
            log.contains("ended by a signal") && !log.contains("in time"),
            "{log}"
        );
        let log = broker.log();
        assert!(log.contains("Received DISCONNECT from led-porch"), "{log}");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn a_signal_retains_that_many_leds_are_offline() {
    let broker = Broker::start();
    let names: Vec<String> = (0..40).map(|number| format!("led{number}")).collect();
    let node = Node::with_leds(
        &broker,
        &names.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let _controllers: Vec<Running> = (0..names.len())
        .map(|led| node.controller(led, &[]))
        .collect();
    let mut client = broker.watch();
    let bridge = node.bridge();
    let topics: Vec<String> = names
        .iter()
        .map(|name| format!("led/porch/{name}/availability"))
        .collect();
    topics
        .iter()
        .for_each(|topic| client.wait_for(topic, "online"));
    end(bridge, Signal::TERM);
    topics
        .iter()
        .for_each(|topic| client.wait_for(topic, "offline"));
    client.wait_for("led/porch/availability", "offline");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_signal_retains_that_it_is_offline_after_a_flood_of_requests() {
    let Online {
        mut client,
        node: _node,
        bridge,
        controller: _controller,
        broker,
    } = Online::start();
    let mut flood = Client::connect(broker.port);
    let response_topic = Some("led/porch/response");
    for _ in 0..2000 {
        flood.publish_with(
            "led/porch/set",
            "STATUS",
            Properties {
                response_topic,
                ..Properties::default()
            },
        );
    }
    end(bridge, Signal::TERM);
    client.wait_for("led/porch/availability", "offline");
}

#[test]
#[ignore = "needs mosquitto"]
fn the_will_says_that_it_is_offline_if_it_is_killed() {
    let Online {
        mut client,
        node,
        bridge,
        controller: _controller,
        broker: _broker,
    } = Online::start();
    bridge.kill();
    client.wait_for("led/porch/availability", "offline");
    let _bridge = node.bridge();
    client.wait_for("led/porch/availability", "online");
}

#[test]
#[ignore = "needs mosquitto"]
fn the_will_holds_for_all_leds_if_it_is_killed() {
    let broker = Broker::start();
    let mut client = broker.watch();
    let node = Node::with_leds(&broker, &["door", "gate"]);
    let _controller = node.controller(0, &[]);
    let bridge = node.bridge();
    client.wait_for("led/porch/door/availability", "online");
    bridge.kill();
    // Home Assistant is told to look at this topic too: see discovery.rs.
    client.wait_for("led/porch/availability", "offline");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_signal_ends_it_while_there_is_no_broker() {
    let broker = Broker::absent();
    let node = Node::new(&broker);
    let _controller = node.controller(0, &[]);
    let bridge = node.start();
    bridge.wait_for_log("no broker listens there");
    end(bridge, Signal::TERM);
}

#[test]
#[ignore = "needs mosquitto"]
fn a_signal_ends_it_while_the_broker_is_stopped() {
    let Online {
        node: _node,
        controller: _controller,
        bridge,
        broker,
        client: _client,
    } = Online::start();
    broker.process().stop();
    let log = end(bridge, Signal::TERM);
    assert!(
        log.contains("the broker did not take the last messages in time"),
        "{log}"
    );
}

#[test]
#[ignore = "needs mosquitto"]
fn a_signal_ends_it_while_it_connects() {
    let port = free_port();
    // The system accepts the connection. Nobody replies.
    let _listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let node = Node::with(&format!("broker = 'mqtt://127.0.0.1:{port}'\n"), &[]);
    let _controller = node.controller(0, &[]);
    let bridge = node.start();
    bridge.wait_for_log("the controller has PID");
    end(bridge, Signal::TERM);
}

#[test]
#[ignore = "needs mosquitto"]
fn a_signal_ends_it_while_a_controller_is_stopped() {
    let Online {
        mut client,
        node: _node,
        controller,
        bridge,
        broker: _broker,
    } = Online::start();
    controller.stop();
    client.publish("led/porch/set", "ON");
    end(bridge, Signal::TERM);
    client.wait_for("led/porch/availability", "offline");
    controller.signal(Signal::CONT);
}
