//! Signals, and the end that they request.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::fs::OFlags;
use shared::{Access, Message, MessageType, Queue};
use testing::{Fixture, Outcome, Random, Running, Signal, rounds, wait_until};

use crate::mqtt::log::full_pipe;

#[test]
fn each_signal_ends_it_and_cleans_up() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        let fixture = Fixture::new();
        let controller = fixture.controller(&[]);
        fixture.command(&["on"]).assert_printed("on");
        controller.signal(signal);
        let ended = fixture.assert_clean_end(controller);
        assert_eq!(ended.out, "LED on\nLED off\n");
        ended.assert_logged(&["LED off and released, queues removed"]);
    }
}

#[test]
fn under_nohup_it_ignores_sighup_whatever_its_name_is() {
    // The kernel keeps 15 bytes of the name: it cuts the last one within a character.
    for name in ["controller", "controller-aaaï"] {
        let fixture = Fixture::new();
        let program = fixture.program("controller", None);
        let renamed = fixture.path().join(name);
        let mut copy = Command::new("cp");
        Outcome::of(copy.arg(program.get_program()).arg(&renamed)).assert_code(0);
        let mut nohup = Command::new("nohup");
        fixture.configure(nohup.arg(&renamed).arg("--simulate"));
        let controller = Running::start(&mut nohup).when_ready();
        let status = fs::read(format!("/proc/{}/status", controller.pid())).unwrap();
        assert_eq!(String::from_utf8(status).is_ok(), name.is_ascii());
        controller.signal(Signal::HUP);
        fixture.command(&["on"]).assert_printed("on");
        fixture.terminate(controller);
    }
}

/// The LED may be on: exit status 0 would hide that.
#[test]
fn a_signal_does_not_hide_why_it_cannot_start() {
    let fixture = Fixture::new();
    // The first level cannot be written in time.
    let (_reader, full) = full_pipe(OFlags::empty());
    let mut program = fixture.simulated(&["--initial", "on"]);
    let controller = Running::start_with_own_output(program.stdout(full).stderr(Stdio::piped()));
    wait_until("it handles signals and has its locks", || {
        fixture.lock_file("lock").exists()
    });
    controller.signal(Signal::TERM);
    let reason = "cannot write to standard output: the output is not read";
    controller.wait().assert_failed(1, &[reason]);
}

/// Signals come before the handlers are installed, before the queue is created, between two messages, in msgrcv and after
/// it.
#[test]
fn sigterm_and_exit_at_any_instant_turn_the_led_off_and_remove_the_queues() {
    let worker = |seed: u64| {
        let mut random = Random(seed);
        for round in 0..rounds(1000, 5000) {
            let delay = Duration::from_micros(random.below(8000));
            let fixture = Fixture::new();
            let controller = Running::start(&mut fixture.simulated(&[]));
            let queue = || Queue::open(fixture.key, Access::Send);
            let on: Message = Message::new(MessageType::LED, b"ON").unwrap();
            let start = Instant::now();
            // Commands are sent until the signal.
            while start.elapsed() < delay {
                let _ = queue().and_then(|queue| queue.try_send(&on));
            }
            // With an exit message too, if there is a queue.
            let exit: Message = Message::empty(MessageType::EXIT);
            let by_exit = round % 2 == 1 && queue().and_then(|queue| queue.send(&exit)).is_ok();
            if !by_exit {
                controller.signal(Signal::TERM);
            }
            let ended = controller.wait();
            // Before main a signal is not caught, and there is nothing to clean up.
            let is_uncaught = ended.code.is_none() && ended.out.is_empty() && ended.err.is_empty();
            assert!(ended.code == Some(0) || is_uncaught, "{delay:?}: {ended:?}");
            assert!(!ended.out.ends_with("LED on\n"), "{delay:?}: {ended:?}");
            assert!(fixture.has_no_queues(), "{delay:?}: {ended:?}");
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
    // -D: the controller itself is our child.
    let strace = [
        "strace",
        "-D",
        "--trace=rt_sigaction",
        "--inject=rt_sigaction:delay_exit=20000",
        "-o",
        trace.to_str().unwrap(),
    ];
    let controller = Running::start(&mut fixture.wrapped(&strace, "controller"));
    wait_until("the handler of SIGTERM is installed", || {
        fs::read_to_string(&trace).is_ok_and(|calls| calls.contains("SIGTERM, {sa_handler"))
    });
    assert_eq!(fixture.terminate(controller).out, "");
}
