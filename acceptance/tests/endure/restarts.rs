//! Kills and restarts.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use testing::{Fixture, Random, Running, SetOnDrop, Signal, rounds, wait_until};

#[test]
fn a_kill_at_any_time_never_makes_a_client_report_a_wrong_result() {
    let fixture = Fixture::new();
    let is_over = AtomicBool::new(false);
    let (confirmed, lost) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (kills, mut applied) = (rounds(200, 5000), 0);
    thread::scope(|threads| {
        let _end = SetOnDrop(&is_over);
        let client = threads.spawn(|| {
            // One command after the other: each waits through restarts, but not longer than its timeout.
            while !is_over.load(Ordering::Relaxed) {
                let start = Instant::now();
                let outcome = fixture.command(&["toggle", "--timeout", "20s"]);
                assert!(start.elapsed() < Duration::from_secs(40), "{outcome:?}");
                match outcome.code {
                    Some(0) => confirmed.fetch_add(1, Ordering::Relaxed),
                    // The command may have been applied.
                    Some(5) => lost.fetch_add(1, Ordering::Relaxed),
                    // The command was not applied.
                    Some(3) => 0,
                    _ => panic!("{outcome:?}"),
                };
            }
        });
        let (mut random, mut by_exit) = (Random(1), 0);
        for round in 0..kills {
            let controller = Running::start(&mut fixture.simulated(&[]));
            // The last controller is not killed before the client ends.
            if round + 1 == kills {
                controller.wait_for_log("ready");
                is_over.store(true, Ordering::Relaxed);
                wait_until("the client ends", || client.is_finished());
                // The exit turns the LED off without a command of the client.
                let is_on = fixture.command(&["status"]).out.starts_with("on");
                fixture.command(&["exit"]).assert_printed("ended");
                by_exit = usize::from(is_on);
            } else {
                // Kill it before and while it serves: on a slow machine the start takes long.
                if round % 2 == 1 {
                    controller.wait_for_log("ready");
                }
                thread::sleep(Duration::from_micros(random.below(20_000)));
                controller.signal(Signal::KILL);
            }
            let ended = controller.wait();
            // Off at first, then alternating.
            let changes = ended.out.lines().count();
            let alternating = "LED on\nLED off\n".repeat(changes);
            assert!(alternating.starts_with(&ended.out), "{ended:?}");
            applied += changes - by_exit;
        }
    });
    let (confirmed, lost) = (confirmed.into_inner(), lost.into_inner());
    println!("kills: {kills}, commands confirmed: {confirmed}, lost: {lost}, applied: {applied}");
    assert!(
        confirmed > 0 && (confirmed..=confirmed + lost).contains(&applied),
        "{confirmed} confirmed, {lost} lost, {applied} applied"
    );
    assert!(fixture.has_no_queues());
}

#[test]
fn a_restart_at_any_time_loses_no_toggle_and_applies_none_twice() {
    let fixture = Fixture::new();
    let (is_over, confirmed) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (restarts, mut applied) = (rounds(50, 1000), 0);
    thread::scope(|threads| {
        let _end = SetOnDrop(&is_over);
        let toggle = || {
            while !is_over.load(Ordering::Relaxed) {
                let outcome = fixture.command(&["toggle", "--timeout", "60s"]);
                match outcome.code {
                    Some(0) => confirmed.fetch_add(1, Ordering::Relaxed),
                    // The client found no queue, and sent nothing.
                    Some(3) => 0,
                    _ => panic!("{outcome:?}"),
                };
            }
        };
        let clients: Vec<_> = (0..8).map(|_| threads.spawn(toggle)).collect();
        let mut random = Random(1);
        for round in 0..restarts {
            let controller = Running::start(fixture.simulated(&[]).env("RUST_LOG", "debug"));
            let ready = controller.wait_for_log("ready");
            assert!(ready.ends_with("LED OFF"), "{ready}");
            if round + 1 == restarts {
                is_over.store(true, Ordering::Relaxed);
                wait_until("the clients end", || {
                    clients.iter().all(|client| client.is_finished())
                });
            } else {
                thread::sleep(Duration::from_micros(random.below(20_000)));
            }
            let log = fixture.terminate(controller).err;
            applied += log.matches("TOGGLE: LED").count();
        }
    });
    let confirmed = confirmed.into_inner();
    println!("restarts: {restarts}, toggles confirmed: {confirmed}, applied: {applied}");
    assert_eq!(confirmed, applied);
    assert!(confirmed > 0);
}
