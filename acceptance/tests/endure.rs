//! Faults, floods and kills, repeated: a few times here, often with `make endure`, which prints the measurements.

use std::{
    collections::BTreeMap,
    fs,
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use shared::{Message, MessageType};
use testing::{Fixture, Random, Running, Signal, rounds, wait_until};

/// System calls of the controller, and the errors that they can return. The C library creates a thread with either clone.
const FAULTS: [(&str, &[&str]); 10] = [
    ("msgget", &["EACCES", "EEXIST", "ENOENT", "ENOMEM", "ENOSPC"]),
    ("msgctl", &["EACCES", "EIDRM", "EINVAL", "EPERM"]),
    ("msgrcv", &["E2BIG", "EACCES", "EIDRM", "EINTR", "EINVAL", "ENOMSG", "ENOSYS"]),
    ("msgsnd", &["EACCES", "EAGAIN", "EIDRM", "EINTR", "EINVAL", "ENOMEM"]),
    ("write", &["EAGAIN", "EINTR", "EIO", "ENOSPC", "EPIPE"]),
    ("flock", &["EINTR", "ENOLCK", "EAGAIN"]),
    ("clone3", &["EAGAIN", "ENOSYS"]),
    ("clone", &["EAGAIN"]),
    ("socketpair", &["EMFILE"]),
    ("poll", &["EINTR", "ENOMEM"]),
];

/// Runs a controller whose `nth` call fails in each thread. It must continue, or end with a reason, and the next one must
/// clean up. None if there are fewer such calls.
fn run_with_fault(call: &str, errno: &str, nth: usize) -> Option<&'static str> {
    let context = format!("{call} {errno} {nth}");
    let fixture = Fixture::new();
    let controller = fixture.program("controller", None);
    let mut strace = Command::new("strace");
    let trace = fixture.path().join("trace");
    strace.args(["--follow-forks", "--quiet=all", "--seccomp-bpf", "--output"]).arg(&trace);
    strace.arg(format!("--trace={call}"));
    strace.arg(format!("--inject={call}:error={errno}:when={nth}"));
    strace.arg(controller.get_program()).args(controller.get_args()).arg("--simulate");
    strace.env("LED_LOCK_DIRECTORY", fixture.path()).env_remove("RUST_LOG");
    let mut running = Running::start(&mut strace);
    wait_until(&context, || !running.is_running() || fixture.command(&["status", "--timeout", "1s"]).code == Some(0));
    // All phases, with all kinds of clients.
    for arguments in [&["on"][..], &["blink", "1ms", "1ms"], &["on", "--no-wait"], &["exit"], &["exit"], &["exit"]] {
        if running.is_running() {
            let outcome = fixture.command(
                &[arguments, if arguments.contains(&"--no-wait") { &[] } else { &["--timeout", "1s"] }].concat(),
            );
            // The client reports success, or the reason; no other exit status.
            assert!(matches!(outcome.code, Some(0 | 1 | 3 | 5)), "{context}: {outcome:?}");
        }
    }
    let (status, out, log) = running.wait();
    let log = log.join("\n");
    if !status.success() {
        assert!(matches!(status.code(), Some(1 | 78)), "{context}: {status} {log}");
        // The write that fails may be that of the reason.
        assert!(
            call == "write" || call == "poll" || log.contains("ERROR") || log.contains("controller: "),
            "{context}: {log}"
        );
    }
    let is_on = out.last().is_some_and(|line| line == "LED on");
    assert!(!is_on || log.contains("may be on"), "{context}: {out:?} {log}");
    // The next controller cleans up in each case.
    let next = fixture.controller(&[]);
    fixture.assert_led("off");
    fixture.command(&["exit"]).assert_printed("ended");
    assert!(next.wait().0.success() && fixture.has_no_queues(), "{context}");
    let is_injected = fs::read_to_string(trace).unwrap().contains("(INJECTED)");
    is_injected.then_some(if status.success() { "continued" } else { "ended" })
}

#[test]
#[ignore = "needs strace"]
fn if_any_system_call_fails_it_continues_or_ends_with_a_reason() {
    let mut tally = BTreeMap::new();
    for (call, errnos) in FAULTS {
        for errno in errnos {
            for outcome in (1..=rounds(2, 12)).map_while(|nth| run_with_fault(call, errno, nth)) {
                *tally.entry(call).or_insert(BTreeMap::new()).entry(outcome).or_insert(0) += 1;
            }
        }
    }
    println!("faults: {tally:?}");
    let missing: Vec<&str> =
        FAULTS.map(|(call, _)| call).into_iter().filter(|call| !tally.contains_key(call)).collect();
    assert!(matches!(missing[..], [] | ["clone" | "clone3"]), "{missing:?}");
}

#[test]
fn a_kill_at_any_time_never_makes_a_client_report_a_wrong_result() {
    let fixture = Fixture::new();
    let (is_over, confirmed, lost) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let (kills, mut applied) = (rounds(200, 5000), 0);
    thread::scope(|threads| {
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
            let controller = Running::start(fixture.program("controller", None).arg("--simulate"));
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
            let (_, lines, log) = controller.wait();
            // Off at first, then alternating.
            let alternates =
                lines.iter().zip(["LED on", "LED off"].iter().cycle()).all(|(line, expected)| line == expected);
            assert!(alternates, "{lines:?} {log:?}");
            applied += lines.len() - by_exit;
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
            let mut controller = fixture.program("controller", None);
            let controller = Running::start(controller.arg("--simulate").env("RUST_LOG", "debug"));
            let ready = controller.wait_for_log("ready");
            assert!(ready.ends_with("LED OFF"), "{ready}");
            if round + 1 == restarts {
                is_over.store(true, Ordering::Relaxed);
                wait_until("the clients end", || clients.iter().all(|client| client.is_finished()));
            } else {
                thread::sleep(Duration::from_micros(random.below(20_000)));
            }
            controller.signal(Signal::TERM);
            let (status, _, log) = controller.wait();
            assert!(status.success(), "{log:?}");
            applied += log.iter().filter(|line| line.contains("TOGGLE: LED")).count();
        }
    });
    let confirmed = confirmed.into_inner();
    println!("restarts: {restarts}, toggles confirmed: {confirmed}, applied: {applied}");
    assert_eq!(confirmed, applied);
    assert!(confirmed > 0 && fixture.has_no_queues());
}

#[test]
fn many_clients_at_once_are_all_served() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let count = rounds(200, 1000);
    let clients: Vec<Running> = (0..count)
        .map(|_| Running::start(fixture.program("command", None).args(["toggle", "--timeout", "60s"])))
        .collect();
    let mut codes = BTreeMap::new();
    for client in clients {
        *codes.entry(client.wait().0.code()).or_insert(0) += 1;
    }
    fixture.command(&["exit"]).assert_printed("ended");
    let changes = controller.wait().1.len();
    println!("{count} clients at once: exit statuses {codes:?}");
    let served = codes.get(&Some(0)).copied().unwrap_or_default();
    // Turned off at the end, if it was on.
    assert_eq!(changes, served + served % 2);
    assert!(codes.keys().all(|code| matches!(code, Some(0 | 6))), "{codes:?}");
}

#[test]
fn a_flood_does_not_grow_the_memory_and_other_clients_are_served() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    let peak = || {
        let status = fs::read_to_string(format!("/proc/{}/status", controller.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap()
    };
    let is_over = AtomicBool::new(false);
    let (mut latencies, mut full) = (Vec::new(), 0);
    let flood_queue = |fixture: &Fixture| {
        let (queue, mut sent) = (fixture.queue(), 0_u64);
        let texts = [&b"junk"[..], b"ON\0reply=99\0", b"", &[0xff; 300]];
        let junk = texts.map(|text| Message::<512>::new(MessageType::LED, text).unwrap());
        while !is_over.load(Ordering::Relaxed) {
            sent += u64::from(queue.try_send(&junk[usize::try_from(sent % 4).unwrap()]).is_ok());
        }
        sent
    };
    let (mut before, mut sent) = (0, 0);
    thread::scope(|threads| {
        let flood = threads.spawn(|| flood_queue(&fixture));
        let start = Instant::now();
        let time = Duration::from_secs(rounds(2, 60) as u64);
        while start.elapsed() < time || latencies.is_empty() {
            let sent_at = Instant::now();
            match fixture.command(&["toggle", "--timeout", "60s"]).code {
                Some(0) => latencies.push(sent_at.elapsed()),
                Some(6) => full += 1,
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
        "flood: {sent} messages; other client: {} served, {full} refused as full, p50 {:?}, p99 {:?}; VmHWM {before} kB, then {after} kB",
        latencies.len(),
        percentile(50),
        percentile(99)
    );
    controller.signal(Signal::TERM);
    let (status, _, log) = controller.wait();
    assert!(status.success());
    let refused = log.iter().filter(|line| line.contains("refused, ")).count();
    assert!(refused <= 100 * rounds(1, 2), "{refused} lines");
    // One or two pages of stack are not growth.
    assert!(after <= before + 64, "{before} kB, then {after} kB");
}
