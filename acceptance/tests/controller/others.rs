//! Those who do not answer: the service manager, the disk, a chip.

use std::{
    io::ErrorKind,
    os::unix::net::UnixDatagram,
    time::{Duration, Instant},
};

use shared::lock::Lock;
use testing::{Fixture, Outcome, Running, Signal, wait_until};

use super::ask;

#[test]
fn the_service_manager_is_told_the_start_and_the_end() {
    let fixture = Fixture::new();
    let path = fixture.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let controller = Running::start(fixture.simulated(&[]).env("NOTIFY_SOCKET", &path));
    let told = || {
        let mut buffer = [0; 256];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    manager.set_read_timeout(Some(testing::PATIENCE)).unwrap();
    assert_eq!(told(), "READY=1");
    controller.signal(Signal::TERM);
    assert_eq!(told(), "STOPPING=1");
    controller.wait().assert_code(0);
    // Why it cannot start, for `systemctl status`.
    let mut program = fixture.simulated(&["--group", "no-such-group"]);
    let outcome = Outcome::of(program.env("NOTIFY_SOCKET", &path));
    assert_eq!(outcome.code, Some(78));
    assert!(told().starts_with("STATUS=there is no group no-such-group"));
}

#[test]
fn a_service_manager_that_does_not_read_delays_it_by_a_second() {
    let fixture = Fixture::new();
    let path = fixture.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();
    let full = std::iter::repeat_with(|| sender.send_to(b"FULL=1", &path)).find_map(Result::err);
    assert_eq!(full.map(|error| error.kind()), Some(ErrorKind::WouldBlock));
    let controller = Running::start(fixture.simulated(&[]).env("NOTIFY_SOCKET", &path));
    controller.wait_for_log("cannot notify the service manager");
    assert_eq!(ask(&fixture, "ON"), "OK ON");
    controller.signal(Signal::TERM);
    controller.wait().assert_code(0);
    drop(manager);
}

#[test]
fn it_waits_for_the_chip_only_if_a_service_manager_started_it() {
    let fixture = Fixture::new();
    let program = || {
        let mut program = fixture.program("controller", None);
        program.args(["--chip", "no-such-chip"]);
        program
    };
    let start = Instant::now();
    let outcome = Outcome::of(&mut program());
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(start.elapsed() < Duration::from_secs(9));
    let path = fixture.path().join("notify");
    let _manager = UnixDatagram::bind(&path).unwrap();
    let mut waiting = Running::start(program().env("NOTIFY_SOCKET", &path));
    let lock = fixture.lock_file("lock");
    wait_until("it has its locks", || {
        lock.exists() && Lock::acquire_in(fixture.path(), fixture.key).is_err()
    });
    assert!(waiting.is_running());
    waiting.signal(Signal::TERM);
    let start = Instant::now();
    waiting.wait().assert_code(0);
    assert!(start.elapsed() < Duration::from_secs(9));
}

#[test]
#[ignore = "needs strace"]
fn a_disk_that_does_not_answer_keeps_neither_queues_nor_locks_nor_the_end() {
    let fixture = Fixture::new();
    let strace = [
        "strace",
        "--follow-forks",
        "--quiet=all",
        "--output=/dev/null",
        "--trace=fsync",
        "--inject=fsync:delay_enter=60s",
    ];
    let mut strace = fixture.wrapped(&strace, "controller");
    strace.args(["--initial", "last"]);
    let strace = Running::start(strace.env("STATE_DIRECTORY", fixture.path()));
    strace.wait_for_log("ready");
    assert_eq!(ask(&fixture, "ON"), "OK ON");
    let new = fixture.path().join(format!("{}.new", fixture.key));
    wait_until("it writes", || new.exists());
    assert_eq!(ask(&fixture, "TOGGLE"), "OK OFF");
    assert_eq!(ask(&fixture, "TOGGLE"), "OK ON");
    fixture.send(2, b"");
    wait_until("its queues and locks are released", || {
        fixture.has_no_queues() && Lock::acquire_in(fixture.path(), fixture.key).is_ok()
    });
    let start = Instant::now();
    let line = strace.wait_for_log("the disk is too slow; the state ON is not saved");
    assert!(line.contains(&format!("{}.state", fixture.key)), "{line}");
    strace.wait_for_log("ended by exit");
    assert!(start.elapsed() < Duration::from_secs(30));
    assert!(new.exists(), "the disk has not answered");
}
