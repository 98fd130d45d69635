//! The LED: on, off, or blinking.

use std::{
    ops::Range,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use controller::{Led, OnOff};
use shared::{Blink, State};
use testing::wait_until;

use crate::fake::{Fake, Recording, WORKS, lock};

fn blink(on: u64, off: u64, count: Option<u32>) -> Blink {
    Blink::new(Duration::from_millis(on), Duration::from_millis(off), count).unwrap()
}

/// An LED with an output whose first changes take so long, the last one first, and which fails in these calls.
fn led(costs: Vec<Duration>, failures: Range<usize>) -> (Led, Arc<Mutex<Recording>>) {
    let recording = Arc::new(Mutex::new(Recording {
        costs,
        failures,
        ..Recording::default()
    }));
    let output = Fake(Arc::clone(&recording));
    (Led::new(Box::new(output), OnOff::Off), recording)
}

fn wait_for_changes(recording: &Mutex<Recording>, count: usize) {
    wait_until("the LED changes", || lock(recording).changes.len() >= count);
}

fn wait_for(led: &Led, state: State) {
    wait_until("the state", || led.state() == state);
}

#[test]
fn it_flashes_as_often_as_requested_and_is_off_then() {
    let (mut led, recording) = led(vec![], WORKS);
    led.blink(blink(1, 1, Some(3))).unwrap();
    wait_for(&led, State::Off);
    drop(led);
    let changes = ["on", "off", "on", "off", "on", "off", "released"];
    assert_eq!(lock(&recording).changes, changes);
}

#[test]
fn it_stops_at_once_in_a_long_phase() {
    let (mut led, recording) = led(vec![], WORKS);
    led.blink(blink(3_600_000, 1, None)).unwrap();
    assert_eq!(led.state(), State::Blink(blink(3_600_000, 1, None)));
    led.set(OnOff::Off).unwrap();
    led.blink(blink(1, 3_600_000, Some(7))).unwrap();
    wait_for(&led, State::Blink(blink(1, 3_600_000, Some(6))));
    led.toggle().unwrap();
    assert_eq!(led.state(), State::Off);
    drop(led);
    let changes = ["on", "off", "on", "off", "off", "released"];
    assert_eq!(lock(&recording).changes, changes);
}

#[test]
fn a_new_blink_replaces_one_that_runs() {
    let (mut led, recording) = led(vec![], WORKS);
    for _ in 0..100 {
        led.blink(blink(1, 1, None)).unwrap();
    }
    led.blink(blink(3_600_000, 1, None)).unwrap();
    led.set(OnOff::On).unwrap();
    drop(led);
    assert!(lock(&recording).changes.ends_with(&["on", "released"]));
}

#[test]
fn after_an_error_it_stays_as_it_was() {
    let (mut led, recording) = led(vec![], 3..usize::MAX);
    led.blink(blink(1, 1, None)).unwrap();
    wait_for(&led, State::On);
    assert!(led.set(OnOff::Off).is_err());
    assert_eq!(led.state(), State::On);
    assert_eq!(lock(&recording).changes, ["on", "off", "on"]);
}

#[test]
fn an_output_that_is_slower_than_a_phase_does_not_delay_other_commands() {
    let (mut led, recording) = led(vec![Duration::from_millis(5); 100_000], WORKS);
    for _ in 0..20 {
        led.blink(blink(1, 1, None)).unwrap();
        wait_for_changes(&recording, 2);
        assert_eq!(led.state(), State::Blink(blink(1, 1, None)));
        led.set(OnOff::Off).unwrap();
        assert_eq!(led.state(), State::Off);
        let changes = std::mem::take(&mut lock(&recording).changes);
        assert_eq!(changes[..2], ["on", "off"]);
    }
}

#[test]
fn the_duration_of_changes_does_not_accumulate() {
    let period = Duration::from_millis(50);
    let (mut led, recording) = led(vec![Duration::from_millis(1); 100], WORKS);
    led.blink(blink(25, 25, Some(18))).unwrap();
    wait_for_changes(&recording, 34);
    // When it was turned on.
    let edges: Vec<Instant> = lock(&recording).times.iter().copied().step_by(2).collect();
    // If it accumulated, the later edges would be off the beat of the earlier ones by 12 ms and more. One pair that is on
    // the beat is enough: a loaded machine delays single edges.
    let pairs = edges[1..6]
        .iter()
        .flat_map(|early| edges[11..17].iter().map(move |late| (early, late)));
    let off_beat = pairs.map(|(early, late)| {
        let late = late.duration_since(*early).as_micros() % period.as_micros();
        late.min(period.as_micros() - late)
    });
    let least = off_beat.min().unwrap();
    assert!(least < period.as_micros() / 5, "{least} µs");
}

#[test]
fn missed_flashes_are_left_out() {
    // The second change takes 500 ms; 20 more are ten periods.
    let costs = [Duration::from_millis(500), Duration::ZERO];
    let (mut led, recording) = led(costs.into(), WORKS);
    led.blink(blink(10, 10, None)).unwrap();
    wait_for_changes(&recording, 23);
    let edges = lock(&recording).times.clone();
    let total = edges[22].duration_since(edges[2]);
    assert!(total > Duration::from_millis(100), "{total:?}");
}
