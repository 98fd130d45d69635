//! The reply to a command on its response topic.

use std::process::Command;

use testing::{Outcome, Signal};

use crate::broker::{Broker, Node, ON, Online, Properties};

const SET: &str = "led/porch/set";

#[test]
#[ignore = "needs mosquitto"]
fn the_reply_goes_to_the_response_topic_with_the_correlation_data() {
    let Online { client, .. } = &mut Online::start();
    for (payload, response) in [
        ("ON", "OK ON"),
        ("TOGGLE", "OK OFF"),
        ("BLINK 250 750 1000", "OK BLINK 250 750 1000"),
        ("STATUS", "OK BLINK 250 750 1000"),
        (r#"{"state":"ON","effect":"blink"}"#, "OK BLINK 500 500"),
        ("DIM", "ERR unknown command"),
        ("BLINK 0 1", "ERR "),
        ("WATCH", "ERR subscribe to the state topic instead of WATCH"),
        (r#"{"state":"DIM"}"#, "ERR not the JSON of a light: "),
    ] {
        let text = client.ask(SET, payload);
        assert!(
            text.starts_with(response) && (payload.len() < 9 || text.len() > 8),
            "{payload}: {text}"
        );
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn each_led_replies_to_a_command_for_several() {
    let broker = Broker::start();
    let mut client = broker.watch();
    let node = Node::with_leds(&broker, &["door", "gate"]);
    let _controller = node.controller(0, &[]);
    let _bridge = node.bridge();
    client.wait_for("led/porch/door/availability", "online");
    let mut responses: Vec<String> = client
        .request("led/all/set", "ON", 2)
        .into_iter()
        .map(|message| message.payload)
        .collect();
    responses.sort();
    assert!(
        responses[0].starts_with("ERR no controller is running"),
        "{responses:?}"
    );
    assert_eq!(responses[1], "OK ON");
}

#[test]
#[ignore = "needs mosquitto"]
fn the_reply_names_the_reason_if_the_controller_is_stopped_or_absent() {
    let Online {
        mut client,
        node,
        controller,
        bridge: _bridge,
        broker: _broker,
    } = Online::start();
    controller.stop();
    assert!(client.ask(SET, "ON").starts_with("ERR no reply within 2s"));
    assert_eq!(
        client.ask(SET, "ON"),
        "ERR the controller does not reply; nothing was sent"
    );
    controller.kill();
    let controller = node.controller(0, &[]);
    client.wait_for("led/porch/availability", "online");
    assert_eq!(client.ask(SET, "ON"), "OK ON");
    controller.signal(Signal::TERM);
    client.wait_for("led/porch/availability", "offline");
    assert!(
        client
            .ask(SET, "ON")
            .starts_with("ERR no controller is running")
    );
}

#[test]
#[ignore = "needs mosquitto"]
fn a_command_without_a_response_topic_has_no_reply() {
    let Online { client, .. } = &mut Online::start();
    client.publish(SET, "ON");
    client.publish(SET, "DIM");
    client.publish_with(
        SET,
        "OFF",
        Properties {
            correlation: Some(b"1"),
            ..Properties::default()
        },
    );
    assert_eq!(client.ask(SET, "ON"), "OK ON");
    client.publish("end", "");
    loop {
        let message = client.next();
        let expected = [SET, "led/porch/state", "test/response", "end"];
        assert!(expected.contains(&message.topic.as_str()), "{message:?}");
        if message.topic == "end" {
            break;
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn unknown_properties_do_no_harm() {
    let Online { client, .. } = &mut Online::start();
    let long = "x".repeat(1000);
    let user = [
        ("retries", "3"),
        ("", ""),
        ("retries", "4"),
        ("long", &long),
        ("correlation", "\u{1f4a1}"),
    ];
    client.publish_with(
        SET,
        "ON",
        Properties {
            user: &user,
            ..Properties::default()
        },
    );
    client.wait_for("led/porch/state", ON);
    assert_eq!(client.ask(SET, "TOGGLE"), "OK OFF");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_response_that_the_broker_does_not_take_is_dropped() {
    let mut broker = Broker::absent();
    broker.configure(&format!(
        "listener {} 127.0.0.1\nallow_anonymous true\nmax_packet_size 1000\n",
        broker.port
    ));
    broker.restart();
    let mut client = broker.watch();
    let node = Node::new(&broker);
    let _controller = node.controller(0, &[]);
    let bridge = node.bridge();
    client.wait_for("led/porch/availability", "online");
    let correlation = [b'x'; 920];
    let response_topic = Some("r");
    client.publish_with(
        SET,
        "{}",
        Properties {
            response_topic,
            correlation: Some(&correlation),
            ..Properties::default()
        },
    );
    bridge.wait_for_log("r: not published: ");
    assert_eq!(client.ask(SET, "ON"), "OK ON");
    assert_eq!(broker.connections("led-porch"), 1);
}

#[test]
#[ignore = "needs mosquitto"]
fn a_response_topic_that_commands_leds_is_not_used() {
    let Online {
        client,
        bridge,
        broker,
        ..
    } = &mut Online::start();
    let mut all = broker.watch();
    let response_topic = Some(SET);
    for payload in ["ON", "DIM"] {
        client.publish_with(
            SET,
            payload,
            Properties {
                response_topic,
                ..Properties::default()
            },
        );
    }
    bridge.wait_for_log("led/porch/set: refused: unknown command");
    assert_eq!(client.ask(SET, "STATUS"), "OK ON");
    client.publish("end", "");
    let messages = std::iter::from_fn(|| Some(all.next()).filter(|message| message.topic != "end"));
    let commands: Vec<String> = messages
        .filter(|message| message.topic == SET)
        .map(|message| message.payload)
        .collect();
    assert_eq!(commands, ["ON", "DIM", "STATUS"]);
}

#[test]
#[ignore = "needs mosquitto"]
fn mosquitto_rr_prints_the_reply() {
    let Online { broker, .. } = &mut Online::start();
    let mut rr = Command::new("mosquitto_rr");
    rr.args([
        "-V",
        "5",
        "-p",
        &broker.port.to_string(),
        "-t",
        SET,
        "-e",
        "test/response",
        "-m",
        "BLINK 500 500 300",
    ]);
    let outcome = Outcome::of(rr.args(["-W", "60"]));
    assert!(outcome.out.starts_with("OK BLINK 500 500 "), "{outcome:?}");
}
