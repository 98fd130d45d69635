//! Brokers that refuse or hold up messages do not keep the bridge busy.

use std::{
    fs,
    io::Write,
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use testing::{
    Running,
    mqtt::{
        Fake, Properties,
        fake::{self, Packet},
    },
    wait_until,
};

use super::{DISCOVERY, STATE, node::Node};

/// How long the time of the processor is measured.
const SPAN: Duration = Duration::from_secs(3);
/// A tenth of that, in the ticks of proc_pid_stat(5).
const TICKS_MAX: u64 = 30;

/// The time of the processor that a process takes within [`SPAN`], in ticks.
fn ticks_within_span(process: &Running) -> u64 {
    let ticks = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.pid())).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let times = fields.split_ascii_whitespace().skip(11).take(2);
        times.map(|time| time.parse::<u64>().unwrap()).sum::<u64>()
    };
    let before = ticks();
    thread::sleep(SPAN);
    ticks() - before
}

/// A bridge of a node without a controller, with a broker that serves so.
fn start(
    serve: impl FnMut(Packet<'_>, &mut TcpStream) -> bool + Clone + Send + 'static,
) -> (Node, Running) {
    let node = Node::new(&Fake::start(serve).url(), "", &[]);
    let bridge = node.start();
    (node, bridge)
}

#[test]
fn it_sleeps_while_a_broker_refuses_everything() {
    let states = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&states);
    let (node, bridge) = start(move |packet, stream| {
        match fake::topic(packet) {
            Some(topic) => {
                seen.fetch_add(usize::from(topic == STATE), Ordering::Relaxed);
                fake::refuse(packet, 0x87, stream);
            }
            None => fake::serve(packet, stream),
        }
        true
    });
    bridge.wait_for_log("the broker refused ");
    // Its availability waits for its state, which is never retained.
    let _controller = node.controller(0, &[]);
    wait_until("a state is refused again and again", || {
        states.load(Ordering::Relaxed) >= 3
    });
    let ticks = ticks_within_span(&bridge);
    assert!(ticks < TICKS_MAX, "{ticks}");
}

#[test]
fn it_sleeps_if_home_assistant_starts_before_it_serves() {
    let (_node, bridge) = start(move |packet, stream| {
        if packet.0 & 0xf0 == 0x80 {
            let properties = Properties::default();
            fake::send("homeassistant/status", "online", properties, stream);
        } else {
            fake::serve(packet, stream);
        }
        true
    });
    bridge.wait_for_log("connected to ");
    // The time after which everything is published again.
    thread::sleep(SPAN);
    let ticks = ticks_within_span(&bridge);
    assert!(ticks < TICKS_MAX, "{ticks}");
}

#[test]
fn a_broker_that_takes_one_message_after_the_other_is_not_given_up() {
    let topics = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&topics);
    let fake = Fake::start(move |packet, stream| {
        if packet.0 == 0x10 {
            // CONNACK with Receive Maximum 1.
            let _ = stream.write_all(&[0x20, 6, 0, 0, 3, 0x21, 0, 1]);
            return true;
        }
        if let Some(topic) = fake::topic(packet) {
            thread::sleep(Duration::from_millis(1200));
            seen.lock().unwrap().push(topic);
        }
        fake::serve(packet, stream);
        true
    });
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let node = Node::new(&fake.url(), "", &names);
    let bridge = node.start();
    // Its discovery, its availability, and that of each LED: longer than an acknowledgement may take.
    wait_until("all is retained", || {
        topics.lock().unwrap().len() >= names.len() + 2
    });
    let log: String = bridge.logged().collect();
    assert!(!log.contains("no connection"), "{log}");
}

#[test]
fn a_forged_discovery_that_would_take_too_long_to_remove_is_replaced() {
    let discoveries = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&discoveries);
    let components: String = (0..400).map(|number| format!("\"{number}\":1,")).collect();
    let forged = format!(
        "{{\"components\":{{{}}}}}",
        components.trim_end_matches(',')
    );
    let fake = Fake::start(move |packet, stream| {
        match packet.0 & 0xf0 {
            // CONNACK with Maximum Packet Size 4096.
            0x10 => drop(stream.write_all(&[0x20, 8, 0, 0, 5, 0x27, 0, 0, 0x10, 0])),
            0x80 => {
                let properties = Properties {
                    is_retained: true,
                    ..Properties::default()
                };
                fake::send(DISCOVERY, &forged, properties, stream);
                fake::serve(packet, stream);
            }
            _ => {
                if fake::topic(packet).as_deref() == Some(DISCOVERY) {
                    let text = String::from_utf8_lossy(packet.1).into_owned();
                    seen.lock().unwrap().push(text);
                }
                fake::serve(packet, stream);
            }
        }
        true
    });
    let node = Node::new(&fake.url(), "", &[]);
    let _bridge = node.start();
    wait_until("the discovery is published", || {
        let discoveries = discoveries.lock().unwrap();
        discoveries
            .iter()
            .any(|text| text.contains("led/porch/set"))
    });
}
