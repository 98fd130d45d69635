//! `--check` and `--forget`.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use crate::broker::{Broker, Node, Online, free_port};

/// What `--check` prints, with its exit status.
#[track_caller]
fn assert_checked(node: &Node, lines: &[&str], problems: usize) {
    let outcome = node.run(&["--check"]);
    let printed: Vec<&str> = outcome.out.lines().collect();
    assert_eq!(printed.len(), lines.len(), "{outcome:?}");
    for (printed, line) in printed.iter().zip(lines) {
        assert!(
            printed.starts_with(line),
            "{printed:?} does not begin with {line:?}"
        );
    }
    let error = match problems {
        0 => String::new(),
        1 => "led-mqtt: 1 problem found\n".into(),
        _ => format!("led-mqtt: {problems} problems found\n"),
    };
    assert_eq!(
        (outcome.code, outcome.err),
        (Some(i32::from(problems > 0)), error)
    );
}

#[test]
#[ignore = "needs mosquitto"]
fn check_prints_a_line_for_each_check() {
    let Online {
        node,
        broker,
        client,
        ..
    } = &mut Online::start();
    let lines = [
        &format!(
            "ok   config      {}: node porch, 1 LED",
            node.config.display()
        ),
        &format!(
            "ok   broker      mqtt://127.0.0.1:{}, without TLS, as no user",
            broker.port
        ),
        "ok   subscribe   led/porch/check",
        "ok   publish     led/porch/check",
        &format!(
            "ok   controller  led/porch/set: key {}: off",
            node.leds[0].key.get()
        ),
    ];
    assert_checked(node, &lines, 0);
    // It leaves the bridge connected, and retains nothing.
    assert_eq!(client.ask("led/porch/set", "ON"), "OK ON");
    assert!(!client.retained.contains_key("led/porch/check"));
    assert_eq!(broker.connections("led-porch"), 2, "{}", broker.log());
}

#[test]
#[ignore = "needs mosquitto"]
fn check_goes_on_after_a_problem() {
    let broker = Broker::absent();
    let node = Node::with_leds(&broker, &["door", "gate"]);
    let _controller = node.controller(1, &[]);
    let lines = [
        "ok   config      ",
        "FAIL broker      mqtt://127.0.0.1:",
        "FAIL controller  led/porch/door/set: key ",
        "ok   controller  led/porch/gate/set: key ",
    ];
    assert_checked(&node, &lines, 2);
    let door = node.run(&["--check"]).out;
    assert!(door.contains("no controller is running"), "{door}");
}

#[test]
#[ignore = "needs mosquitto"]
fn check_does_not_wait_for_ever() {
    let port = free_port();
    // The system accepts connections. Nobody replies.
    let _listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let node = Node::with(&format!("broker = 'mqtt://127.0.0.1:{port}'\n"), &[]);
    let controller = node.controller(0, &[]);
    controller.stop();
    let outcome = node.run(&["--check"]);
    let broker = "no reply in time: check the host, and whether a firewall is between\n";
    assert!(
        outcome.out.contains(broker) && outcome.out.contains("no reply within 5s"),
        "{outcome:?}"
    );
    assert_eq!(outcome.err, "led-mqtt: 2 problems found\n");
}

/// What `--check` prints if the broker accepts the connection, replies so to SUBSCRIBE, and then closes it.
fn check_with(suback: fn(&[u8]) -> Vec<u8>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let node = Node::with(
        &format!("broker = '{url}'\nuser = 'garden'\ngroups = ['shed']\n"),
        &[],
    );
    let _controller = node.controller(0, &[]);
    let broker = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut packet = [0; 1024];
        let _ = stream.read(&mut packet);
        stream.write_all(&[0x20, 3, 0, 0, 0]).unwrap();
        let length = stream.read(&mut packet).unwrap();
        let reply = suback(&packet[..length]);
        if !reply.is_empty() {
            stream.write_all(&reply).unwrap();
            // PUBLISH, if all was permitted.
            let _ = stream.read(&mut packet);
        }
    });
    let outcome = node.run(&["--check"]);
    broker.join().unwrap();
    assert_eq!(
        (outcome.code, outcome.err.as_str()),
        (Some(1), "led-mqtt: 1 problem found\n"),
        "{outcome:?}"
    );
    outcome.out
}

/// A broker of MQTT 3.1.1 refuses the protocol with a reply of its own version.
#[test]
#[ignore = "needs mosquitto"]
fn check_tells_that_a_broker_without_mqtt_5_is_possible() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let node = Node::with(
        &format!("broker = 'mqtt://{}'\n", listener.local_addr().unwrap()),
        &[],
    );
    let _controller = node.controller(0, &[]);
    let broker = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        stream.write_all(&[0x20, 2, 0, 1]).unwrap();
    });
    let printed = node.run(&["--check"]).out;
    broker.join().unwrap();
    assert!(
        printed.contains("or the broker does not speak MQTT 5\n"),
        "{printed}"
    );
}

/// The reply to this SUBSCRIBE: its identifier, no properties, and a reason code for each of five topics.
fn suback(subscribe: &[u8], codes: [u8; 5]) -> Vec<u8> {
    [&[0x90, 8, subscribe[2], subscribe[3], 0][..], &codes].concat()
}

/// RabbitMQ ends the connection of a user who may not use a topic, with or without a reply.
#[test]
#[ignore = "needs mosquitto"]
fn check_names_the_topics_if_the_broker_closes_the_connection_instead_of_refusing_them() {
    let advice = "permit user garden to read and write led/porch/#, to write homeassistant/device/porch/config, \
                  and to read homeassistant/status, led/all/set, led/group/shed/set\n";
    for (name, printed, line) in [
        (
            "no reply",
            check_with(|_| Vec::new()),
            "FAIL subscribe   led/porch/check: the broker closed it: ",
        ),
        (
            "two refused",
            check_with(|packet| suback(packet, [1, 0x87, 0x87, 1, 1])),
            "FAIL subscribe   led/porch/check: the broker refused 2 topics: ",
        ),
        (
            "permitted",
            check_with(|packet| suback(packet, [1; 5])),
            "FAIL publish     led/porch/check: the broker closed it: ",
        ),
    ] {
        assert!(
            printed.contains(&format!("{line}{advice}")),
            "{name}: {printed}"
        );
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn check_names_a_host_that_does_not_exist() {
    // Too long for a name server: it is not asked, and the network does not matter.
    let host = "x".repeat(64);
    let node = Node::with(&format!("broker = 'mqtt://{host}'\n"), &[]);
    let _controller = node.controller(0, &[]);
    let outcome = node.run(&["--check"]);
    assert!(
        outcome
            .out
            .contains(&format!("FAIL broker      mqtt://{host}:1883: ")),
        "{outcome:?}"
    );
    assert!(
        outcome
            .out
            .contains("check the network and the name of the host"),
        "{outcome:?}"
    );
}

#[test]
#[ignore = "needs mosquitto"]
fn forget_removes_everything_that_is_retained() {
    let broker = Broker::start();
    let mut client = broker.watch();
    let node = Node::with_leds(&broker, &["door", "gate"]);
    let _controllers = [node.controller(0, &[]), node.controller(1, &[])];
    let bridge = node.bridge();
    client.retain("led/other/state", "ON");
    client.wait_for("led/porch/door/availability", "online");
    client.wait_for("led/porch/gate/availability", "online");
    bridge.signal(testing::Signal::TERM);
    bridge.wait().assert_code(0);
    let outcome = node.run(&["--forget"]);
    let printed = "removed 6 retained messages; if led-mqtt runs for this node, restart it";
    outcome.assert_printed(printed);
    let mut client = broker.watch();
    client.publish("end", "");
    while client.next().topic != "end" {}
    // The message of another node.
    assert_eq!(
        client.retained.into_iter().collect::<Vec<_>>(),
        [("led/other/state".into(), "ON".into())]
    );
    // It may be run again.
    node.run(&["--forget"]).assert_printed(printed);
}

#[test]
#[ignore = "needs mosquitto"]
fn forget_removes_more_than_may_wait_for_an_acknowledgement() {
    let broker = Broker::start();
    let names: Vec<String> = (0..40).map(|number| format!("led{number}")).collect();
    let node = Node::with_leds(
        &broker,
        &names.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let mut client = broker.watch();
    let bridge = node.bridge();
    names
        .iter()
        .for_each(|name| client.wait_for(&format!("led/porch/{name}/availability"), "offline"));
    bridge.kill();
    node.run(&["--forget"])
        .assert_printed("removed 82 retained messages; if led-mqtt runs for this node, restart it");
    let mut client = broker.watch();
    client.publish("end", "");
    while client.next().topic != "end" {}
    assert!(client.retained.is_empty(), "{:?}", client.retained);
}

#[test]
#[ignore = "needs mosquitto"]
fn forget_fails_without_a_broker() {
    let broker = Broker::absent();
    let node = Node::new(&broker);
    node.run(&["--forget"]).assert_failed(
        1,
        &[
            "led-mqtt: no connection to mqtt://127.0.0.1:",
            "no broker listens there",
        ],
    );
}
