//! Whether an LED is online, over controllers that come and go.

use testing::{Signal, rounds, wait_until};

use crate::broker::{Broker, Node, OFF, ON, Online};

const SET: &str = "led/porch/set";
const STATE: &str = "led/porch/state";
const AVAILABILITY: &str = "led/porch/availability";

#[test]
#[ignore = "needs mosquitto"]
fn an_led_is_offline_until_its_controller_starts() {
    let broker = Broker::start();
    let mut client = broker.watch();
    let node = Node::new(&broker);
    let _bridge = node.bridge();
    client.wait_for(AVAILABILITY, "offline");
    assert_eq!(client.retained.get(STATE), None);
    let _controller = node.controller(0, &["--initial", "on"]);
    client.wait_for(AVAILABILITY, "online");
    assert_eq!(client.retained[STATE], ON);
}

#[test]
#[ignore = "needs mosquitto"]
fn an_led_is_offline_while_its_controller_is_killed_or_ended() {
    let broker = Broker::start();
    let mut client = broker.watch();
    let node = Node::new(&broker);
    let mut controller = node.controller(0, &[]);
    let _bridge = node.bridge();
    for round in 0..rounds(20, 500) {
        client.wait_for(AVAILABILITY, "online");
        // Each one starts with another state than the one before.
        let (initial, state) = if round % 2 == 0 {
            ("on", ON)
        } else {
            ("off", OFF)
        };
        if round % 3 == 0 {
            controller.signal(Signal::TERM);
            let _ = controller.wait();
        } else {
            controller.kill();
        }
        client.wait_for(AVAILABILITY, "offline");
        controller = node.controller(0, &["--initial", initial]);
        client.wait_for(AVAILABILITY, "online");
        // It was published before.
        assert_eq!(client.retained[STATE], state);
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn the_state_is_right_after_controllers_that_were_replaced_at_once() {
    let broker = Broker::start();
    let mut client = broker.watch();
    let node = Node::new(&broker);
    let mut controller = node.controller(0, &[]);
    let _bridge = node.bridge();
    client.wait_for(AVAILABILITY, "online");
    for round in 0..rounds(30, 500) {
        let (initial, state) = if round % 2 == 0 {
            ("on", ON)
        } else {
            ("off", OFF)
        };
        controller.kill();
        controller = node.controller(0, &["--initial", initial]);
        client.wait_for(STATE, state);
        client.wait_for(AVAILABILITY, "online");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn a_stopped_controller_is_offline_from_its_first_command_until_it_continues() {
    let Online {
        client,
        node,
        controller,
        bridge,
        ..
    } = &mut Online::start();
    controller.stop();
    client.publish(SET, "ON");
    client.wait_for(AVAILABILITY, "offline");
    bridge.wait_for_log("led/porch/set: ON: no reply within 2s");
    // It is not sent: it would be applied long after it was asked for.
    client.publish(SET, "BLINK 500 500");
    bridge.wait_for_log("led/porch/set: refused: the controller does not reply; nothing was sent");
    controller.signal(Signal::CONT);
    client.wait_for(AVAILABILITY, "online");
    // The first command was in the queue.
    client.wait_for(STATE, ON);
    assert_eq!(node.led(0), "on");
    client.publish(SET, "OFF");
    client.wait_for(STATE, OFF);
}

#[test]
#[ignore = "needs mosquitto"]
fn a_controller_that_is_killed_while_it_is_stopped_can_be_replaced() {
    let Online {
        mut client,
        node,
        controller,
        bridge: _bridge,
        broker: _broker,
    } = Online::start();
    controller.stop();
    client.publish(SET, "ON");
    client.wait_for(AVAILABILITY, "offline");
    controller.kill();
    let _controller = node.controller(0, &[]);
    client.wait_for(AVAILABILITY, "online");
    assert_eq!(
        (client.retained[STATE].as_str(), node.led(0).as_str()),
        (OFF, "off")
    );
    client.publish(SET, "ON");
    client.wait_for(STATE, ON);
}

#[test]
#[ignore = "needs mosquitto"]
fn a_stopped_controller_does_not_delay_another_led() {
    let broker = Broker::start();
    let mut client = broker.watch();
    let node = Node::with_leds(&broker, &["door", "gate"]);
    let controllers = [node.controller(0, &[]), node.controller(1, &[])];
    let _bridge = node.bridge();
    client.wait_for("led/porch/door/availability", "online");
    client.wait_for("led/porch/gate/availability", "online");
    controllers[0].stop();
    for round in 0..100 {
        client.publish("led/porch/door/set", "ON");
        let (payload, state) = if round % 2 == 0 {
            ("ON", ON)
        } else {
            ("OFF", OFF)
        };
        client.publish("led/porch/gate/set", payload);
        client.wait_for("led/porch/gate/state", state);
    }
    client.wait_for("led/porch/door/availability", "offline");
    assert_eq!(client.retained["led/porch/gate/availability"], "online");
    assert_eq!(client.retained["led/porch/availability"], "online");
    client.publish("led/porch/set", "ON");
    client.wait_for("led/porch/gate/state", ON);
    controllers[0].signal(Signal::CONT);
    client.wait_for("led/porch/door/availability", "online");
    wait_until("the first command is applied", || node.led(0) == "on");
}

#[test]
#[ignore = "needs mosquitto"]
fn an_led_that_is_stopped_and_not_commanded_stays_online() {
    let Online {
        client,
        node,
        controller,
        ..
    } = &mut Online::start();
    controller.stop();
    // A command that the queue takes, of a client that does not wait for long.
    assert_eq!(node.command(0, &["on", "--timeout", "10ms"]).code, Some(5));
    controller.signal(Signal::CONT);
    client.wait_for(STATE, ON);
    assert_eq!(client.retained[AVAILABILITY], "online");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_command_to_an_led_that_has_just_become_online_is_applied() {
    let broker = Broker::start();
    let mut client = broker.watch();
    let node = Node::new(&broker);
    let _controller = node.controller(0, &[]);
    for round in 0..rounds(100, 2000) {
        let bridge = node.start();
        client.wait_for(AVAILABILITY, "online");
        let (payload, state) = if round % 2 == 0 {
            ("ON", ON)
        } else {
            ("OFF", OFF)
        };
        client.publish(SET, payload);
        client.wait_for(STATE, state);
        bridge.kill();
        client.wait_for(AVAILABILITY, "offline");
    }
}
