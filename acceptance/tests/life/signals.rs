//! Signals, and the end that they request.

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use shared::{Access, Message, MessageType, Queue};
use testing::{Fixture, Random, Running, Signal, rounds, wait_until};

#[test]
fn each_signal_ends_it_and_cleans_up() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        let fixture = Fixture::new();
        let controller = fixture.controller(&[]);
        fixture.command(&["on"]).assert_printed("on");
        controller.signal(signal);
        let (status, out, log) = controller.wait();
        assert!(status.success(), "{signal:?}: {status}");
        assert_eq!(out, ["LED on", "LED off"]);
        assert!(
            log.last()
                .unwrap()
                .contains("LED off, line released, queues removed"),
            "{log:?}"
        );
        assert!(fixture.has_no_queues());
    }
}

#[test]
fn under_nohup_it_ignores_sighup() {
    let fixture = Fixture::new();
    let program = fixture.program("controller", None);
    let mut nohup = Command::new("nohup");
    nohup
        .arg(program.get_program())
        .args(program.get_args())
        .arg("--simulate")
        .env("LED_LOCK_DIRECTORY", fixture.path());
    let controller = Running::start(&mut nohup);
    controller.wait_for_log("ready");
    controller.signal(Signal::HUP);
    fixture.command(&["on"]).assert_printed("on");
    controller.signal(Signal::TERM);
    assert!(controller.wait().0.success());
}

#[test]
fn a_program_name_cut_within_a_character_does_not_hide_the_ignored_signals() {
    let fixture = Fixture::new();
    let program = fixture.program("controller", None);
    // The kernel keeps 15 bytes of the name.
    let renamed = fixture.path().join("controller-aaaï");
    assert!(
        Command::new("cp")
            .arg(program.get_program())
            .arg(&renamed)
            .status()
            .unwrap()
            .success()
    );
    let mut nohup = Command::new("nohup");
    nohup
        .arg(&renamed)
        .args(program.get_args())
        .arg("--simulate")
        .env("LED_LOCK_DIRECTORY", fixture.path());
    let controller = Running::start(&mut nohup);
    controller.wait_for_log("ready");
    let status = fs::read(format!("/proc/{}/status", controller.pid())).unwrap();
    assert!(
        String::from_utf8(status).is_err(),
        "the name is not cut within a character"
    );
    controller.signal(Signal::HUP);
    fixture.command(&["on"]).assert_printed("on");
    controller.signal(Signal::TERM);
    assert!(controller.wait().0.success());
}

/// Signals come before the handlers are installed, before the queue is created, between two messages, in msgrcv and after
/// it.
#[test]
fn sigterm_and_exit_at_any_time_turn_the_led_off_and_remove_the_queues() {
    let worker = |seed: u64| {
        let mut random = Random(seed);
        for round in 0..rounds(1000, 5000) {
            let delay = Duration::from_micros(random.below(8000));
            let fixture = Fixture::new();
            let controller = Running::start(fixture.program("controller", None).arg("--simulate"));
            let on: Message = Message::new(MessageType::LED, b"ON").unwrap();
            let start = Instant::now();
            // Commands are sent until the signal.
            while start.elapsed() < delay {
                if let Ok(queue) = Queue::open(fixture.key, Access::Send) {
                    let _ = queue.try_send(&on);
                }
            }
            // With an exit message too, if there is a queue.
            let exit: Message = Message::empty(MessageType::EXIT);
            let by_exit = round % 2 == 1
                && Queue::open(fixture.key, Access::Send)
                    .is_ok_and(|queue| queue.send(&exit).is_ok());
            if !by_exit {
                controller.signal(Signal::TERM);
            }
            let (status, out, log) = controller.wait();
            // Before main a signal is not caught, and there is nothing to clean up.
            let is_caught =
                status.success() || (status.code().is_none() && log.is_empty() && out.is_empty());
            assert!(is_caught, "{delay:?}: {status} {log:?}");
            assert_ne!(
                out.last().map(String::as_str),
                Some("LED on"),
                "{delay:?}: {log:?}"
            );
            assert!(fixture.has_no_queues(), "{delay:?}: {log:?}");
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| worker(1));
        scope.spawn(|| worker(2));
    });
}

/// signal-hook installs the handler shortly before it registers the action. strace makes that time longer.
#[test]
#[ignore = "needs strace"]
fn a_signal_during_the_installation_of_the_handlers_is_not_lost() {
    let fixture = Fixture::new();
    let trace = fixture.path().join("trace");
    let program = fixture.program("controller", None);
    let mut strace = Command::new("strace");
    // -D: the controller itself is our child.
    strace
        .args([
            "-D",
            "-e",
            "trace=rt_sigaction",
            "-e",
            "inject=rt_sigaction:delay_exit=20000",
            "-o",
        ])
        .arg(&trace);
    strace
        .arg(program.get_program())
        .args(program.get_args())
        .arg("--simulate");
    let controller = Running::start(strace.env("LED_LOCK_DIRECTORY", fixture.path()));
    let calls = || fs::read_to_string(&trace).unwrap_or_default();
    wait_until("the handler of SIGTERM is installed", || {
        calls().contains("SIGTERM, {sa_handler")
    });
    controller.signal(Signal::TERM);
    let (status, out, log) = controller.wait();
    assert!(status.success(), "{status} {log:?}");
    assert!(out.is_empty());
    assert!(fixture.has_no_queues());
}
