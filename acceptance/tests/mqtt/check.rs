//! `--check` and `--forget`.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use testing::{Signal, mqtt::address};

use super::{
    DOORS, SET,
    node::{Node, Online, end},
};

/// `--check` finds so many problems, and prints lines that begin so.
#[track_caller]
fn assert_checked(node: &Node, problems: usize, lines: &[&str]) {
    let out = node.check(problems);
    let printed: Vec<&str> = out.lines().collect();
    assert_eq!(printed.len(), lines.len(), "{out}");
    for (printed, line) in printed.iter().zip(lines) {
        assert!(printed.starts_with(line), "{printed:?} and {line:?}");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn check_prints_a_line_for_each_check() {
    let mut online = Online::start();
    let (node, broker) = (&online.node, &online.broker);
    let (config, key) = (node.config.display(), node.leds[0].key);
    let lines = [
        &format!("ok   config      {config}: node porch, 1 LED"),
        &format!("ok   broker      {}, without TLS, as no user", broker.url()),
        "ok   name        porch: no other machine was found",
        "ok   subscribe   led/porch/check",
        "ok   publish     led/porch/check",
        &format!("ok   controller  led/porch/set: key {key}: off"),
    ];
    assert_checked(node, 0, &lines);
    // It leaves the bridge connected, and retains nothing.
    assert_eq!(online.client.ask(SET, "ON"), "OK ON");
    assert!(!online.client.retained.contains_key("led/porch/check"));
    assert_eq!(broker.connections("led-porch"), 2, "{}", broker.log());
}

#[test]
fn check_goes_on_after_a_problem() {
    let node = Node::new(&format!("mqtt://{}", address()), "", &DOORS);
    let _controller = node.controller(1, &[]);
    let lines = [
        "ok   config      ",
        "FAIL broker      mqtt://127.",
        "FAIL controller  led/porch/door/set: key ",
        "ok   controller  led/porch/gate/set: key ",
    ];
    assert_checked(&node, 2, &lines);
    let out = node.check(2);
    let key = node.leds[0].key;
    let next = format!("no queue has key {key}; start the controller with --key {key}\n");
    assert!(out.contains(&next), "{out}");
}

#[test]
fn check_does_not_wait_for_ever() {
    // The system accepts connections. Nobody replies.
    let listener = TcpListener::bind(address()).unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let node = Node::new(&url, "", &[]);
    let controller = node.controller(0, &[]);
    controller.stop();
    let out = node.check(2);
    for part in [
        "no reply in time: check the host, its name, and whether a firewall blocks the port\n",
        "no reply within 5s",
    ] {
        assert!(out.contains(part), "{out}");
    }
}

/// The reply of a broker to a packet.
type Reply = fn(&[u8]) -> Vec<u8>;

/// What `--check` prints if the broker replies so to one packet after the other, and closes the connection after the last.
#[track_caller]
fn check_with(replies: &[Reply]) -> String {
    let listener = TcpListener::bind(address()).unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let settings = "user = 'garden'\ngroups = ['shed']";
    let node = Node::new(&url, settings, &[]);
    let _controller = node.controller(0, &[]);
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            for reply in replies {
                let mut packet = [0; 1024];
                let length = stream.read(&mut packet).unwrap_or(0);
                stream.write_all(&reply(&packet[..length])).unwrap();
            }
        });
        node.check(1)
    })
}

/// Accepts the connection.
fn connack(_: &[u8]) -> Vec<u8> {
    vec![0x20, 3, 0, 0, 0]
}

/// The reply to this SUBSCRIBE: its identifier, no properties, and a reason code for each of five topics.
fn suback(subscribe: &[u8], codes: [u8; 5]) -> Vec<u8> {
    // The length before it has one byte or two.
    let id = &subscribe[2 + usize::from(subscribe[1] >> 7)..][..2];
    [&[0x90, 8][..], id, &[0], &codes].concat()
}

/// A broker of MQTT 3.1.1 refuses the protocol with a reply of its own version.
#[test]
fn check_tells_that_a_broker_without_mqtt_5_is_possible() {
    let printed = check_with(&[|_| vec![0x20, 2, 0, 1]]);
    let expected = "or the broker does not speak MQTT 5\n";
    assert!(printed.contains(expected), "{printed}");
}

/// RabbitMQ ends the connection of a user who may not use a topic, with or without a reply.
#[test]
fn check_names_the_topics_if_the_broker_closes_the_connection_instead_of_refusing_them() {
    let advice = "permit user \"garden\" to read and write led/porch/# and homeassistant/device/porch/config, \
                  and to read homeassistant/status, led/all/set, led/group/shed/set\n";
    let nothing = |_: &[u8]| Vec::new();
    for (replies, line) in [
        (
            &[connack, nothing][..],
            "FAIL subscribe   led/porch/check: the broker closed the connection: ",
        ),
        (
            &[
                connack,
                |packet| suback(packet, [0; 5]),
                |packet| suback(packet, [1, 0x87, 0x87, 1, 1]),
                nothing,
            ],
            "FAIL subscribe   led/porch/check: the broker refused 2 topics: ",
        ),
        (
            &[
                connack,
                |packet| suback(packet, [0; 5]),
                |packet| suback(packet, [1; 5]),
                nothing,
            ],
            "FAIL publish     led/porch/check: the broker closed the connection: ",
        ),
    ] {
        let printed = check_with(replies);
        assert!(printed.contains(&format!("{line}{advice}")), "{printed}");
    }
}

#[test]
fn check_names_a_host_that_does_not_exist() {
    // Too long for a name server: it is not asked, and the network does not matter.
    let url = format!("mqtt://{}", "x".repeat(64));
    let node = Node::new(&url, "", &[]);
    let _controller = node.controller(0, &[]);
    let out = node.check(1);
    for part in [
        &*format!("FAIL broker      {url}:1883: "),
        "check the network and the name of the host",
    ] {
        assert!(out.contains(part), "{out}");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn forget_removes_everything_that_is_retained() {
    // More than may wait for an acknowledgement.
    let many: Vec<String> = (0..40).map(|number| format!("led{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (names, count) in [(&DOORS[..], 6), (&many, 82)] {
        let mut online = Online::with("", names);
        online.client.retain("led/other/state", "ON");
        end(online.bridge, Signal::TERM);
        // It may be run again.
        for found in [count, 0] {
            let printed = format!(
                "{found} messages found and removed on {count} topics; if led-mqtt runs for this node, restart it"
            );
            online.node.run(&["--forget"]).assert_printed(&printed);
            // The message of another node.
            let retained: Vec<_> = online.broker.retained().into_iter().collect();
            assert_eq!(retained, [("led/other/state".into(), "ON".into())]);
        }
    }
}

#[test]
fn forget_fails_without_a_broker() {
    let url = format!("mqtt://{}", address());
    let forgotten = Node::new(&url, "", &[]).run(&["--forget"]);
    let line = format!("led-mqtt: {url}: no broker listens on this host and port");
    forgotten.assert_failed(1, &[&line]);
}
