//! Commands from everywhere at once, and a bridge that sleeps while nothing happens.

use std::{thread, time::Duration};

use testing::{Random, mqtt::Client, rounds, wait_until, wait_until_idle};

use super::{OFF, ON, SET, STATE, blinking, node::Online};

const VERBS: [&str; 5] = ["ON", "OFF", "TOGGLE", "BLINK 125 125", "BLINK 1 1 1"];

#[test]
#[ignore = "needs mosquitto"]
fn the_last_state_is_retained_after_commands_from_everywhere() {
    let mut online = Online::start();
    let (client, node) = (&mut online.client, &online.node);
    let count = rounds(1000, 10_000);
    // Many short races, each with an end that is compared.
    for round in 0..count / 50 {
        let seed = u64::try_from(round).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut random = Random(seed);
                let mut publisher = Client::connect(online.broker.address, &[]);
                for _ in 0..25 {
                    publisher.publish(SET, verb(&mut random));
                }
            });
            scope.spawn(|| {
                let mut random = Random(!seed);
                for _ in 0..25 {
                    node.leds[0].send(1, verb(&mut random).as_bytes());
                }
            });
        });
        // Behind the commands of the publisher, and behind all of both in the queue. It is refused while too many wait.
        wait_until("all commands are applied", || {
            client.ask(SET, "STATUS").starts_with("OK ")
        });
        let state = match node.led(0).as_str() {
            "on" => ON.to_owned(),
            "off" => OFF.to_owned(),
            "blink 125ms 125ms" => blinking("blink fast"),
            // It ends soon.
            "blink 1ms 1ms, 1 left" => OFF.to_owned(),
            other => panic!("unexpected state {other}"),
        };
        client.wait_for(STATE, &state);
        // Nothing comes after it.
        online.broker.watch().wait_for(STATE, &state);
    }
}

fn verb(random: &mut Random) -> &'static str {
    VERBS[usize::try_from(random.below(5)).unwrap()]
}

#[test]
#[ignore = "needs mosquitto"]
fn bridge_and_controller_sleep_while_nothing_happens() {
    let mut online = Online::start();
    assert_eq!(online.client.ask(SET, "ON"), "OK ON");
    online.node.command(0, &["off"]).assert_printed("off");
    online.client.wait_for(STATE, OFF);
    // The keepalive wakes the bridge up once in 30 s.
    let programs = [&online.bridge, &online.controllers[0]];
    wait_until_idle(&programs, Duration::from_secs(3));
}
