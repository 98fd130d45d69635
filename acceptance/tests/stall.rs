//! A reader that stops reading the controller's output delays nothing else.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, PipeReader, PipeWriter, Write},
    os::unix::fs::OpenOptionsExt,
    process::Stdio,
    thread,
};

use rustix::{fs::OFlags, pipe::fcntl_setpipe_size};
use testing::{Fixture, Running, Signal, wait_until};

/// A message whose line in the log is as long as possible.
const JUNK: [u8; 256] = [0xff; 256];

/// Starts a simulated controller with these outputs, and waits until it serves.
fn start(fixture: &Fixture, out: impl Into<Stdio>, log: impl Into<Stdio>) -> Running {
    let mut controller = fixture.simulated(&[]);
    let controller = Running::start_with_own_output(controller.stdout(out).stderr(log));
    fixture.wait_until_served();
    controller
}

/// A pipe of one page, and its size.
pub(crate) fn small_pipe() -> (PipeReader, PipeWriter, usize) {
    let (reader, writer) = io::pipe().unwrap();
    let size = fcntl_setpipe_size(&reader, 4096).unwrap();
    (reader, writer, size)
}

#[test]
fn it_serves_when_a_file_reaches_its_size_limit() {
    let fixture = Fixture::new();
    let file = File::create(fixture.path().join("output")).unwrap();
    let limit = ["bash", "-c", "ulimit -f 1; exec \"$0\" \"$@\""];
    let mut controller = fixture.wrapped(&limit, "controller");
    let controller = Running::start_with_own_output(controller.stdout(file).stderr(Stdio::null()));
    fixture.wait_until_served();
    let refused = (0..1000)
        .map(|_| fixture.command(&["toggle"]))
        .find(|outcome| outcome.code != Some(0));
    fixture.command(&["status"]).assert_code(0);
    controller.signal(Signal::TERM);
    // 1 if the LED is on, because it cannot be turned off.
    assert!(matches!(controller.wait().code, Some(0 | 1)));
    assert!(fixture.has_no_queues());
    refused
        .expect("1000 lines are more than a kilobyte")
        .assert_failed(1, &["File too large"]);
}

#[test]
fn log_lines_that_are_not_read_are_dropped_and_counted_and_do_not_keep_the_led_on() {
    let fixture = Fixture::new();
    let ((out, out_writer), (log, log_writer, size)) = (io::pipe().unwrap(), small_pipe());
    let controller = start(&fixture, out_writer, log_writer);
    let blink = ["blink", "10ms", "10ms", "--timeout", "60s"];
    fixture.command(&blink).assert_printed("blink 10ms 10ms");
    // A quarter of the lines fits into the pipe. The next one waits a second, the others are dropped at once.
    let lines_sent = size / 64;
    for _ in 0..lines_sent {
        fixture.send(1, &JUNK);
    }
    let on = fixture.command(&["on", "--timeout", "60s"]);
    on.assert_printed("on");
    // The first line that is written after a reader came back has the number of the dropped ones.
    let mut lines = BufReader::new(log).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("ready"));
    let mut written = 0;
    let dropped: usize = thread::scope(|threads| {
        let reader = threads.spawn(|| {
            loop {
                let line = lines.next().expect("the number comes before the end");
                match line.split_once("lines of the log dropped because they were not read: ") {
                    Some((_, dropped)) => return dropped.parse().unwrap(),
                    None => written += 1,
                }
            }
        });
        wait_until("the number of the dropped lines is written", || {
            fixture.send(1, b"FLASH");
            reader.is_finished()
        });
        reader.join().unwrap()
    });
    // Each line is either written or counted.
    assert!(
        written + dropped >= lines_sent && dropped > lines_sent / 2,
        "{written} + {dropped} of {lines_sent}"
    );
    // The log is not read again, and SIGTERM still ends the controller.
    for _ in 0..100 {
        fixture.send(1, &JUNK);
    }
    fixture.command(&blink).assert_printed("blink 10ms 10ms");
    fixture.terminate(controller);
    let last = BufReader::new(out).lines().map(Result::unwrap).last();
    assert_eq!(last.unwrap(), "LED off");
}

#[test]
fn a_log_that_is_full_does_not_keep_the_led_on() {
    let fixture = Fixture::new();
    let (_reader, writer, _) = small_pipe();
    let controller = start(&fixture, Stdio::piped(), writer);
    fixture.command(&["on"]).assert_printed("on");
    let mut pipe = File::options();
    pipe.write(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let pipe = pipe.open(format!("/proc/{}/fd/2", controller.pid()));
    let mut pipe = pipe.unwrap();
    while pipe.write(b"x").is_ok() {}
    assert_eq!(fixture.terminate(controller).out, "LED on\nLED off\n");
}

#[test]
fn a_simulated_led_whose_output_is_not_read_fails_and_the_controller_serves() {
    let fixture = Fixture::new();
    let (_out, writer, _) = small_pipe();
    let controller = start(&fixture, writer, Stdio::null());
    let blink = fixture.command(&["blink", "1ms", "1ms"]);
    blink.assert_printed("blink 1ms 1ms");
    wait_until("the LED stops blinking", || {
        !fixture.command(&["status"]).out.starts_with("blink")
    });
    let is_on = fixture.command(&["status"]).out.starts_with("on");
    let other = if is_on { "off" } else { "on" };
    let refused = fixture.command(&[other, "--timeout", "60s"]);
    refused.assert_failed(1, &["cannot set the LED", "the output is not read"]);
    controller.signal(Signal::TERM);
    // 1 if the LED is on, because it cannot be turned off.
    controller.wait().assert_code(i32::from(is_on));
    assert!(fixture.has_no_queues());
}
