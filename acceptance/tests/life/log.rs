//! The log, and an idle controller.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    process::Stdio,
    thread,
    time::Duration,
};

use testing::{Fixture, Outcome, Running, Signal, wait_until};

#[test]
fn the_reason_for_its_end_is_printed_even_if_the_log_is_off() {
    let fixture = Fixture::new();
    let mut controller = fixture.program("controller", None);
    let outcome = controller
        .args(["--line", "NO SUCH LINE"])
        .env("RUST_LOG", "off")
        .output()
        .unwrap();
    // With or without a GPIO chip on this machine.
    let outcome = Outcome::from(outcome);
    assert_eq!(outcome.code, Some(1));
    let no_chip = "this machine has no GPIO chip (/dev/gpiochip*); --simulate runs without one";
    assert!(
        outcome.err.contains(no_chip) || outcome.err.contains("no line is named"),
        "{}",
        outcome.err
    );
}

#[test]
fn a_stalled_log_does_not_keep_the_led_on() {
    let fixture = Fixture::new();
    let mut program = fixture.program("controller", None);
    let (reader, writer) = std::io::pipe().unwrap();
    let controller = Running::start_with_own_output(
        program
            .arg("--simulate")
            .stdout(Stdio::piped())
            .stderr(writer),
    );
    wait_until("the controller serves", || {
        fixture.command(&["on"]).code == Some(0)
    });
    // Fill the pipe of the log. It is not read.
    let mut pipe = File::options();
    pipe.write(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let mut pipe = pipe
        .open(format!("/proc/{}/fd/2", controller.pid()))
        .unwrap();
    while pipe.write(b"x").is_ok() {}
    controller.signal(Signal::TERM);
    assert_eq!(
        [controller.line(), controller.line()],
        ["LED on", "LED off"]
    );
    wait_until("the queues are removed", || fixture.has_no_queues());
    let _ = controller.wait();
    drop(reader);
}

#[test]
fn it_does_not_wake_up_without_a_message() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    // It sleeps after the reply.
    let sleeps = || {
        fs::read_to_string(format!("/proc/{}/stat", controller.pid()))
            .unwrap()
            .contains(") S ")
    };
    wait_until("the controller sleeps", sleeps);
    let before = controller.context_switches();
    // This is not a wait for a condition: nothing may happen within ten seconds.
    thread::sleep(Duration::from_secs(10));
    assert_eq!(controller.context_switches(), before);
    assert_eq!(
        before.len(),
        4,
        "two threads, two counters each: {before:?}"
    );
}
