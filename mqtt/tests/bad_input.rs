//! Messages that are no commands.

use testing::{Signal, wait_until};

use crate::broker::{Broker, Client, Node, OFF, ON, Online};

const SET: &str = "led/porch/set";
const STATE: &str = "led/porch/state";
const TOPICS: [&str; 3] = [SET, "led/all/set", "led/group/garden/set"];

#[test]
#[ignore = "needs mosquitto"]
fn a_command_that_was_retained_before_is_not_applied() {
    let broker = Broker::start();
    let mut client = broker.watch();
    for topic in TOPICS {
        client.retain(topic, "ON");
    }
    let node = Node::with(
        &format!(
            "broker = 'mqtt://127.0.0.1:{}'\ngroups = ['garden']\nnode = 'porch'\n",
            broker.port
        ),
        &[],
    );
    let controller = node.controller(0, &[]);
    for _ in 0..3 {
        let bridge = node.bridge();
        client.wait_for("led/porch/availability", "online");
        // Its reply comes after those to what was sent at the subscription.
        for topic in TOPICS {
            assert_eq!(client.ask(topic, "STATUS"), "OK OFF");
        }
        bridge.signal(Signal::TERM);
        let log = bridge.wait().err;
        assert!(!log.contains("refused"), "{log}");
        client.wait_for("led/porch/availability", "offline");
    }
    assert_eq!(client.retained[STATE], OFF);
    controller.signal(Signal::TERM);
    assert!(controller.wait().out.is_empty());
}

#[test]
#[ignore = "needs mosquitto"]
fn a_command_that_is_retained_now_is_not_applied() {
    let Online {
        client,
        bridge,
        node,
        ..
    } = &mut Online::start();
    client.retain(SET, "ON");
    bridge.wait_for_log("led/porch/set: refused: a retained command");
    assert_eq!(client.ask(SET, "STATUS"), "OK OFF");
    assert_eq!(node.led(0), "off");
}

/// Payloads that are refused, and a part of the reason.
fn refused() -> Vec<(Vec<u8>, &'static str)> {
    let mut refused: Vec<(Vec<u8>, &str)> = [
        ("", "there is no text"),
        (" ", "there is no text"),
        ("\0", "NUL"),
        ("ON\0", "NUL"),
        ("ON\0reply=5", "NUL"),
        ("ONE", "unknown command"),
        ("ON OFF", ""),
        ("EXIT", "unknown command"),
        ("exit", "unknown command"),
        ("WATCH", "WATCH"),
        ("BLINK 1", ""),
        ("BLINK 0 0", ""),
        ("BLINK -1 1", ""),
        ("BLINK 99999999999999999999 1", ""),
        ("{", "JSON"),
        ("{}", "JSON"),
        (r#"{"state":"EXIT"}"#, "JSON"),
        (r#"{"state":"ON","effect":"EXIT"}"#, "unknown effect"),
        (r#"{"state":"ON","effect":"blink\u0000"}"#, "unknown effect"),
        (r#"{"state":{"state":{"state":"ON"}}}"#, "JSON"),
        (r#"{"state":"ON"}{"state":"ON"}"#, "JSON"),
        (r#"{"flash":"1e999"}"#, "JSON"),
        (r#"{"flash":1e999}"#, "JSON"),
        ("[\"ON\"]", "unknown command"),
        ("\"ON\"", "unknown command"),
    ]
    .map(|(text, reason)| (text.as_bytes().to_vec(), reason))
    .into();
    refused.push((b"\xff\xfe\x00".to_vec(), "NUL"));
    refused.push((b"\xff\xfeON".to_vec(), ""));
    refused.push((b"{\"state\":\"\xff\"}".to_vec(), "JSON"));
    refused.push((
        [b"ON".to_vec(), vec![b' '; 255]].concat(),
        "the payload has 257 bytes; the limit is 256",
    ));
    refused.push((
        vec![b'x'; 4000],
        "the payload has 4000 bytes; the limit is 256",
    ));
    // Deep JSON, as far as it is not too long, and what is too long.
    refused.push(("{\"a\":".repeat(50).into_bytes(), "JSON"));
    refused.push((
        b"{\"a\":".iter().copied().chain(vec![b'['; 250]).collect(),
        "JSON",
    ));
    refused.push(("{\"a\":".repeat(700).into_bytes(), "the limit is 256"));
    refused
}

#[test]
#[ignore = "needs mosquitto"]
fn what_is_no_command_is_refused_and_the_log_is_limited() {
    let Online {
        mut client,
        node,
        controller,
        bridge,
        broker: _broker,
    } = Online::start();
    client.publish(SET, "ON");
    client.wait_for(STATE, ON);
    let is_refused = |(payload, reason): &(Vec<u8>, &str)| {
        let response = client.ask(SET, payload);
        let is_refused = response.starts_with("ERR ") && response.contains(reason);
        let is_readable = response.len() < 400 && !response.contains(char::is_control);
        (!is_refused || !is_readable)
            .then(|| (String::from_utf8_lossy(payload).into_owned(), response))
    };
    let wrong: Vec<_> = refused().iter().filter_map(is_refused).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(client.ask(SET, "STATUS"), "OK ON");
    assert_eq!(node.led(0), "on");
    bridge.signal(Signal::TERM);
    let log = bridge.wait().err;
    let lines = log.matches("led/porch/set: refused: ").count();
    assert_eq!(lines, 10, "{log}");
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
    assert_eq!(client.retained["led/porch/availability"], "online");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_flood_of_commands_does_not_end_it_or_fill_its_memory() {
    let Online {
        client,
        bridge,
        broker,
        node,
        ..
    } = &mut Online::start();
    let before = memory(bridge.pid());
    let mut flood = Client::connect(broker.port);
    for number in 0..5000 {
        flood.publish(SET, if number % 2 == 0 { "TOGGLE" } else { "DIM" });
    }
    // The broker drops what it has no room for, and the bridge refuses what the controller has no room for.
    wait_until("a command is applied", || {
        flood.publish(SET, "ON");
        node.led(0) == "on"
    });
    wait_until("the bridge takes commands", || {
        client.ask(SET, "OFF") == "OK OFF"
    });
    let after = memory(bridge.pid());
    assert!(
        after < before + 4096,
        "{before} kB before, {after} kB after"
    );
}

/// The most memory that a process has used, in kB.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
