//! System calls that fail.

use std::{collections::BTreeMap, fs};

use testing::{Fixture, Running, rounds, wait_until};

/// System calls of the controller, and the errors that they can return. The C library creates a thread with either clone.
const FAULTS: [(&str, &[&str]); 12] = [
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
    ("timer_create", &["EAGAIN", "ENOMEM"]),
    ("timer_settime", &["EINVAL"]),
    ("poll", &["EINTR", "ENOMEM"]),
];

/// Runs a controller whose `nth` call fails in each thread. It must continue, or end with a reason, and the next one must
/// clean up. None if there are fewer such calls.
fn run_with_fault(call: &str, errno: &str, nth: usize) -> Option<&'static str> {
    let context = format!("{call} {errno} {nth}");
    let fixture = Fixture::new();
    let trace = fixture.path().join("trace");
    let options = [
        format!("--output={}", trace.display()),
        format!("--trace={call}"),
        format!("--inject={call}:error={errno}:when={nth}"),
    ];
    let strace = ["strace", "--follow-forks", "--quiet=all", "--seccomp-bpf"];
    let strace = strace
        .into_iter()
        .chain(options.iter().map(|option| &**option));
    let mut controller = fixture.wrapped(&strace.collect::<Vec<_>>(), "controller");
    let mut running = Running::start(&mut controller);
    wait_until(&context, || {
        !running.is_running() || fixture.command(&["status", "--timeout", "1s"]).code == Some(0)
    });
    // All phases, with all kinds of clients.
    for arguments in [
        &["on", "--timeout", "1s"][..],
        &["blink", "1ms", "1ms", "--timeout", "1s"],
        &["on", "--no-wait"],
        &["exit", "--timeout", "1s"],
        &["exit", "--timeout", "1s"],
        &["exit", "--timeout", "1s"],
    ] {
        if running.is_running() {
            let outcome = fixture.command(arguments);
            // The client reports success, or the reason; no other exit status.
            let is_known = matches!(outcome.code, Some(0 | 1 | 3 | 5));
            assert!(is_known, "{context}: {outcome:?}");
        }
    }
    let ended = running.wait();
    let has_continued = ended.code == Some(0);
    // The write that fails may be that of the reason.
    let has_reason = ["write", "poll"].contains(&call)
        || ended.err.contains("ERROR")
        || ended.err.contains("controller: ");
    let is_explained = has_continued || matches!(ended.code, Some(1 | 78)) && has_reason;
    assert!(is_explained, "{context}: {ended:?}");
    let is_off = !ended.out.ends_with("LED on\n") || ended.err.contains("may be on");
    assert!(is_off, "{context}: {ended:?}");
    // The next controller cleans up in each case.
    let next = fixture.controller(&[]);
    fixture.assert_led("off");
    fixture.exit(next);
    let is_injected = fs::read_to_string(trace).unwrap().contains("(INJECTED)");
    is_injected.then_some(if has_continued { "continued" } else { "ended" })
}

#[test]
#[ignore = "needs strace"]
fn if_any_system_call_fails_it_continues_or_ends_with_a_reason() {
    let mut tally: BTreeMap<_, usize> = BTreeMap::new();
    for (call, errnos) in FAULTS {
        for errno in errnos {
            for outcome in (1..=rounds(2, 12)).map_while(|nth| run_with_fault(call, errno, nth)) {
                *tally.entry((call, outcome)).or_default() += 1;
            }
        }
    }
    println!("faults: {tally:?}");
    let is_tried = |call: &&str| tally.keys().any(|(tried, _)| tried == call);
    let calls = FAULTS.map(|(call, _)| call).into_iter();
    let missing: Vec<&str> = calls.filter(|call| !is_tried(call)).collect();
    assert!(
        matches!(missing[..], [] | ["clone" | "clone3"]),
        "{missing:?}"
    );
}
