//! `led-mqtt` waits for replies, and for the end of a forged node.

use std::{
    io::Write,
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use testing::{
    PATIENCE, Signal,
    mqtt::{
        Fake,
        fake::{self, Packet},
    },
};

use crate::mqtt::{DISCOVERY, acknowledgements::start, node::Online};

/// Waits for this line of a bridge whose broker serves so.
fn assert_noticed(
    line: &str,
    serve: impl FnMut(Packet<'_>, &mut TcpStream) -> bool + Clone + Send + 'static,
) {
    let (_node, _controller, bridge) = start(&Fake::start(serve));
    bridge.wait_for_log(line);
}

fn is(kind: u8, (first, _): Packet<'_>) -> bool {
    first & 0xf0 == kind
}

#[test]
fn a_broker_that_does_not_reply_is_noticed() {
    thread::scope(|scope| {
        for (kind, line) in [
            (0x80, "the broker does not reply to subscriptions"),
            (0x30, "the broker acknowledges no message"),
            // A ping: nothing else happens meanwhile.
            (0xc0, "no reply in time"),
        ] {
            scope.spawn(move || {
                assert_noticed(line, move |packet, stream| {
                    if !is(kind, packet) {
                        fake::serve(packet, stream);
                    }
                    true
                });
            });
        }
        scope.spawn(|| {
            assert_noticed("the broker retains no messages", move |packet, stream| {
                if is(0x10, packet) {
                    // CONNACK with Retain Available 0.
                    let _ = stream.write_all(&[0x20, 5, 0, 0, 2, 0x25, 0]);
                } else {
                    fake::serve(packet, stream);
                }
                true
            });
        });
        scope.spawn(|| {
            // It reads nothing after the subscriptions, and sends commands all the time.
            let subscriptions = Arc::new(AtomicUsize::new(0));
            assert_noticed("no connection to ", move |packet, stream| {
                fake::serve(packet, stream);
                if is(0x80, packet) && subscriptions.fetch_add(1, Ordering::Relaxed) == 1 {
                    while stream.write_all(b"\x30\x12\0\x0dled/porch/set\0ON").is_ok() {
                        thread::sleep(Duration::from_millis(10));
                    }
                }
                true
            });
        });
    });
}

#[test]
#[ignore = "takes a minute"]
fn a_controller_that_has_stopped_is_offline_though_nobody_commands_it() {
    let mut online = Online::start();
    online.controllers[0].stop();
    let line = "led/porch/set: no reply within 2s";
    online
        .bridge
        .wait_for_log_within(line, Duration::from_secs(75));
    online.wait_for("offline");
    online.controllers[0].signal(Signal::CONT);
    online.wait_for("online");
}

#[test]
#[ignore = "needs mosquitto"]
fn a_forged_discovery_does_not_lock_the_node_out() {
    let mut online = Online::start();
    let forged = r#"{"device":{"identifiers":["led_other"]}}"#;
    online.client.retain(DISCOVERY, forged);
    online
        .bridge
        .wait_for_log("node porch belongs to the device led_other");
    let line = "node porch belonged to the device led_other, which is offline";
    online.bridge.wait_for_log_within(line, 2 * PATIENCE);
    online.wait_for("online");
}
