//! Brokers that acknowledge late, not at all, or something else than success.

use std::{
    io::{Read, Write},
    net::Shutdown,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use testing::{
    Running, Signal,
    mqtt::{Fake, fake},
    wait_until,
};

use super::{
    AVAILABILITY, STATE,
    node::{Node, end},
};

/// A node with this broker, its controller and its bridge.
pub(crate) fn start(fake: &Fake) -> (Node, Running, Running) {
    let node = Node::new(&fake.url(), "", &[]);
    let (controller, bridge) = (node.controller(0, &[]), node.start());
    (node, controller, bridge)
}

#[test]
fn a_state_that_the_broker_refuses_is_published_until_it_is_acknowledged() {
    let published = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&published);
    let fake = Fake::start(move |packet, stream| {
        match fake::topic(packet) {
            Some(topic) => {
                let mut seen = seen.lock().unwrap();
                seen.push(topic.clone());
                let attempts = seen.iter().filter(|other| **other == topic).count();
                if topic == STATE && attempts < 3 {
                    fake::refuse(packet, 0x97, stream);
                } else {
                    fake::serve(packet, stream);
                }
            }
            None => fake::serve(packet, stream),
        }
        true
    });
    let (_node, _controller, bridge) = start(&fake);
    let line = bridge.wait_for_log("the broker refused led/porch/state: ");
    assert!(
        line.contains("quota exceeded") && !line.contains("permit"),
        "{line}"
    );
    // Nobody may take an old state for the current one, and it is logged once. Before the controller is known it is offline, and
    // its levels change the discovery.
    wait_until("it is online", || {
        let published = published.lock().unwrap();
        let states = published.iter().filter(|topic| *topic == STATE).count();
        states == 3 && published.last().is_some_and(|topic| topic == AVAILABILITY)
    });
    let log = end(bridge, Signal::TERM);
    assert!(!log.contains("refused"), "{log}");
}

/// With a DISCONNECT the broker would discard the last will, and the LED would stay online.
#[test]
fn the_last_will_is_left_to_a_broker_that_refuses_the_end() {
    let packets = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&packets);
    let fake = Fake::start(move |packet, stream| {
        let (first, body) = packet;
        seen.lock().unwrap().push((first & 0xf0, body.to_vec()));
        if packet.0 & 0xf0 == 0x30 && packet.1.ends_with(b"offline") {
            fake::refuse(packet, 0x87, stream);
        } else {
            fake::serve(packet, stream);
        }
        true
    });
    let (_node, _controller, bridge) = start(&fake);
    let has = |kind: u8, end: &[u8]| {
        let packets = packets.lock().unwrap();
        packets
            .iter()
            .any(|(found, body)| *found == kind && body.ends_with(end))
    };
    wait_until("it is online", || has(0x30, b"online"));
    let log = end(bridge, Signal::TERM);
    assert!(
        log.contains(
            "cannot publish that the LEDs are offline: the broker refused led/porch/availability: "
        ),
        "{log}"
    );
    assert!(!has(0xe0, b""));
}

#[test]
fn a_connection_after_losses_that_were_not_logged_is_logged() {
    let connections = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&connections);
    let fake = Fake::start(move |packet, stream| {
        let kind = packet.0 & 0xf0;
        if kind == 0x10 {
            seen.fetch_add(1, Ordering::Relaxed);
        }
        if kind == 0x30 && seen.load(Ordering::Relaxed) < 3 {
            // Of two losses before the acknowledgements the second is not logged.
            let _ = stream.shutdown(Shutdown::Both);
        } else {
            fake::serve(packet, stream);
        }
        true
    });
    let (_node, _controller, bridge) = start(&fake);
    for _ in 0..3 {
        bridge.wait_for_log("connected to ");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 3);
}

#[test]
fn what_a_broker_says_in_its_connack_is_what_it_is() {
    // Packet limit 32, an assigned identifier, receive maximum 0.
    for (connack, part) in [
        (
            &b"\x20\x08\0\0\x05\x27\0\0\0\x20"[..],
            "the broker takes packets of 32 bytes: permit longer ones",
        ),
        (
            b"\x20\x08\0\0\x05\x12\0\x02ab",
            "a reply of the broker violates MQTT 5",
        ),
        (
            b"\x20\x06\0\0\x03\x21\0\0",
            "a reply of the broker violates MQTT 5",
        ),
    ] {
        let fake = Fake::start(move |packet, stream| {
            match packet.0 {
                0x10 => drop(stream.write_all(connack)),
                _ => fake::serve(packet, stream),
            }
            true
        });
        let (_node, _controller, bridge) = start(&fake);
        let line = bridge.wait_for_log(part);
        assert!(!line.contains("check the port"), "{line}");
    }
}

#[test]
fn a_broker_that_restarts_several_times_is_found_again_within_five_seconds() {
    let connections = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&connections);
    let fake = Fake::start(move |packet, stream| {
        fake::serve(packet, stream);
        if packet.0 == 0x10 {
            seen.lock().unwrap().push(Instant::now());
            // The broker ends.
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        true
    });
    let (_node, _controller, bridge) = start(&fake);
    wait_until("it has connected seven times", || {
        connections.lock().unwrap().len() >= 7
    });
    let log: String = bridge.logged().collect();
    assert!(!log.contains("ERROR"), "{log}");
    let connections = connections.lock().unwrap();
    let waits = connections.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(
        waits.max().unwrap() < Duration::from_secs(15),
        "{connections:?}"
    );
}

#[test]
fn check_has_a_deadline_for_each_step_while_others_publish() {
    let fake = Fake::start(move |packet, stream| {
        if packet.0 & 0xf0 != 0x80 {
            fake::serve(packet, stream);
            return true;
        }
        // No reply to the subscriptions, and commands for ever.
        while stream.write_all(b"\x30\x12\0\x0dled/porch/set\0ON").is_ok() {
            thread::sleep(Duration::from_millis(10));
        }
        let _ = stream.read(&mut [0]);
        true
    });
    let node = Node::new(&fake.url(), "", &[]);
    let _controller = node.controller(0, &[]);
    let out = node.check(1);
    assert!(
        out.contains("FAIL subscribe   led/porch/check: the message did not come back"),
        "{out}"
    );
}
