//! Commands over MQTT, and states of commands from anywhere.

use crate::broker::{Broker, Client, Message, Node, OFF, ON, Online, blinking};

const SET: &str = "led/porch/set";
const STATE: &str = "led/porch/state";

#[test]
#[ignore = "needs mosquitto"]
fn a_command_in_words_is_applied_and_its_state_is_retained() {
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
    ] {
        client.publish(SET, payload);
        client.wait_for(STATE, state);
        assert_eq!(node.led(0), led, "{payload}");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn a_command_in_the_json_of_home_assistant_is_applied_and_its_state_is_retained() {
    let Online { client, node, .. } = &mut Online::start();
    for (payload, led, state) in [
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
        assert_eq!(node.command(0, arguments).code, Some(0), "{arguments:?}");
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
    let states: Vec<Message> = (0..2).map(|_| client.next_on(STATE)).collect();
    assert!(
        states.iter().all(|message| message.is_retained),
        "{states:?}"
    );
    assert_eq!(
        [&states[0].payload, &states[1].payload],
        [&blinking("blink"), OFF]
    );
    assert_eq!(node.led(0), "off");
}

#[test]
#[ignore = "needs mosquitto"]
fn several_leds_have_topics_of_their_own_and_common_ones() {
    let broker = Broker::start();
    let mut client = broker.watch();
    let node = Node::with_leds(&broker, &["door", "gate"]);
    let _controllers = [node.controller(0, &[]), node.controller(1, &[])];
    let _bridge = node.bridge();
    let wait_for = |client: &mut Client, door: &str, gate: &str| {
        client.wait_for("led/porch/door/state", door);
        client.wait_for("led/porch/gate/state", gate);
    };
    client.wait_for("led/porch/door/availability", "online");
    client.wait_for("led/porch/gate/availability", "online");
    wait_for(&mut client, OFF, OFF);
    client.publish("led/porch/door/set", "ON");
    wait_for(&mut client, ON, OFF);
    client.publish("led/porch/set", "TOGGLE");
    wait_for(&mut client, OFF, ON);
    client.publish("led/group/garden/set", "BLINK 500 500");
    wait_for(&mut client, &blinking("blink"), &blinking("blink"));
    // Groups and nodes that this one is not in.
    for topic in [
        "led/group/house/set",
        "led/other/set",
        "led/set",
        "led/porch/door/state/set",
        "led/porch/roof/set",
    ] {
        client.publish(topic, "OFF");
    }
    client.publish("led/porch/gate/set", "ON");
    wait_for(&mut client, &blinking("blink"), ON);
    client.publish("led/all/set", "OFF");
    wait_for(&mut client, OFF, OFF);
    assert_eq!((node.led(0), node.led(1)), ("off".into(), "off".into()));
    // A new client, and not what this one has collected.
    let mut client = broker.watch();
    client.publish("end", "");
    while client.next().topic != "end" {}
    let retained: Vec<_> = client
        .retained
        .iter()
        .map(|(topic, payload)| (topic.as_str(), payload.as_str()))
        .collect();
    assert_eq!(retained[0].0, "homeassistant/device/porch/config");
    let expected = [
        ("led/porch/availability", "online"),
        ("led/porch/door/availability", "online"),
        ("led/porch/door/state", OFF),
        ("led/porch/gate/availability", "online"),
        ("led/porch/gate/state", OFF),
    ];
    assert_eq!(retained[1..], expected);
}

#[test]
#[ignore = "needs mosquitto"]
fn a_command_for_all_reaches_each_node() {
    let broker = Broker::start();
    let mut client = broker.watch();
    let settings = |node: &str| {
        format!(
            "broker = 'mqtt://127.0.0.1:{}'\nnode = '{node}'\nprefix = 'home/led'\ndiscovery = false\n",
            broker.port
        )
    };
    let nodes = [
        Node::with(&settings("one"), &[]),
        Node::with(&settings("two"), &[]),
    ];
    let _controllers = [nodes[0].controller(0, &[]), nodes[1].controller(0, &[])];
    let _bridges = [nodes[0].bridge(), nodes[1].bridge()];
    client.wait_for("home/led/one/availability", "online");
    client.wait_for("home/led/two/availability", "online");
    client.publish("home/led/all/set", "ON");
    client.wait_for("home/led/one/state", ON);
    client.wait_for("home/led/two/state", ON);
    client.publish("home/led/one/set", "OFF");
    client.wait_for("home/led/one/state", OFF);
    assert_eq!(nodes[1].led(0), "on");
}
