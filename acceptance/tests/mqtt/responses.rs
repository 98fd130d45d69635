//! The reply to a command on its response topic.

use std::{
    io::Write,
    process::Command,
    time::{Duration, Instant},
};

use testing::{
    Outcome, Signal,
    mqtt::{Client, Fake, Properties, fake},
    wait_until,
};

use super::{
    AVAILABILITY, DISCOVERY, DOORS, ON, SET, STATE,
    node::{Node, Online, end},
};

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
    let mut online = Online::with("", &DOORS);
    online.controllers[1].signal(Signal::TERM);
    let (client, gate) = (&mut online.client, "led/porch/gate/availability");
    client.wait_for(gate, "offline");
    let mut responses: Vec<String> = client
        .request("led/all/set", "ON", 2)
        .into_iter()
        .map(|message| message.payload)
        .collect();
    responses.sort();
    let absent = responses[0].starts_with("ERR no controller is running");
    assert!(absent && responses[1] == "OK ON", "{responses:?}");
}

#[test]
#[ignore = "needs mosquitto"]
fn the_reply_names_the_reason_if_the_controller_is_stopped_or_absent() {
    let mut online = Online::start();
    let ask = |online: &mut Online, responses: &[&str]| {
        let text = online.client.ask(SET, "ON");
        let is_expected = responses.iter().any(|response| text.starts_with(response));
        assert!(is_expected, "{text}");
        // Who publishes commands cannot do anything on this machine.
        assert!(!text.contains("sudo"), "{text}");
    };
    online.controllers[0].stop();
    // It may have noticed before the command, when it confirmed the state.
    let not_sent = "ERR the controller does not reply; nothing was sent";
    ask(&mut online, &["ERR no reply within 2s", not_sent]);
    let advice = format!("sudo kill -CONT {}", online.controllers[0].pid());
    online.bridge.wait_for_log(&advice);
    ask(&mut online, &[not_sent]);
    online.replace_controllers(&[]);
    online.wait_for("online");
    ask(&mut online, &["OK ON"]);
    online.controllers[0].signal(Signal::TERM);
    online.wait_for("offline");
    ask(&mut online, &["ERR no controller is running"]);
}

#[test]
#[ignore = "needs mosquitto"]
fn a_command_without_a_response_topic_has_no_reply() {
    let Online { client, .. } = &mut Online::start();
    client.publish(SET, "ON");
    client.publish(SET, "DIM");
    let properties = Properties {
        correlation: Some(b"1"),
        ..Properties::default()
    };
    client.publish_with(SET, "OFF", properties);
    assert_eq!(client.ask(SET, "ON"), "OK ON");
    for message in client.read_all() {
        let expected = [SET, STATE, "test/response"];
        assert!(expected.contains(&&*message.topic), "{message:?}");
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
    let properties = Properties {
        user: &user,
        ..Properties::default()
    };
    client.publish_with(SET, "ON", properties);
    client.wait_for(STATE, ON);
    assert_eq!(client.ask(SET, "TOGGLE"), "OK OFF");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_response_that_the_broker_does_not_take_is_dropped() {
    let mut online = Online::start();
    online.restart_broker("max_packet_size 1000");
    let properties = Properties {
        response_topic: Some("r"),
        correlation: Some(&[b'x'; 920]),
        ..Properties::default()
    };
    online.client.publish_with(SET, "{}", properties);
    online
        .bridge
        .wait_for_log("a response is longer than the broker permits: it was dropped");
    assert_eq!(online.client.ask(SET, "ON"), "OK ON");
    assert_eq!(online.broker.connections("led-porch"), 1);
}

#[test]
#[ignore = "needs mosquitto"]
fn a_response_topic_of_others_is_not_used_and_that_is_logged_with_a_limit() {
    let mut online = Online::start();
    let before = online.broker.retained();
    let mut all = online.broker.watch();
    let slashes = "/".repeat(32);
    let topics = [
        SET,
        STATE,
        AVAILABILITY,
        "led/all/set",
        "led/garage/set",
        "led/garage/response/1",
        DISCOVERY,
        "homeassistant/status",
        "$SYS/x",
        // As many as the bridge permits, and one more. Mosquitto 2.0.21 ends the connection of a publisher with 201.
        &slashes,
    ];
    for topic in topics.iter().cycle().take(50) {
        let properties = Properties {
            response_topic: Some(topic),
            ..Properties::default()
        };
        online.client.publish_with("led/all/set", "ON", properties);
    }
    assert_eq!(online.client.ask(SET, "STATUS"), "OK ON");
    let mut published = all.read_all();
    published.retain(|message| {
        !message.is_retained && !["led/all/set", SET, "test/response"].contains(&&*message.topic)
    });
    assert!(published.is_empty(), "{published:?}");
    let mut after = online.broker.retained();
    assert_eq!(
        after.insert(STATE.into(), before[STATE].clone()).as_deref(),
        Some(ON)
    );
    assert_eq!(after, before);
    // Mosquitto ends the connection of a client that publishes with 201 levels.
    assert_eq!(online.broker.connections("led-porch"), 1);
    let log = end(online.bridge, Signal::TERM);
    let lines = log.matches("led/all/set: no response to ").count();
    assert_eq!(lines, 10, "{log}");
}

#[test]
#[ignore = "needs mosquitto"]
fn responses_that_are_too_long_are_logged_with_a_limit() {
    let mut online = Online::start();
    online.restart_broker("max_packet_size 1000");
    let mut publisher = Client::connect(online.broker.address, &[]);
    let properties = Properties {
        response_topic: Some("r"),
        correlation: Some(&[b'x'; 964]),
        ..Properties::default()
    };
    publisher.publish_all(SET, &["ON"; 300], properties);
    assert_eq!(online.client.ask(SET, "ON"), "OK ON");
    let log = end(online.bridge, Signal::TERM);
    assert!(log.lines().count() <= 14, "{log}");
}

#[test]
fn a_message_that_has_expired_is_not_applied_when_it_arrives() {
    let fake = Fake::start(|packet, stream| {
        fake::serve(packet, stream);
        // ON, with no time left, after the bridge is online.
        if fake::topic(packet).as_deref() == Some(AVAILABILITY) {
            let _ = stream.write_all(b"\x30\x17\0\x0dled/porch/set\x05\x02\0\0\0\0ON");
        }
        true
    });
    let node = Node::new(&fake.url(), "", &[]);
    let _controller = node.controller(0, &[]);
    let bridge = node.start();
    bridge.wait_for_log("led/porch/set: refused: the message expired before it could be applied");
    assert_eq!(node.led(0), "off");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_message_that_expires_while_it_waits_is_not_applied() {
    let mut online = Online::start();
    online.hold_up();
    let properties = Properties {
        response_topic: Some("test/response"),
        expiry: Some(1),
        ..Properties::default()
    };
    online.client.publish_with(SET, "BLINK 500 500", properties);
    let sent = Instant::now();
    wait_until("the message expires", || {
        sent.elapsed() > Duration::from_millis(1100)
    });
    online.controllers[0].signal(Signal::CONT);
    let response = online.client.next_on("test/response").payload;
    // On a slow machine the controller was stopped for too long.
    let expected = [
        "ERR the message expired before",
        "ERR the controller does not reply",
    ];
    assert!(
        expected.iter().any(|text| response.starts_with(text)),
        "{response}"
    );
    online.client.wait_for(STATE, ON);
    assert_eq!(online.node.led(0), "on");
}

#[test]
#[ignore = "needs mosquitto"]
fn mosquitto_rr_prints_the_reply() {
    let online = Online::start();
    let (host, port) = (online.broker.address.ip(), online.broker.address.port());
    let mut rr = Command::new("mosquitto_rr");
    let arguments = format!("-V 5 -W 60 -h {host} -p {port} -t {SET} -e test/response -m");
    rr.args(arguments.split(' ')).arg("BLINK 500 500 300");
    let outcome = Outcome::of(&mut rr);
    assert!(outcome.out.starts_with("OK BLINK 500 500 "), "{outcome:?}");
}
