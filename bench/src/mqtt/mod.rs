//! `led-mqtt` with a real broker: latency, rate, memory, and a fleet of nodes.

mod fleet;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use testing::{
    Fixture, Running,
    mqtt::{Authority, Broker, Client, Properties, Validity},
    wait_until,
};

use crate::{idle::SETTLE, process_status::peak_memory};

/// Commands, one at a time, in a sample of the rate.
const COMMANDS: usize = 2000;
/// Messages in a burst.
const BURST: usize = 10_000;
/// Changes in a sample of the latency.
const CHANGES: usize = 200;
/// How long to be idle.
const REST: Duration = Duration::from_secs(10);

const STATE: &str = "led/bench/state";
/// Commands that alternate, each with the state after it.
const TURNS: [(&str, &str); 2] = [
    ("ON", r#"{"brightness":100,"effect":"off","state":"ON"}"#),
    ("OFF", r#"{"effect":"off","state":"OFF"}"#),
];

/// A node: a controller with a simulated LED, and its led-mqtt.
struct Node {
    bridge: Running,
    controller: Running,
    /// Dropped last: a controller creates queues that are removed again.
    fixture: Fixture,
}

impl Node {
    /// Starts the programs in these directories.
    fn start(programs: &Path, name: &str, broker: &str, settings: &str) -> Node {
        let fixture = Fixture::new();
        let mut controller = Command::new(programs.join("controller"));
        fixture.configure(&mut controller);
        let controller = Running::start_silent(controller.arg("--simulate").stdout(Stdio::null()));
        let config = fixture.path().join("mqtt.toml");
        let key = fixture.key;
        let text =
            format!("broker = \"{broker}\"\nnode = \"{name}\"\n{settings}\n[[led]]\nkey = {key}\n");
        fs::write(&config, text).expect("the configuration can be written");
        let mut bridge = Command::new(programs.join("led-mqtt"));
        bridge
            .env("LED_LOCK_DIRECTORY", fixture.path())
            .arg("--config")
            .arg(config);
        let bridge = Running::start_silent(&mut bridge);
        Node {
            bridge,
            controller,
            fixture,
        }
    }
}

/// Without a delay of its own, and with room for the messages of a fleet.
const SETTINGS: &str = "set_tcp_nodelay true\nmax_queued_messages 0\n";

fn broker() -> Broker {
    let mut broker = Broker::absent();
    broker.configure(SETTINGS);
    broker.restart();
    broker
}

/// Prints one line for each measurement.
pub(crate) fn run(programs: &str) {
    let programs = Path::new(programs);
    let broker = broker();
    let node = Node::start(programs, "bench", &broker.url(), "");
    let topics = [STATE, "led/bench/availability"];
    let mut subscriber = Client::connect(broker.address, &topics);
    subscriber.wait_for("led/bench/availability", "online");
    latency_of_changes(&node, &mut subscriber);
    latency_of_commands(&mut subscriber);
    rate(&mut subscriber);
    burst(&node, &broker);
    drop(subscriber);
    idle(&node);
    drop((node, broker));
    with_tls(programs);
    fleet::run(programs);
}

/// From the message on the queue until the subscriber has the state.
fn latency_of_changes(node: &Node, subscriber: &mut Client) {
    let queue = node.fixture.queue();
    let mut times = Vec::new();
    for number in 0..CHANGES {
        let (text, state) = TURNS[number % 2];
        let message: shared::Message =
            shared::Message::new(shared::MessageType::LED, text.as_bytes()).expect("it fits");
        let start = Instant::now();
        queue.send(&message).expect("the queue exists");
        subscriber.wait_for(STATE, state);
        times.push(start.elapsed());
        // Not back to back, which is another measurement.
        thread::sleep(Duration::from_millis(5));
    }
    print_times(
        "local change to state topic",
        &mut times,
        Duration::from_millis(2),
    );
}

fn latency_of_commands(subscriber: &mut Client) {
    let mut times = Vec::new();
    for number in 0..CHANGES {
        let (text, state) = TURNS[number % 2];
        let start = Instant::now();
        subscriber.send("led/bench/set", text);
        subscriber.wait_for(STATE, state);
        times.push(start.elapsed());
        thread::sleep(Duration::from_millis(5));
    }
    print_times(
        "command to state topic",
        &mut times,
        Duration::from_millis(2),
    );
}

fn rate(subscriber: &mut Client) {
    let start = Instant::now();
    for number in 0..COMMANDS {
        let (text, state) = TURNS[number % 2];
        subscriber.send("led/bench/set", text);
        subscriber.wait_for(STATE, state);
    }
    let rate = COMMANDS as f64 / start.elapsed().as_secs_f64();
    row(
        "commands, one at a time",
        &format!("{rate:.0}/s"),
        "≥ 2000/s",
        rate >= 2000.,
    );
}

/// Messages without a pause: they are folded, and the last one counts.
fn burst(node: &Node, broker: &Broker) {
    let payloads = ["TOGGLE", "ON", "BLINK 20 20", "OFF"].repeat(BURST / 4);
    let mut publisher = Client::connect(broker.address, &[STATE]);
    let (before, start) = (node.bridge.peak_memory(), Instant::now());
    publisher.publish_all("led/bench/set", &payloads, Properties::default());
    publisher.publish("led/bench/set", "ON");
    publisher.wait_for(STATE, TURNS[0].1);
    let seconds = start.elapsed().as_secs_f64();
    row(
        &format!("{BURST} messages in a burst"),
        &format!("{seconds:.2} s"),
        "",
        true,
    );
    let memory = node.bridge.peak_memory() - before;
    row(
        "memory that they take",
        &format!("{memory} KiB"),
        "≤ 1024 KiB",
        memory <= 1024,
    );
}

fn idle(node: &Node) {
    thread::sleep(SETTLE);
    let switches = || -> u64 {
        [&node.bridge, &node.controller]
            .iter()
            .flat_map(|process| process.context_switches())
            .sum()
    };
    let before = switches();
    thread::sleep(REST);
    let switches = switches() - before;
    row(
        "context switches in 10 s, idle",
        &switches.to_string(),
        "0",
        switches == 0,
    );
    memory("led-mqtt, VmHWM", node);
}

fn memory(what: &str, node: &Node) {
    let memory = peak_memory(node.bridge.pid()) / 1024.;
    row(
        what,
        &format!("{memory:.0} KiB"),
        "≤ 4096 KiB",
        memory <= 4096.,
    );
}

fn with_tls(programs: &Path) {
    let mut broker = Broker::absent();
    let ca = Authority::new(broker.path(), "ca");
    let (host, path) = (broker.address.ip(), broker.path().display());
    ca.sign("broker", &format!("IP:{host}"), Validity::Valid);
    ca.sign("node", "DNS:node", Validity::Valid);
    broker.configure(&format!(
        "{SETTINGS}cafile {path}/ca.pem\ncertfile {path}/broker.pem\nkeyfile {path}/broker.key\nrequire_certificate true"
    ));
    let own = format!(
        "ca = \"{path}/ca.pem\"\ncertificate = \"{path}/node.pem\"\nprivate_key = \"{path}/node.key\""
    );
    let url = format!("mqtts://{}", broker.address);
    broker.restart();
    let node = Node::start(programs, "bench", &url, &own);
    wait_until("the bridge is connected", || {
        broker.connections("led-bench") > 0
    });
    thread::sleep(SETTLE);
    memory("led-mqtt with TLS and a client certificate, VmHWM", &node);
}

fn print_times(what: &str, times: &mut [Duration], goal: Duration) {
    times.sort();
    let median = times[times.len() / 2];
    let last = times[times.len() * 99 / 100];
    row(
        what,
        &format!("{median:.2?} (p99 {last:.2?})"),
        &format!("≤ {goal:?}"),
        median <= goal,
    );
}

/// Prints a row, with its goal and whether it is met.
fn row(what: &str, value: &str, goal: &str, is_met: bool) {
    let verdict = match (goal, is_met) {
        ("", _) => "",
        (_, true) => "ok",
        (_, false) => "short",
    };
    println!(
        "{}",
        format!("{what:58} {value:>28}  {goal:14} {verdict}").trim_end()
    );
}
