//! Brightness, fades and flashes.

use shared::Fade;

use super::*;

fn brightness(percent: u32) -> Brightness {
    Brightness::new(percent).unwrap()
}

fn light(state: State, percent: u32) -> Light {
    Light {
        state,
        brightness: brightness(percent),
    }
}

fn fade(ms: u32, begin: Instant) -> Option<(Fade, Instant)> {
    Some((Fade::new(ms * MS).unwrap(), begin))
}

#[test]
fn the_last_brightness_comes_back_and_blinking_uses_it() {
    let ((mut led, changes), now) = (led_with(255, &[]), Instant::now());
    assert_eq!(led.levels(), 256);
    assert_eq!(led.on(None, None).unwrap(), light(State::On, 100));
    let dimmed = led.on(Some(brightness(40)), None).unwrap();
    assert_eq!(dimmed, light(State::On, 40));
    assert_eq!(led.off(None).unwrap(), light(State::Off, 40));
    assert_eq!(led.toggle().unwrap(), dimmed);
    led.blink(blink(1, 1, None), now).unwrap();
    run(&mut led, now, 2);
    assert_eq!(led.light(), light(State::Blink(blink(1, 1, None)), 40));
    let levels: Vec<u32> = changes.try_iter().collect();
    assert_eq!(levels, [255, 102, 0, 102, 102, 0, 102]);
}

/// Runs a fade to its end. Returns the times of its steps and their levels.
fn run_fade(led: &mut Led, changes: &Receiver<u32>, start: Instant) -> Vec<(Duration, u32)> {
    let times = run(led, start, 1_000_000);
    let levels: Vec<u32> = changes.try_iter().collect();
    assert_eq!(times.len(), levels.len());
    times.into_iter().zip(levels).collect()
}

#[test]
fn a_fade_is_linear_and_ends_exactly_at_its_target_and_at_its_end() {
    for brightest in [2, 3, 10, 100, 255, 1000, u32::MAX] {
        for ms in [1, 19, 20, 39, 41, 999, 2000, 3_600_000] {
            let ((mut led, changes), start) = (led_with(brightest, &[]), Instant::now());
            let faded = led.on(None, fade(ms, start)).unwrap();
            assert_eq!(faded, light(State::On, 100), "the target");
            let up = run_fade(&mut led, &changes, start);
            assert_eq!(up.last(), Some(&(ms * MS, brightest)));
            assert_eq!((led.light(), led.due()), (light(State::On, 100), None));
            assert_eq!(
                led.off(fade(ms, start)).unwrap(),
                light(State::Off, 100),
                "the target"
            );
            let down = run_fade(&mut led, &changes, start);
            assert_eq!(down.last(), Some(&(ms * MS, 0)));
            assert_eq!((led.light().state, led.due()), (State::Off, None));
            let mut before = (Duration::ZERO, 0);
            for &(time, level) in &up {
                assert!(level > before.1, "each step changes the level");
                assert!(time - before.0 >= (20 * MS).min(ms * MS), "{time:?}");
                let share = time.as_secs_f64() / (ms * MS).as_secs_f64();
                assert!((f64::from(level) / f64::from(brightest) - share).abs() < 0.5);
                before = (time, level);
            }
        }
    }
}

#[test]
fn a_fade_of_two_seconds_takes_a_hundred_steps() {
    let ((mut led, changes), start) = (led_with(1000, &[]), Instant::now());
    led.on(Some(brightness(40)), fade(2000, start)).unwrap();
    let steps = run_fade(&mut led, &changes, start);
    let expected: Vec<_> = (1..=100).map(|step| (step * 20 * MS, step * 4)).collect();
    assert_eq!(steps, expected);
}

#[test]
fn a_late_step_is_where_the_fade_is_then() {
    let ((mut led, changes), start) = (led_with(100, &[]), Instant::now());
    led.on(None, fade(1000, start)).unwrap();
    led.tick(start + 505 * MS).unwrap();
    assert_eq!(led.due(), Some(start + 525 * MS));
    led.tick(start + Duration::from_secs(3600)).unwrap();
    assert_eq!(changes.try_iter().collect::<Vec<_>>(), [50, 100]);
    assert_eq!(led.due(), None);
}

#[test]
fn each_command_ends_a_fade_at_the_level_where_it_is() {
    let ((mut led, changes), start) = (led_with(100, &[]), Instant::now());
    led.on(Some(brightness(80)), fade(1000, start)).unwrap();
    led.tick(start + 500 * MS).unwrap();
    // The next fade begins there.
    led.off(fade(40, start + 500 * MS)).unwrap();
    led.tick(start + 520 * MS).unwrap();
    led.off(None).unwrap();
    assert_eq!(changes.try_iter().collect::<Vec<_>>(), [40, 20, 0]);
    assert_eq!((led.light(), led.due()), (light(State::Off, 80), None));
    led.on(None, fade(1000, start)).unwrap();
    assert_eq!(led.toggle().unwrap().state, State::Off, "of its target");
}

#[test]
fn an_led_with_two_levels_does_not_fade() {
    let ((mut led, changes), now) = (led(&[]), Instant::now());
    led.on(None, fade(1000, now)).unwrap();
    led.off(fade(1000, now)).unwrap();
    assert_eq!(changes.try_iter().collect::<Vec<_>>(), [1, 0]);
    assert_eq!(led.due(), None);
}

#[test]
fn an_error_ends_a_fade_at_the_level_where_it_is() {
    let ((mut led, _), start) = (led_with(100, &[1]), Instant::now());
    led.on(None, fade(1000, start)).unwrap();
    led.tick(start + 300 * MS).unwrap();
    led.tick(start + 400 * MS).unwrap_err();
    assert_eq!((led.light(), led.due()), (light(State::On, 30), None));
}

#[test]
fn a_flash_returns_to_what_the_led_did_before() {
    let flash = |led: &mut Led, count| {
        let (start, flash) = (Instant::now(), blink(3, 5, Some(count)));
        let light = led.flash(flash, start).unwrap();
        assert_eq!(light.state, State::Blink(flash));
        (run(led, start, 2 * count as usize - 1), led.light())
    };
    let now = Instant::now();
    let at = |ms: &[u32]| -> Vec<Duration> { ms.iter().map(|&ms| ms * MS).collect() };
    let (mut led, changes) = led_with(100, &[]);
    let levels = || changes.try_iter().collect::<Vec<_>>();
    // Of one that is off: on first.
    assert_eq!(
        flash(&mut led, 2),
        (at(&[3, 8, 11]), light(State::Off, 100))
    );
    assert_eq!((levels(), led.due()), (vec![100, 0, 100, 0], None));
    // Of one that is on: off first.
    led.on(Some(brightness(40)), None).unwrap();
    assert_eq!(flash(&mut led, 2), (at(&[5, 8, 13]), light(State::On, 40)));
    assert_eq!((levels(), led.due()), (vec![40, 0, 40, 0, 40], None));
    // A counted blink goes on with the flashes that it had left.
    led.blink(blink(2, 2, Some(3)), now).unwrap();
    run(&mut led, now, 2);
    let left = light(State::Blink(blink(2, 2, Some(2))), 40);
    assert_eq!(led.light(), left);
    assert_eq!(flash(&mut led, 1), (at(&[5]), left));
    assert_eq!(levels(), [40, 0, 40, 0, 40]);
    run(&mut led, now, 100);
    assert_eq!((levels(), led.light().state), (vec![0, 40, 0], State::Off));
    // In its dark phase: on first, then the dark phase again.
    led.blink(blink(2, 2, Some(3)), now).unwrap();
    run(&mut led, now, 1);
    assert_eq!(flash(&mut led, 1), (at(&[3]), left));
    assert_eq!(levels(), [40, 0, 40, 0]);
    run(&mut led, now, 100);
    assert_eq!(levels(), [40, 0, 40, 0]);
    // A fade goes to its target.
    led.on(None, fade(1000, now)).unwrap();
    assert_eq!(flash(&mut led, 1).1, light(State::On, 40));
    led.off(fade(1000, now)).unwrap();
    assert_eq!(flash(&mut led, 1).1, light(State::Off, 40));
    assert_eq!((levels(), led.due()), (vec![40, 40, 0, 0], None));
}

#[test]
fn a_flash_within_a_flash_returns_to_the_first_state_and_that_is_what_lasts() {
    let ((mut led, changes), start) = (led(&[]), Instant::now());
    led.on(None, None).unwrap();
    led.flash(blink(3, 5, Some(9)), start).unwrap();
    assert_eq!(led.lasting(), State::On.into());
    led.flash(blink(3, 5, Some(1)), start).unwrap();
    assert_eq!(led.lasting(), State::On.into());
    run(&mut led, start, 100);
    assert_eq!(changes.try_iter().collect::<Vec<_>>(), [1, 0, 1, 1]);
    assert_eq!(led.light(), State::On.into());
    let lasts = |led: &Led| led.lasting().state;
    led.blink(blink(3, 5, Some(9)), start).unwrap();
    assert_eq!(lasts(&led), State::Off);
    led.flash(blink(3, 5, Some(9)), start).unwrap();
    assert_eq!(lasts(&led), State::Off);
    led.blink(blink(3, 5, None), start).unwrap();
    led.flash(blink(3, 5, Some(9)), start).unwrap();
    assert_eq!(lasts(&led), State::Blink(blink(3, 5, None)));
}
