//! Messages that are no commands.

use testing::{Signal, mqtt::Broker};

use super::{
    AVAILABILITY, OFF, ON, SET, STATE,
    node::{Node, Online, end},
};

#[test]
#[ignore = "needs mosquitto"]
fn a_command_that_was_retained_before_is_not_applied() {
    let topics = [SET, "led/all/set", "led/group/garden/set"];
    let broker = Broker::start();
    let mut client = broker.watch();
    for topic in topics {
        client.retain(topic, "ON");
    }
    let node = Node::new(&broker.url(), "groups = ['garden']", &[]);
    let controller = node.controller(0, &[]);
    for _ in 0..3 {
        let bridge = node.bridge();
        client.wait_for(AVAILABILITY, "online");
        // Its reply comes after those to what was sent at the subscription.
        for topic in topics {
            assert_eq!(client.ask(topic, "STATUS"), "OK OFF");
        }
        let log = end(bridge, Signal::TERM);
        assert!(!log.contains("refused"), "{log}");
        client.wait_for(AVAILABILITY, "offline");
    }
    assert_eq!(client.retained[STATE], OFF);
    controller.signal(Signal::TERM);
    assert_eq!(controller.wait().out, "");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_command_that_is_retained_now_is_not_applied() {
    let mut online = Online::start();
    online.client.retain(SET, "ON");
    let line = "led/porch/set: refused: a retained command";
    online.bridge.wait_for_log(line);
    assert_eq!(online.client.ask(SET, "STATUS"), "OK OFF");
    assert_eq!(online.node.led(0), "off");
}

/// Payloads that are refused, and a part of the reason.
fn refused() -> Vec<(Vec<u8>, &'static str)> {
    let long = [&b"ON"[..], &[b' '; 255]].concat();
    let open = [&b"{\"a\":"[..], &[b'['; 250]].concat();
    let refused: [(&[u8], &str); 32] = [
        (b"", "there is no text"),
        (b" ", "there is no text"),
        (b"\0", "NUL"),
        (b"ON\0", "NUL"),
        (b"ON\0reply=5", "NUL"),
        (b"ONE", "unknown command"),
        (b"ON OFF", ""),
        (b"EXIT", "unknown command"),
        (b"exit", "unknown command"),
        (b"WATCH", "WATCH"),
        (b"BLINK 1", ""),
        (b"BLINK 0 0", ""),
        (b"BLINK -1 1", ""),
        (b"BLINK 99999999999999999999 1", ""),
        (b"{", "JSON"),
        (b"{}", "JSON"),
        (br#"{"state":"EXIT"}"#, "JSON"),
        (br#"{"state":"ON","effect":"EXIT"}"#, "unknown effect"),
        (
            br#"{"state":"ON","effect":"blink\u0000"}"#,
            "unknown effect",
        ),
        (br#"{"state":{"state":{"state":"ON"}}}"#, "JSON"),
        (br#"{"state":"ON"}{"state":"ON"}"#, "JSON"),
        (br#"{"flash":"1e999"}"#, "JSON"),
        (br#"{"flash":1e999}"#, "JSON"),
        (b"[\"ON\"]", "unknown command"),
        (b"\xff\xfe\x00", "NUL"),
        (b"\xff\xfeON", ""),
        (b"{\"state\":\"\xff\"}", "JSON"),
        (&long, "the payload has 257 bytes; the limit is 256"),
        (
            &[b'x'; 4000],
            "the payload has 4000 bytes; the limit is 256",
        ),
        // Deep JSON, as far as it is not too long, and what is too long.
        (&b"{\"a\":".repeat(50), "JSON"),
        (&open, "JSON"),
        (&b"{\"a\":".repeat(700), "the limit is 256"),
    ];
    refused
        .map(|(payload, reason)| (payload.to_vec(), reason))
        .into()
}

#[test]
#[ignore = "needs mosquitto"]
fn what_is_no_command_is_refused_and_the_log_is_limited() {
    let mut online = Online::start();
    let client = &mut online.client;
    client.publish(SET, "ON");
    client.wait_for(STATE, ON);
    let is_wrong = |(payload, reason): &(Vec<u8>, &str)| {
        let response = client.ask(SET, payload);
        let is_refused = response.starts_with("ERR ") && response.contains(reason);
        let is_readable = response.len() < 400 && !response.contains(char::is_control);
        let payload = String::from_utf8_lossy(payload).into_owned();
        (!is_refused || !is_readable).then_some((payload, response))
    };
    let wrong: Vec<_> = refused().iter().filter_map(is_wrong).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(client.ask(SET, "STATUS"), "OK ON");
    assert_eq!(online.node.led(0), "on");
    let log = end(online.bridge, Signal::TERM);
    assert_eq!(log.matches("led/porch/set: refused: ").count(), 10, "{log}");
    let controller = online.controllers.remove(0);
    controller.signal(Signal::TERM);
    assert_eq!(controller.wait().out, "LED on\nLED off\n");
}

#[test]
#[ignore = "needs mosquitto"]
fn messages_that_are_longer_than_a_packet_may_be_are_not_delivered() {
    let Online { client, .. } = &mut Online::start();
    for length in [4096, 65_536, 1 << 20] {
        client.publish(SET, vec![b'x'; length]);
        client.publish("led/all/set", "{\"a\":".repeat(length / 5));
    }
    assert_eq!(client.ask(SET, "ON"), "OK ON");
    assert_eq!(client.retained[AVAILABILITY], "online");
}
