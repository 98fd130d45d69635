//! How often it connects.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use testing::{Signal, mqtt::address, wait_until};

use super::{
    AVAILABILITY, SET,
    node::{Node, Online, end},
};

/// How long connections are counted.
const SPAN: Duration = Duration::from_secs(6);

#[test]
#[ignore = "needs mosquitto"]
fn two_bridges_with_one_identifier_do_not_throw_each_other_out() {
    let mut online = Online::start();
    let bridges = [&online.bridge, &online.node.bridge()];
    // Mosquitto 2.0.11 only closes the connection, so it takes some of them until one bridge knows.
    let mut logs = [String::new(), String::new()];
    wait_until("one bridge gives up", || {
        for (bridge, log) in bridges.iter().zip(&mut logs) {
            log.extend(bridge.logged());
        }
        logs.iter().any(|log| log.contains("ERROR"))
    });
    let log = logs.concat();
    for part in [
        "led-mqtt runs twice with the identifier led-porch",
        "give each node its own name",
    ] {
        assert!(log.contains(part), "{log}");
    }
    let (client, broker) = (&mut online.client, &online.broker);
    let connections = || broker.connections("led-porch");
    assert!(connections() <= 12, "{}", broker.log());
    // It waits for a minute, and the other one serves.
    wait_until("the other one serves", || {
        client.read_all();
        client.retained[AVAILABILITY] == "online"
    });
    let (before, start) = (connections(), Instant::now());
    while start.elapsed() < SPAN {
        assert_eq!(client.ask(SET, "ON"), "OK ON");
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(connections(), before, "{}", broker.log());
}

/// The number of connections to a broker that reads a packet, replies so, and closes each, within [`SPAN`] after the first; and
/// the log. Without a reply it closes them at once.
fn count(reply: Option<&'static [u8]>) -> (usize, String) {
    let listener = TcpListener::bind(address()).unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    // It ends with the process: accept(2) cannot be ended.
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::Relaxed);
            if let Some(reply) = reply {
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(reply);
            }
        }
    });
    let node = Node::new(&url, "", &[]);
    let bridge = node.start();
    wait_until("it connects", || connections.load(Ordering::Relaxed) > 0);
    thread::sleep(SPAN);
    let count = connections.load(Ordering::Relaxed);
    (count, end(bridge, Signal::TERM))
}

/// At most one connection a second; fewer after the first ones.
#[test]
fn it_waits_before_it_connects_again_to_what_does_not_serve_it() {
    let http = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    thread::scope(|scope| {
        for (reply, reason) in [
            (None, "the broker closed the connection"),
            (
                Some(&http[..]),
                "the server on this port does not speak MQTT 5",
            ),
            (Some(&[0x20, 3, 0, 0x86, 0]), "bad user name password"),
            (Some(&[0x20, 3, 0, 0x97, 0]), "quota exceeded"),
            // Accepted: the reason changes when it happens again.
            (Some(&[0x20, 3, 0, 0, 0]), ""),
        ] {
            scope.spawn(move || {
                let (count, log) = count(reply);
                assert!((2..=4).contains(&count), "{reply:x?}: {count}: {log}");
                let lines = log.matches("no connection to ").count();
                assert!(lines == 1 || reason.is_empty(), "{log}");
                assert!(log.contains(reason), "{log}");
            });
        }
    });
}

#[test]
fn packets_of_a_broken_broker_do_not_end_it() {
    let packets = [
        &[0x20, 0xff, 0xff, 0xff, 0xff][..],
        &[0x20, 0x00],
        &[0x20, 0x03, 0x00, 0x00, 0x7f],
        &[0x30, 0x80, 0x80, 0x80, 0x01, 0x00],
        &[0x00, 0x00],
        &[0xf0, 0x7f],
        // Accepted, and then a message with a topic that is longer than the packet, and replies that were not asked for.
        b"\x20\x03\0\0\0\x30\x04\xff\xff\0\0",
        b"\x20\x03\0\0\0\x90\x04\0\x01\0\x87\x40\x02\x77\x77",
    ];
    thread::scope(|scope| {
        for packet in packets {
            scope.spawn(move || {
                let (count, log) = count(Some(packet));
                assert!((1..=4).contains(&count), "{packet:x?}: {count}: {log}");
            });
        }
    });
}
