//! Many clients and many messages.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use shared::{Message, MessageType};
use testing::{Fixture, Running, SetOnDrop, rounds};

#[test]
fn many_clients_at_once_are_all_served() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let count = rounds(200, 1000);
    let toggle = |_| fixture.client(&["toggle", "--timeout", "60s"]);
    let clients: Vec<Running> = (0..count).map(toggle).collect();
    let mut codes = BTreeMap::new();
    for client in clients {
        *codes.entry(client.wait().code).or_insert(0) += 1;
    }
    let changes = fixture.exit(controller).out.lines().count();
    println!("{count} clients at once: exit statuses {codes:?}");
    let served = codes.remove(&Some(0)).unwrap_or(0);
    codes.remove(&Some(6));
    assert_eq!(codes.len(), 0, "{codes:?}");
    // Turned off at the end, if it was on.
    assert_eq!(changes, served + served % 2);
}

#[test]
fn a_flood_does_not_grow_the_memory_and_other_clients_are_served() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    let peak = || controller.peak_memory();
    let is_over = AtomicBool::new(false);
    let (mut latencies, mut full, mut lost) = (Vec::new(), 0, 0);
    let flood_queue = |fixture: &Fixture| {
        let (queue, mut sent) = (fixture.queue(), 0_u64);
        let texts = [&b"junk"[..], b"ON\0reply=99\0", b"", &[0xff; 300]];
        let junk = texts.map(|text| Message::<512>::new(MessageType::LED, text).unwrap());
        while !is_over.load(Ordering::Relaxed) {
            let next = &junk[usize::try_from(sent % 4).unwrap()];
            sent += u64::from(queue.try_send(next).is_ok());
        }
        sent
    };
    let (mut before, mut sent) = (0, 0);
    thread::scope(|threads| {
        let _end = SetOnDrop(&is_over);
        let flood = threads.spawn(|| flood_queue(&fixture));
        let start = Instant::now();
        let time = Duration::from_secs(rounds(2, 60) as u64);
        while start.elapsed() < time || latencies.is_empty() {
            let sent_at = Instant::now();
            match fixture.command(&["toggle", "--timeout", "2s"]).code {
                Some(0) => latencies.push(sent_at.elapsed()),
                Some(6) => full += 1,
                // The replies to the flood push out the oldest ones: a client that the scheduler stops before it sleeps in
                // msgrcv(2) loses its own.
                Some(5) => lost += 1,
                code => panic!("{code:?}"),
            }
            // When all code has run once.
            if before == 0 && start.elapsed() > time / 10 {
                before = peak();
            }
        }
        is_over.store(true, Ordering::Relaxed);
        sent = flood.join().unwrap();
    });
    let after = peak();
    latencies.sort();
    let percentile = |hundredths: usize| latencies[(latencies.len() - 1) * hundredths / 100];
    println!(
        "flood: {sent} messages; other client: {} served, {full} refused as full, {lost} replies lost, p50 {:?}, p99 {:?}; VmHWM {before} kB, then {after} kB",
        latencies.len(),
        percentile(50),
        percentile(99)
    );
    let log = fixture.terminate(controller).err;
    let refused = log.matches("refused, ").count();
    assert!(refused <= 100 * rounds(1, 2), "{refused} lines");
    // The kernel counts pages in batches. A leak of a byte for each message would be more.
    assert!(after <= before + 1024, "{before} kB, then {after} kB");
}
