//! Commands over MQTT, and states of commands from anywhere.

use testing::mqtt::{Broker, Client};

use super::{
    DISCOVERY, DOORS, OFF, ON, SET, STATE, blinking,
    node::{Node, Online},
};

#[test]
#[ignore = "needs mosquitto"]
fn a_command_in_words_or_the_json_of_home_assistant_is_applied_and_its_state_is_retained() {
    let Online { client, node, .. } = &mut Online::start();
    for (payload, led, state) in [
        ("ON", "on", ON),
        ("off\n", "off", OFF),
        ("Toggle", "on", ON),
        ("BLINK 500 500", "blink 500ms 500ms", &blinking("blink")),
        (
            "blink 20 3600000",
            "blink 20ms 3600s",
            &blinking("blink 20 3600000"),
        ),
        ("TOGGLE", "off", OFF),
        (r#"{"state":"ON"}"#, "on", ON),
        (r#"{"state":"OFF"}"#, "off", OFF),
        (r#"{"state":"TOGGLE"}"#, "on", ON),
        (
            r#"{"state":"ON","effect":"blink"}"#,
            "blink 500ms 500ms",
            &blinking("blink"),
        ),
        (
            r#"{"state":"ON","effect":"blink fast"}"#,
            "blink 125ms 125ms",
            &blinking("blink fast"),
        ),
        (
            r#"{"state":"ON","effect":"blink slow"}"#,
            "blink 1s 1s",
            &blinking("blink slow"),
        ),
        (
            r#"{"state":"ON","effect":"blink 7 9"}"#,
            "blink 7ms 9ms",
            &blinking("blink 7 9"),
        ),
        (r#"{"state":"ON","effect":"off"}"#, "on", ON),
        (r#"{"state":"OFF","transition":2}"#, "off", OFF),
    ] {
        client.publish(SET, payload);
        client.wait_for(STATE, state);
        assert_eq!(node.led(0), led, "{payload}");
    }
    client.publish(SET, r#"{"state":"ON","flash":2}"#);
    client.wait_for(STATE, &blinking("blink"));
    client.wait_for(STATE, OFF);
}

#[test]
#[ignore = "needs mosquitto"]
fn a_state_that_is_retained_is_a_command_that_leads_to_it() {
    let Online { client, node, .. } = &mut Online::start();
    for words in ["BLINK 125 125", "BLINK 33 44", "ON"] {
        client.publish(SET, words);
        let (led, state) = (client.next_on(STATE), node.led(0));
        client.publish(SET, "OFF");
        client.wait_for(STATE, OFF);
        client.publish(SET, &led.payload);
        client.wait_for(STATE, &led.payload);
        assert_eq!(node.led(0), state);
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn a_local_change_is_published() {
    let Online { client, node, .. } = &mut Online::start();
    for (arguments, state) in [
        (&["on"][..], ON),
        (&["blink", "500ms", "500ms"], &blinking("blink")),
        (&["toggle"], OFF),
        (&["toggle"], ON),
    ] {
        node.command(0, arguments);
        client.wait_for(STATE, state);
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn each_change_is_published_once() {
    let Online { client, node, .. } = &mut Online::start();
    client.wait_for(STATE, OFF);
    // The second one changes nothing. If it was published, the next state would not be the expected one.
    for (payload, state) in [
        ("ON", ON),
        ("BLINK 125 125", &blinking("blink fast")),
        ("OFF", OFF),
        ("ON", ON),
    ] {
        client.publish(SET, payload);
        client.publish(SET, payload);
        assert_eq!(client.next_on(STATE).payload, state);
    }
    assert_eq!(node.led(0), "on");
}

#[test]
#[ignore = "needs mosquitto"]
fn the_end_of_a_counted_blink_is_published() {
    let Online { client, node, .. } = &mut Online::start();
    client.wait_for(STATE, OFF);
    client.publish(SET, "BLINK 500 500 2");
    for state in [&blinking("blink"), OFF] {
        let message = client.next_on(STATE);
        assert_eq!((&*message.payload, message.is_retained), (state, true));
    }
    assert_eq!(node.led(0), "off");
}

#[test]
#[ignore = "needs mosquitto"]
fn several_leds_have_topics_of_their_own_and_common_ones() {
    let mut online = Online::with("groups = ['garden']", &DOORS);
    let blinking = &*blinking("blink");
    let wait_for = |client: &mut Client, door: &str, gate: &str| {
        client.wait_for("led/porch/door/state", door);
        client.wait_for("led/porch/gate/state", gate);
    };
    let client = &mut online.client;
    wait_for(client, OFF, OFF);
    for (topic, payload, door, gate) in [
        ("led/porch/door/set", "ON", ON, OFF),
        ("led/porch/set", "TOGGLE", OFF, ON),
        ("led/group/garden/set", "BLINK 500 500", blinking, blinking),
        // Groups and nodes that this one is not in.
        ("led/group/house/set", "OFF", blinking, blinking),
        ("led/other/set", "OFF", blinking, blinking),
        ("led/set", "OFF", blinking, blinking),
        ("led/porch/door/state/set", "OFF", blinking, blinking),
        ("led/porch/roof/set", "OFF", blinking, blinking),
        ("led/porch/gate/set", "ON", blinking, ON),
        ("led/all/set", "OFF", OFF, OFF),
    ] {
        client.publish(topic, payload);
        wait_for(client, door, gate);
    }
    assert_eq!((&*online.node.led(0), &*online.node.led(1)), ("off", "off"));
    // What a new client gets, and not what this one has collected.
    let mut retained = online.broker.retained();
    assert!(retained.remove(DISCOVERY).is_some());
    let expected = [
        ("led/porch/availability", "online"),
        ("led/porch/door/availability", "online"),
        ("led/porch/door/state", OFF),
        ("led/porch/gate/availability", "online"),
        ("led/porch/gate/state", OFF),
    ];
    let expected = expected.map(|(topic, payload)| (topic.into(), payload.into()));
    assert_eq!(retained, expected.into());
}

#[test]
#[ignore = "needs mosquitto"]
fn a_command_for_all_reaches_each_node() {
    let broker = Broker::start();
    let mut client = broker.watch();
    let nodes = ["one", "two"].map(|name| {
        let settings = format!("node = '{name}'\nprefix = 'home/led'\ndiscovery = false");
        Node::new(&broker.url(), &settings, &[])
    });
    let _running = nodes
        .each_ref()
        .map(|node| (node.bridge(), node.controllers(&[])));
    client.wait_for("home/led/one/availability", "online");
    client.wait_for("home/led/two/availability", "online");
    client.publish("home/led/all/set", "ON");
    client.wait_for("home/led/one/state", ON);
    client.wait_for("home/led/two/state", ON);
    client.publish("home/led/one/set", "OFF");
    client.wait_for("home/led/one/state", OFF);
    assert_eq!(nodes[1].led(0), "on");
}
