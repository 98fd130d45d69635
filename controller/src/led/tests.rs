use std::{
    sync::mpsc::{Receiver, Sender, channel},
    time::Duration,
};

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

/// Reports each change, takes its time for it, and fails when none are left.
struct Probe {
    changes: Sender<(OnOff, Instant)>,
    costs: Vec<Duration>,
    left: u32,
}

impl Output for Probe {
    fn set(&mut self, level: OnOff) -> io::Result<()> {
        self.left = self.left.checked_sub(1).ok_or(io::ErrorKind::BrokenPipe)?;
        let _ = self.changes.send((level, Instant::now()));
        thread::sleep(self.costs.pop().unwrap_or_default());
        Ok(())
    }
}

fn blink(on: u64, off: u64, count: Option<u32>) -> Blink {
    Blink::new(Duration::from_millis(on), Duration::from_millis(off), count).unwrap()
}

/// An LED whose output takes so long for its first changes, the last one first.
fn led(costs: Vec<Duration>, left: u32) -> (Led, Receiver<(OnOff, Instant)>) {
    let (sender, changes) = channel();
    (
        Led::new(
            Box::new(Probe {
                changes: sender,
                costs,
                left,
            }),
            OnOff::Off,
        ),
        changes,
    )
}

fn next(changes: &Receiver<(OnOff, Instant)>) -> OnOff {
    changes.recv_timeout(PATIENCE).unwrap().0
}

fn wait_for(led: &Led, state: State) {
    let start = Instant::now();
    while led.state() != state {
        assert!(start.elapsed() < PATIENCE, "{:?}", led.state());
        thread::yield_now();
    }
}

#[test]
fn it_flashes_as_often_as_requested_and_is_off_then() {
    let (mut led, changes) = led(vec![], u32::MAX);
    led.blink(blink(1, 1, Some(3))).unwrap();
    let all: Vec<OnOff> = (0..6).map(|_| next(&changes)).collect();
    assert_eq!(
        all,
        [
            OnOff::On,
            OnOff::Off,
            OnOff::On,
            OnOff::Off,
            OnOff::On,
            OnOff::Off
        ]
    );
    wait_for(&led, State::Off);
    assert!(changes.try_recv().is_err());
}

#[test]
fn it_stops_at_once_in_a_long_phase() {
    let (mut led, changes) = led(vec![], u32::MAX);
    led.blink(blink(3_600_000, 1, None)).unwrap();
    assert_eq!(led.state(), State::Blink(blink(3_600_000, 1, None)));
    led.set(OnOff::Off).unwrap();
    led.blink(blink(1, 3_600_000, Some(7))).unwrap();
    wait_for(&led, State::Blink(blink(1, 3_600_000, Some(6))));
    led.toggle().unwrap();
    assert_eq!(led.state(), State::Off);
    drop(led);
    let all: Vec<OnOff> = changes.iter().map(|(level, _)| level).collect();
    assert_eq!(
        all,
        [OnOff::On, OnOff::Off, OnOff::On, OnOff::Off, OnOff::Off]
    );
}

#[test]
fn a_new_blink_replaces_one_that_runs() {
    let (mut led, changes) = led(vec![], u32::MAX);
    for _ in 0..100 {
        led.blink(blink(1, 1, None)).unwrap();
    }
    led.blink(blink(3_600_000, 1, None)).unwrap();
    led.set(OnOff::On).unwrap();
    drop(led);
    assert_eq!(changes.iter().last().unwrap().0, OnOff::On);
}

#[test]
fn after_an_error_it_stays_as_it_was() {
    let (mut led, changes) = led(vec![], 3);
    led.blink(blink(1, 1, None)).unwrap();
    assert_eq!(
        [next(&changes), next(&changes), next(&changes)],
        [OnOff::On, OnOff::Off, OnOff::On]
    );
    wait_for(&led, State::On);
    assert!(led.set(OnOff::Off).is_err());
    assert_eq!(led.state(), State::On);
}

#[test]
fn an_output_that_is_slower_than_a_phase_does_not_delay_other_commands() {
    let (mut led, changes) = led(vec![Duration::from_millis(5); 100_000], u32::MAX);
    for _ in 0..20 {
        led.blink(blink(1, 1, None)).unwrap();
        assert_eq!([next(&changes), next(&changes)], [OnOff::On, OnOff::Off]);
        assert_eq!(led.state(), State::Blink(blink(1, 1, None)));
        led.set(OnOff::Off).unwrap();
        assert_eq!(led.state(), State::Off);
        while changes.try_recv().is_ok() {}
    }
}

#[test]
fn the_duration_of_changes_does_not_accumulate() {
    let period = Duration::from_millis(50);
    let (mut led, changes) = led(vec![Duration::from_millis(1); 100], u32::MAX);
    led.blink(blink(25, 25, Some(18))).unwrap();
    let edges = changes
        .iter()
        .filter(|(level, _)| *level == OnOff::On)
        .map(|(_, at)| at)
        .skip(1);
    let edges: Vec<Instant> = edges.take(16).collect();
    // If it accumulated, the later edges would be off the beat of the earlier ones by 12 ms and more. One pair that is on
    // the beat is enough: a loaded machine delays single edges.
    let pairs = edges[..5]
        .iter()
        .flat_map(|early| edges[10..].iter().map(move |late| (early, late)));
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
    let (mut led, changes) = led(vec![Duration::from_millis(500), Duration::ZERO], u32::MAX);
    led.blink(blink(10, 10, None)).unwrap();
    let edges: Vec<Instant> = changes.iter().map(|(_, at)| at).skip(1).take(22).collect();
    let total = edges[21].duration_since(edges[1]);
    assert!(total > Duration::from_millis(100), "{total:?}");
}
