//! Whether an LED is online, over controllers that come and go.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use testing::{
    Outcome, SetOnDrop, Signal,
    mqtt::{Broker, Client},
    rounds, wait_until,
};

use super::{
    AVAILABILITY, DOORS, OFF, ON, SET, STATE, TURNS,
    node::{Node, Online},
};

#[test]
#[ignore = "needs mosquitto"]
fn an_led_is_offline_until_its_controller_starts() {
    let broker = Broker::start();
    let mut client = broker.watch();
    let node = Node::new(&broker.url(), "", &[]);
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
    let mut online = Online::start();
    for round in 0..rounds(20, 500) {
        // Each one starts with another state than the one before.
        let (initial, state) = TURNS[round % 2];
        if round % 3 == 0 {
            online.controllers[0].signal(Signal::TERM);
        } else {
            online.controllers.clear();
        }
        online.wait_for("offline");
        online.replace_controllers(&["--initial", initial]);
        online.wait_for("online");
        // It was published before.
        assert_eq!(online.client.retained[STATE], state);
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn the_state_is_right_after_controllers_that_were_replaced_at_once() {
    let mut online = Online::start();
    for round in 0..rounds(30, 500) {
        let (initial, state) = TURNS[round % 2];
        online.replace_controllers(&["--initial", initial]);
        online.client.wait_for(STATE, state);
        online.wait_for("online");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn a_stopped_controller_is_offline_from_its_first_command_until_it_continues() {
    let mut online = Online::start();
    online.controllers[0].stop();
    online.client.publish(SET, "ON");
    online.wait_for("offline");
    let bridge = &online.bridge;
    bridge.wait_for_log("led/porch/set: ON: no reply within 2s");
    // It is not sent: it would be applied long after it was asked for.
    online.client.publish(SET, "BLINK 500 500");
    bridge.wait_for_log("led/porch/set: refused: the controller does not reply; nothing was sent");
    online.controllers[0].signal(Signal::CONT);
    online.wait_for("online");
    // The first command was in the queue.
    online.client.wait_for(STATE, ON);
    assert_eq!(online.node.led(0), "on");
    online.client.publish(SET, "OFF");
    online.client.wait_for(STATE, OFF);
}

#[test]
#[ignore = "needs mosquitto"]
fn a_controller_that_is_killed_while_it_is_stopped_can_be_replaced() {
    let mut online = Online::start();
    online.controllers[0].stop();
    online.client.publish(SET, "ON");
    online.wait_for("offline");
    online.replace_controllers(&[]);
    online.wait_for("online");
    let Online { client, node, .. } = &mut online;
    assert_eq!((&*client.retained[STATE], &*node.led(0)), (OFF, "off"));
    client.publish(SET, "ON");
    client.wait_for(STATE, ON);
}

#[test]
#[ignore = "needs mosquitto"]
fn a_stopped_controller_does_not_delay_another_led() {
    let mut online = Online::with("", &DOORS);
    let (client, door) = (&mut online.client, &online.controllers[0]);
    door.stop();
    for round in 0..100 {
        client.publish("led/porch/door/set", "ON");
        let (payload, state) = TURNS[round % 2];
        client.publish("led/porch/gate/set", payload);
        client.wait_for("led/porch/gate/state", state);
    }
    client.wait_for("led/porch/door/availability", "offline");
    assert_eq!(client.retained["led/porch/gate/availability"], "online");
    assert_eq!(client.retained[AVAILABILITY], "online");
    client.publish(SET, "ON");
    client.wait_for("led/porch/gate/state", ON);
    door.signal(Signal::CONT);
    client.wait_for("led/porch/door/availability", "online");
    wait_until("the first command is applied", || {
        online.node.led(0) == "on"
    });
}

#[test]
#[ignore = "needs mosquitto"]
fn an_led_that_is_stopped_and_not_commanded_stays_online() {
    let mut online = Online::start();
    online.controllers[0].stop();
    // A command that the queue takes, of a client that does not wait for long.
    let mut command = online.node.of("command", 0);
    let outcome = Outcome::of(command.args(["on", "--timeout", "10ms"]));
    assert_eq!(outcome.code, Some(5));
    online.controllers[0].signal(Signal::CONT);
    online.client.wait_for(STATE, ON);
    assert_eq!(online.client.retained[AVAILABILITY], "online");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_command_to_an_led_that_has_just_become_online_is_applied() {
    let mut online = Online::start();
    for round in 0..rounds(100, 2000) {
        online.bridge.signal(Signal::KILL);
        online.wait_for("offline");
        online.bridge = online.node.start();
        online.wait_for("online");
        let (payload, state) = TURNS[round % 2];
        online.client.publish(SET, payload);
        online.client.wait_for(STATE, state);
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn a_queue_that_others_fill_does_not_make_an_led_unavailable() {
    let online = Online::start();
    let mut watcher = online.broker.watch();
    watcher.read_all();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let end = SetOnDrop(&is_over);
        for _ in 0..4 {
            scope.spawn(|| {
                let led = &online.node.leds[0];
                while !is_over.load(Ordering::Relaxed) {
                    led.send(1, b"ON");
                    led.send(1, b"OFF");
                }
            });
        }
        // The state changes all the time, and there is often no room for a command or for the question for the next state.
        let start = Instant::now();
        let mut publisher = Client::connect(online.broker.address, &[]);
        wait_until("some seconds are over", || {
            publisher.publish(SET, "TOGGLE");
            start.elapsed() > Duration::from_secs(5)
        });
        drop(end);
    });
    let flaps = watcher
        .read_all()
        .into_iter()
        .filter(|message| message.topic == AVAILABILITY);
    assert_eq!(flaps.count(), 0);
}
