//! Many nodes on one broker. All run on this machine.

use std::{collections::BTreeSet, path::Path, thread, time::Instant};

use testing::mqtt::Client;

use super::{Node, broker, row};
use crate::{idle::SETTLE, process_status::proportional_memory};

/// Numbers of nodes.
const SIZES: [usize; 4] = [10, 100, 1000, 3000];

/// Starts fleets of each size.
pub(crate) fn run(programs: &Path) {
    let memory = SIZES.map(|size| measure(programs, size));
    let marginal =
        |from: usize| (memory[from + 1] - memory[from]) / (SIZES[from + 1] - SIZES[from]) as f64;
    let factor = marginal(1) / marginal(0);
    row(
        "memory of one more node, at 100 to 1000 and at 10 to 100",
        &format!("{:.0} and {:.0} KiB", marginal(1), marginal(0)),
        "≤ 1.2 times",
        factor <= 1.2,
    );
}

/// Returns the memory of all programs of the nodes, in KiB.
fn measure(programs: &Path, size: usize) -> f64 {
    let mut broker = broker();
    let topics = ["led/+/state", "led/+/availability"];
    let mut subscriber = Client::connect(broker.address, &topics);
    let start = Instant::now();
    let nodes: Vec<Node> = (0..size)
        .map(|number| {
            Node::start(
                programs,
                &format!("node{number}"),
                &broker.url(),
                "groups = [\"all-of-them\"]",
            )
        })
        .collect();
    wait_for_all(&mut subscriber, size, "/availability", "online");
    let seconds = |start: Instant| start.elapsed().as_secs_f64();
    let elapsed = seconds(start);
    // The goals are for a thousand nodes: all of them share this machine.
    let limit = |seconds: f64| seconds * (size as f64 / 1000.).max(1.);
    row(
        &format!("{size} nodes started and online"),
        &format!("{elapsed:.2} s"),
        &format!("≤ {} s", limit(10.)),
        elapsed <= limit(10.),
    );
    for state in ["ON", "OFF"] {
        let start = Instant::now();
        subscriber.send("led/group/all-of-them/set", state);
        wait_for_all(
            &mut subscriber,
            size,
            "/state",
            &format!("\"state\":\"{state}\""),
        );
        let elapsed = seconds(start);
        row(
            &format!("{size} nodes, {state} to a group"),
            &format!("{elapsed:.3} s"),
            &format!("≤ {} s", limit(1.)),
            elapsed <= limit(1.),
        );
    }
    thread::sleep(SETTLE);
    let memory: f64 = nodes
        .iter()
        .flat_map(|node| [node.controller.pid(), node.bridge.pid()])
        .map(|pid| proportional_memory(pid) / 1024.)
        .sum();
    row(
        &format!("{size} nodes, memory of all (PSS)"),
        &format!("{:.1} MiB", memory / 1024.),
        "",
        true,
    );
    drop(subscriber);
    broker.kill();
    let start = Instant::now();
    broker.restart();
    let mut subscriber = Client::connect(broker.address, &topics);
    wait_for_all(&mut subscriber, size, "/availability", "online");
    let elapsed = seconds(start);
    row(
        &format!("{size} nodes online after the broker's restart"),
        &format!("{elapsed:.2} s"),
        &format!("≤ {} s", limit(10.)),
        elapsed <= limit(10.),
    );
    births(&mut subscriber, size);
    memory
}

/// Home Assistant starts: each node publishes its discovery, its state and its availability again.
fn births(subscriber: &mut Client, size: usize) {
    let start = Instant::now();
    subscriber.send("homeassistant/status", "online");
    wait_for_all(subscriber, size, "/availability", "online");
    row(
        &format!("{size} nodes published everything again after a birth"),
        &format!("{:.2} s", start.elapsed().as_secs_f64()),
        "",
        true,
    );
}

/// Waits until so many topics with this end have this payload.
fn wait_for_all(subscriber: &mut Client, count: usize, end: &str, payload: &str) {
    let mut topics = BTreeSet::new();
    while topics.len() < count {
        let message = subscriber.next();
        if !message.topic.ends_with(end) {
            continue;
        }
        if message.payload.contains(payload) {
            topics.insert(message.topic);
        } else {
            topics.remove(&message.topic);
        }
    }
}
