//! Many commands at once: the last one counts.

use std::thread;

use testing::{
    Random,
    mqtt::{Client, Properties},
    rounds, wait_until,
};

use super::{OFF, ON, SET, STATE, blinking, node::Online};

/// Commands that end in a state whatever the state before, and that state.
fn last_words() -> [(&'static str, String); 3] {
    [
        ("ON", ON.into()),
        ("OFF", OFF.into()),
        ("BLINK 125 125", blinking("blink fast")),
    ]
}

#[test]
#[ignore = "needs mosquitto"]
fn the_last_message_of_a_burst_is_the_state_of_the_led() {
    let mut online = Online::start();
    for round in 0..rounds(15, 100) {
        let (last, state) = &last_words()[round % 3];
        let payloads = ["TOGGLE", "ON", "BLINK 20 20", "OFF"].repeat(25);
        let mut publisher = Client::connect(online.broker.address, &["test/response"]);
        // Without waiting for acknowledgements, which would spread them.
        for payload in payloads.iter().chain([last]) {
            publisher.send(SET, payload);
        }
        // Behind all of them, as it is of the same client.
        assert_eq!(publisher.ask(SET, "STATUS"), format!("OK {last}"));
        online.client.wait_for(STATE, state);
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn a_command_that_was_replaced_is_answered_at_once() {
    let mut online = Online::start();
    online.hold_up();
    let properties = Properties {
        response_topic: Some("test/response"),
        ..Properties::default()
    };
    for payload in ["BLINK 500 500", "TOGGLE", "ON"] {
        online.client.publish_with(SET, payload, properties);
    }
    let mut response = || online.client.next_on("test/response").payload;
    for _ in 0..2 {
        assert_eq!(response(), "ERR replaced: a later command took its place");
    }
    assert_eq!(
        response(),
        "ERR the controller does not reply; nothing was sent"
    );
}

#[test]
#[ignore = "needs mosquitto"]
fn ten_thousand_messages_are_folded_in_bounded_memory() {
    let online = Online::start();
    let before = online.bridge.peak_memory();
    let mut publisher = Client::connect(online.broker.address, &[]);
    let payloads = ["TOGGLE", "ON", "BLINK 20 20", "OFF", "STATUS", "DIM"].repeat(1700);
    publisher.publish_all(SET, &payloads, Properties::default());
    publisher.publish(SET, "BLINK 500 500");
    wait_until("the last one is applied", || {
        online.node.led(0) == "blink 500ms 500ms"
    });
    let after = online.bridge.peak_memory();
    assert!(
        after < before + 4096,
        "{before} kB before, {after} kB after"
    );
}

#[test]
#[ignore = "needs mosquitto"]
fn bursts_of_several_publishers_and_the_queue_end_in_the_last_state() {
    let mut online = Online::start();
    for round in 0..rounds(20, 100) {
        let seed = u64::try_from(round).unwrap();
        thread::scope(|scope| {
            for publisher in 0..3 {
                let (address, mut random) = (online.broker.address, Random(seed * 3 + publisher));
                scope.spawn(move || {
                    let mut client = Client::connect(address, &[]);
                    let payloads: Vec<&str> = (0..50).map(|_| verb(&mut random)).collect();
                    client.publish_all(SET, &payloads, Properties::default());
                });
            }
            scope.spawn(|| {
                let mut random = Random(!seed);
                for _ in 0..50 {
                    online.node.leds[0].send(1, verb(&mut random).as_bytes());
                }
            });
        });
        // Behind all of them.
        assert!(online.client.ask(SET, "STATUS").starts_with("OK "));
        // A FLASH ends in what was before it.
        wait_until("no flash is left", || !online.node.led(0).contains("left"));
        let dimmed = |state: &str| state.replace("100", "40");
        let blinking = blinking("blink fast");
        let state = match online.node.led(0).as_str() {
            "off" => OFF.to_owned(),
            "blink 125ms 125ms" => blinking,
            "blink 125ms 125ms, 40%" => dimmed(&blinking),
            "on" => ON.to_owned(),
            "on 40%" => dimmed(ON),
            other => panic!("unexpected state {other}"),
        };
        wait_until("it is retained", || {
            online.broker.retained()[STATE] == state
        });
    }
}

fn verb(random: &mut Random) -> &'static str {
    let verbs = [
        "ON",
        "OFF",
        "TOGGLE",
        "BLINK 125 125",
        "ON 40",
        "ON 100",
        "FLASH 5 5 1",
    ];
    verbs[usize::try_from(random.below(7)).unwrap()]
}
