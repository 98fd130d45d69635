mod light;

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    time::Duration,
};

use shared::Blink;

use super::*;

const MS: Duration = Duration::from_millis(1);

/// Reports each change, and fails at those with these numbers, from 0.
struct Probe {
    brightest: u32,
    changes: Sender<u32>,
    count: u32,
    fails: &'static [u32],
}

impl Output for Probe {
    fn brightest(&self) -> u32 {
        self.brightest
    }

    fn set(&mut self, level: u32) -> io::Result<()> {
        self.count += 1;
        if self.fails.contains(&(self.count - 1)) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let _ = self.changes.send(level);
        Ok(())
    }
}

fn blink(on: u32, off: u32, count: Option<u32>) -> Blink {
    Blink::new(on * MS, off * MS, count).unwrap()
}

fn led(fails: &'static [u32]) -> (Led, Receiver<u32>) {
    led_with(1, fails)
}

fn led_with(brightest: u32, fails: &'static [u32]) -> (Led, Receiver<u32>) {
    let (changes, receiver) = channel();
    let probe = Probe {
        brightest,
        changes,
        count: 0,
        fails,
    };
    (Led::new(Box::new(probe), State::Off), receiver)
}

/// Lets it change until it does not blink, or so many times. Returns the times of the changes since this instant.
fn run(led: &mut Led, start: Instant, times: usize) -> Vec<Duration> {
    let due = std::iter::from_fn(|| {
        let due = led.due()?;
        led.tick(due).unwrap();
        Some(due - start)
    });
    due.take(times).collect()
}

#[test]
fn it_flashes_as_often_as_requested_and_is_off_then() {
    let ((mut led, changes), start) = (led(&[]), Instant::now());
    let state = led.blink(blink(3, 5, Some(3)), start).unwrap();
    assert_eq!(state, State::Blink(blink(3, 5, Some(3))).into());
    let times = run(&mut led, start, 100);
    assert_eq!(times, [3, 8, 11, 16, 19].map(|ms| ms * MS));
    assert_eq!((led.light(), led.due()), (State::Off.into(), None));
    let flash = [1, 0];
    assert_eq!(changes.try_iter().collect::<Vec<_>>(), flash.repeat(3));
}

#[test]
fn the_state_has_the_number_of_flashes_left() {
    let ((mut led, _), start) = (led(&[]), Instant::now());
    led.blink(blink(1, 1, Some(2)), start).unwrap();
    let states = [
        State::Blink(blink(1, 1, Some(1))),
        State::Blink(blink(1, 1, Some(1))),
        State::Off,
    ];
    for state in states {
        assert_eq!(led.tick(led.due().unwrap()).unwrap(), state.into());
        assert_eq!(led.light().state, state);
    }
}

#[test]
fn each_command_ends_blinking_in_either_phase() {
    for (is_toggle, state) in [(true, State::Off), (false, State::On)] {
        for phase in 0..2 {
            let ((mut led, _), start) = (led(&[]), Instant::now());
            led.blink(blink(3_600_000, 3_600_000, None), start).unwrap();
            run(&mut led, start, phase);
            let set = if is_toggle {
                led.toggle()
            } else {
                led.on(None, None)
            };
            assert_eq!(set.unwrap(), state.into());
            assert_eq!((led.light(), led.due()), (state.into(), None));
            assert_eq!(led.tick(start).unwrap(), state.into(), "nothing is due");
        }
    }
}

#[test]
fn a_new_blink_replaces_one_that_runs() {
    let ((mut led, _), start) = (led(&[]), Instant::now());
    led.blink(blink(1, 1, None), start).unwrap();
    led.blink(blink(5, 1, None), start + 2 * MS).unwrap();
    assert_eq!(led.light().state, State::Blink(blink(5, 1, None)));
    assert_eq!(run(&mut led, start, 2), [7 * MS, 8 * MS]);
}

#[test]
fn an_error_ends_blinking_and_leaves_the_led_as_it_was() {
    for (fails, state) in [(&[1][..], State::On), (&[2], State::Off)] {
        let ((mut led, _), start) = (led(fails), Instant::now());
        led.blink(blink(1, 1, None), start).unwrap();
        let failed = (0..2).find_map(|_| led.tick(led.due().unwrap()).err());
        assert!(failed.is_some());
        assert_eq!((led.light(), led.due()), (state.into(), None));
    }
}

#[test]
fn a_blink_after_an_error_of_the_last_one_blinks() {
    let ((mut led, changes), start) = (led(&[1, 2]), Instant::now());
    led.blink(blink(1, 1, None), start).unwrap();
    led.tick(start + MS).unwrap_err();
    assert!(led.blink(blink(1, 1, None), start).is_err());
    assert_eq!((led.light(), led.due()), (State::On.into(), None));
    led.blink(blink(1, 1, Some(2)), start).unwrap();
    assert_eq!(run(&mut led, start, 100).len(), 3);
    assert_eq!(changes.try_iter().last(), Some(0));
}

#[test]
fn late_changes_do_not_move_the_later_ones() {
    let ((mut led, _), start) = (led(&[]), Instant::now());
    led.blink(blink(25, 25, None), start).unwrap();
    for change in 1..100 {
        let due = led.due().unwrap();
        assert_eq!(due, start + change * 25 * MS);
        led.tick(due + 20 * MS).unwrap();
    }
}

#[test]
fn missed_flashes_are_left_out() {
    let ((mut led, _), start) = (led(&[]), Instant::now());
    led.blink(blink(10, 10, Some(3)), start).unwrap();
    // It was stopped for an hour, and a part of a flash.
    led.tick(start + Duration::from_secs(3600) + 5 * MS)
        .unwrap();
    assert_eq!(led.light().state, State::Blink(blink(10, 10, Some(2))));
    let next = led.due().unwrap() - start;
    assert_eq!(next, Duration::from_secs(3600));
}
