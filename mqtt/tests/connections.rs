//! How often it connects.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use testing::wait_until;

use crate::broker::{Node, Online, free_port};

/// How long connections are counted.
const SPAN: Duration = Duration::from_secs(6);

#[test]
#[ignore = "needs mosquitto"]
fn two_bridges_with_one_identifier_do_not_throw_each_other_out() {
    let Online {
        mut client,
        node,
        bridge,
        broker,
        controller: _controller,
    } = Online::start();
    let other = node.bridge();
    // Mosquitto 2.0.11 only closes the connection, so it takes some of them until one bridge knows.
    let bridges = [bridge, other];
    let mut log = [String::new(), String::new()];
    wait_until("one bridge gives up", || {
        for (bridge, log) in bridges.iter().zip(&mut log) {
            log.extend(bridge.logged());
        }
        log.iter().any(|log| log.contains("ERROR"))
    });
    let log = log.concat();
    assert!(
        log.contains("led-mqtt runs twice with the identifier led-porch"),
        "{log}"
    );
    assert!(log.contains("give each node its own name"), "{log}");
    let connections = broker.connections("led-porch");
    assert!(connections <= 12, "{connections}: {}", broker.log());
    // It waits for a minute, and the other one serves.
    wait_until("the other one serves", || {
        let is_online = client
            .retained
            .get("led/porch/availability")
            .is_some_and(|payload| payload == "online");
        client.publish("probe", "");
        while client.next().topic != "probe" {}
        is_online
    });
    let connections = broker.connections("led-porch");
    let start = Instant::now();
    while start.elapsed() < SPAN {
        assert_eq!(client.ask("led/porch/set", "ON"), "OK ON");
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(
        broker.connections("led-porch"),
        connections,
        "{}",
        broker.log()
    );
}

/// A broker that does this with each connection. Returns how many there were within [`SPAN`] after the first.
fn count(serve: impl Fn(TcpStream) + Send + 'static) -> (usize, String) {
    let port = free_port();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    // It ends with the process: accept(2) cannot be ended.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::Relaxed);
            serve(stream);
        }
    });
    let node = Node::with(&format!("broker = 'mqtt://127.0.0.1:{port}'\n"), &[]);
    let _controller = node.controller(0, &[]);
    let bridge = node.start();
    wait_until("it connects", || connections.load(Ordering::Relaxed) > 0);
    thread::sleep(SPAN);
    let count = connections.load(Ordering::Relaxed);
    bridge.signal(testing::Signal::TERM);
    let ended = bridge.wait();
    ended.assert_code(0);
    (count, ended.err)
}

/// At most one connection a second; fewer after the first ones.
#[track_caller]
fn assert_waits((count, log): (usize, String), reason: &str) {
    assert!(
        (2..=4).contains(&count),
        "{count} connections in {SPAN:?}: {log}"
    );
    assert_eq!(log.matches("no connection to ").count(), 1, "{log}");
    assert!(log.contains(reason), "{log}");
}

#[test]
#[ignore = "needs mosquitto"]
fn it_waits_before_it_connects_again_to_what_closes_at_once() {
    assert_waits(count(drop), "the broker closed it");
}

#[test]
#[ignore = "needs mosquitto"]
fn it_waits_before_it_connects_again_to_what_is_no_broker() {
    assert_waits(
        count(|mut stream| {
            reply(
                &mut stream,
                b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
            )
        }),
        "what listens there does not speak MQTT 5",
    );
}

/// Replies to CONNECT with this packet.
fn reply(stream: &mut TcpStream, packet: &[u8]) {
    let _ = stream.read(&mut [0; 1024]);
    let _ = stream.write_all(packet);
}

#[test]
#[ignore = "needs mosquitto"]
fn it_waits_before_it_connects_again_to_a_broker_that_refuses_it() {
    // 0x86 is a bad user name or password, 0x97 an exceeded quota.
    assert_waits(
        count(|mut stream| reply(&mut stream, &[0x20, 3, 0, 0x86, 0])),
        "BadUserNamePassword",
    );
    assert_waits(
        count(|mut stream| reply(&mut stream, &[0x20, 3, 0, 0x97, 0])),
        "QuotaExceeded",
    );
}

#[test]
#[ignore = "needs mosquitto"]
fn it_waits_before_it_connects_again_to_a_broker_that_accepts_it_and_closes() {
    let (count, log) = count(|mut stream| reply(&mut stream, &[0x20, 3, 0, 0, 0]));
    assert!(
        (2..=4).contains(&count),
        "{count} connections in {SPAN:?}: {log}"
    );
}

#[test]
#[ignore = "needs mosquitto"]
fn packets_of_a_broken_broker_do_not_end_it() {
    let packets = [
        &[0x20, 0xff, 0xff, 0xff, 0xff][..],
        &[0x20, 0x00],
        &[0x20, 0x03, 0x00, 0x00, 0x7f],
        &[0x30, 0x80, 0x80, 0x80, 0x01, 0x00],
        &[0x00, 0x00],
        &[0xf0, 0x7f],
        // Accepted, and then a message with a topic that is longer than the packet, and replies that were not asked for.
        &[0x20, 3, 0, 0, 0, 0x30, 0x04, 0xff, 0xff, 0x00, 0x00],
        &[
            0x20, 3, 0, 0, 0, 0x90, 0x04, 0x00, 0x01, 0x00, 0x87, 0x40, 0x02, 0x77, 0x77,
        ],
    ];
    thread::scope(|scope| {
        for packet in packets {
            scope.spawn(move || {
                let (count, log) = count(move |mut stream| reply(&mut stream, packet));
                assert!(
                    (1..=4).contains(&count),
                    "{packet:x?}: {count} connections in {SPAN:?}: {log}"
                );
            });
        }
    });
}
