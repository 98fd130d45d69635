//! System calls that fail.

use std::{collections::BTreeMap, fs, process::Command};

use testing::{Fixture, Running, rounds, wait_until};

/// System calls of the controller, and the errors that they can return. The C library creates a thread with either clone.
const FAULTS: [(&str, &[&str]); 10] = [
    (
        "msgget",
        &["EACCES", "EEXIST", "ENOENT", "ENOMEM", "ENOSPC"],
    ),
    ("msgctl", &["EACCES", "EIDRM", "EINVAL", "EPERM"]),
    (
        "msgrcv",
        &[
            "E2BIG", "EACCES", "EIDRM", "EINTR", "EINVAL", "ENOMSG", "ENOSYS",
        ],
    ),
    (
        "msgsnd",
        &["EACCES", "EAGAIN", "EIDRM", "EINTR", "EINVAL", "ENOMEM"],
    ),
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
    strace
        .args(["--follow-forks", "--quiet=all", "--seccomp-bpf", "--output"])
        .arg(&trace);
    strace.arg(format!("--trace={call}"));
    strace.arg(format!("--inject={call}:error={errno}:when={nth}"));
    strace
        .arg(controller.get_program())
        .args(controller.get_args())
        .arg("--simulate");
    strace
        .env("LED_LOCK_DIRECTORY", fixture.path())
        .env_remove("RUST_LOG");
    let mut running = Running::start(&mut strace);
    wait_until(&context, || {
        !running.is_running() || fixture.command(&["status", "--timeout", "1s"]).code == Some(0)
    });
    // All phases, with all kinds of clients.
    for arguments in [
        &["on"][..],
        &["blink", "1ms", "1ms"],
        &["on", "--no-wait"],
        &["exit"],
        &["exit"],
        &["exit"],
    ] {
        if running.is_running() {
            let outcome = fixture.command(
                &[
                    arguments,
                    if arguments.contains(&"--no-wait") {
                        &[]
                    } else {
                        &["--timeout", "1s"]
                    },
                ]
                .concat(),
            );
            // The client reports success, or the reason; no other exit status.
            assert!(
                matches!(outcome.code, Some(0 | 1 | 3 | 5)),
                "{context}: {outcome:?}"
            );
        }
    }
    let (status, out, log) = running.wait();
    let log = log.join("\n");
    if !status.success() {
        assert!(
            matches!(status.code(), Some(1 | 78)),
            "{context}: {status} {log}"
        );
        // The write that fails may be that of the reason.
        assert!(
            call == "write"
                || call == "poll"
                || log.contains("ERROR")
                || log.contains("controller: "),
            "{context}: {log}"
        );
    }
    let is_on = out.last().is_some_and(|line| line == "LED on");
    assert!(
        !is_on || log.contains("may be on"),
        "{context}: {out:?} {log}"
    );
    // The next controller cleans up in each case.
    let next = fixture.controller(&[]);
    fixture.assert_led("off");
    fixture.command(&["exit"]).assert_printed("ended");
    assert!(
        next.wait().0.success() && fixture.has_no_queues(),
        "{context}"
    );
    let is_injected = fs::read_to_string(trace).unwrap().contains("(INJECTED)");
    is_injected.then_some(if status.success() {
        "continued"
    } else {
        "ended"
    })
}

#[test]
#[ignore = "needs strace"]
fn if_any_system_call_fails_it_continues_or_ends_with_a_reason() {
    let mut tally = BTreeMap::new();
    for (call, errnos) in FAULTS {
        for errno in errnos {
            for outcome in (1..=rounds(2, 12)).map_while(|nth| run_with_fault(call, errno, nth)) {
                *tally
                    .entry(call)
                    .or_insert(BTreeMap::new())
                    .entry(outcome)
                    .or_insert(0) += 1;
            }
        }
    }
    println!("faults: {tally:?}");
    let missing: Vec<&str> = FAULTS
        .map(|(call, _)| call)
        .into_iter()
        .filter(|call| !tally.contains_key(call))
        .collect();
    assert!(
        matches!(missing[..], [] | ["clone" | "clone3"]),
        "{missing:?}"
    );
}
