//! The controller in the foreground of a terminal, where the simulated LED and the log come together.

use std::{
    fs::File,
    io::Read,
    os::fd::{AsFd, OwnedFd},
};

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use testing::{Fixture, Running, Signal, wait_until};

/// A pseudo-terminal: what is written to it can be read from the first.
pub(crate) fn terminal() -> (File, OwnedFd) {
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let program_side = ioctl_tiocgptpeer(&screen, OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    (screen.into(), program_side)
}

/// Starts a simulated controller on a terminal, and waits until it serves.
fn controller(fixture: &Fixture, terminal: impl AsFd) -> Running {
    let copy = || terminal.as_fd().try_clone_to_owned().unwrap();
    let running = Running::start_with_own_output(
        fixture
            .simulated(&[])
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .stdout(copy())
            .stderr(copy()),
    );
    fixture.wait_until_served();
    running
}

#[test]
fn each_change_of_the_led_and_each_line_of_the_log_is_a_line_of_its_own() {
    let fixture = Fixture::new();
    let (mut screen, terminal) = terminal();
    let controller = controller(&fixture, &terminal);
    fixture.command(&["on"]).assert_printed("on");
    fixture.send(1, b"FLASH");
    fixture.command(&["toggle"]).assert_printed("off");
    fixture
        .command(&["blink", "1h", "1h"])
        .assert_printed("blink 3600s 3600s");
    fixture.command(&["exit"]).assert_printed("ended");
    assert!(controller.wait().code == Some(0));
    drop(terminal);
    // Nobody has the terminal open any more: the end of what was written is an error.
    let mut written = Vec::new();
    let end = screen.read_to_end(&mut written).unwrap_err();
    assert_eq!(
        end.raw_os_error(),
        Some(rustix::io::Errno::IO.raw_os_error())
    );
    let written = String::from_utf8(written).unwrap();
    let lines: Vec<&str> = written
        .split_terminator("\r\n")
        // The log: the time comes first.
        .map(|line| line.rsplit("] ").next().unwrap())
        .collect();
    let [ready, on, refused, off, blinking, last, ended] = lines[..] else {
        panic!("{lines:?}");
    };
    assert!(ready.starts_with("ready: "), "{ready:?}");
    assert!(refused.starts_with("refused, "), "{refused:?}");
    assert_eq!(
        [on, off, blinking, last],
        ["LED on", "LED off", "LED on", "LED off"]
    );
    assert!(ended.starts_with("ended by exit: "), "{ended:?}");
    assert!(!written.contains(['\x1b', '●', '○']), "{written:?}");
}

#[test]
fn a_terminal_that_is_not_read_does_not_hold_it_up() {
    let fixture = Fixture::new();
    let (_screen, terminal) = terminal();
    let controller = controller(&fixture, &terminal);
    fixture
        .command(&["blink", "1ms", "1ms"])
        .assert_printed("blink 1ms 1ms");
    wait_until("the LED stops blinking", || {
        !fixture.command(&["status"]).out.starts_with("blink")
    });
    // Each is a line of the log.
    for _ in 0..3 {
        fixture.send(1, b"FLASH");
    }
    let is_on = fixture
        .command(&["status", "--timeout", "60s"])
        .out
        .starts_with("on");
    let other = if is_on { "off" } else { "on" };
    fixture
        .command(&[other, "--timeout", "60s"])
        .assert_failed(1, &["cannot set the LED", "the output is not read"]);
    controller.signal(Signal::TERM);
    // 1 if the LED is on, because it cannot be turned off.
    assert_eq!(controller.wait().code, Some(i32::from(is_on)));
    assert!(fixture.has_no_queues());
}
