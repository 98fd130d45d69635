//! Whoever stops reading what the controller writes stops nothing else.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use acceptance::{Place, Signal, wait_until};
use rustix::{
    pipe::fcntl_setpipe_size,
    process::{Pid, kill_process},
};

/// As long a line as a message makes in the log.
const JUNK: [u8; 256] = [0xff; 256];

fn terminate(child: &mut Child) -> Option<i32> {
    let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    wait_until("it ends", || child.try_wait().unwrap().is_some());
    child.wait().unwrap().code()
}

#[test]
fn beyond_a_limit_on_files_it_serves_on() {
    let place = Place::new();
    let file = File::create(place.path().join("lamp")).unwrap();
    let controller = place.program("controller", None);
    let mut shell = Command::new("bash");
    shell.args(["-c", "ulimit -f 1; exec \"$0\" \"$@\""]).arg(controller.get_program()).args(controller.get_args());
    shell.arg("--simulate").stdout(file).env("LED_LOCK_DIRECTORY", place.path());
    let mut child = shell.spawn().unwrap();
    wait_until("it serves", || place.command(&["status"]).code == Some(0));
    let refused = (0..1000).map(|_| place.command(&["toggle"])).find(|outcome| outcome.code != Some(0));
    let status = place.command(&["status"]);
    // 1 if it is lit, as that cannot be changed any more.
    assert!(matches!(terminate(&mut child), Some(0 | 1)));
    assert!(place.is_clean());
    refused.expect("a kilobyte is full by then").failed(1, &["File too large"]);
    assert_eq!(status.code, Some(0), "{status:?}");
}

#[test]
fn a_log_that_nobody_reads_is_dropped_and_counted_and_keeps_no_led_lit() {
    let place = Place::new();
    let mut controller = place.program("controller", None);
    let mut child = controller.arg("--simulate").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let log = child.stderr.take().unwrap();
    fcntl_setpipe_size(&log, 4096).unwrap();
    wait_until("it serves", || place.command(&["status"]).code == Some(0));
    place.command(&["blink", "10ms", "10ms"]).printed("blink 10ms 10ms");
    // A few lines fit into the pipe; the next one waits a second, and the others do not any more.
    for _ in 0..60 {
        place.send(1, &JUNK);
    }
    place.command(&["on", "--timeout", "60s"]).printed("on");
    // As soon as somebody reads again, the log says what is missing.
    let mut lines = BufReader::new(log).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("ready"));
    let mut written = 0;
    let dropped: usize = std::thread::scope(|threads| {
        let reader = threads.spawn(|| {
            loop {
                let line = lines.next().expect("it says so before it ends");
                match line.split_once(" lines of the log were dropped") {
                    Some((dropped, _)) => return dropped.parse().unwrap(),
                    None => written += 1,
                }
            }
        });
        while !reader.is_finished() {
            place.send(1, b"FLASH");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        reader.join().unwrap()
    });
    // What is not written is counted, and nothing else is.
    assert!((60..80).contains(&(written + dropped)) && dropped > 30, "{written} + {dropped}");
    // It stalls again, and still ends when it is told to.
    for _ in 0..100 {
        place.send(1, &JUNK);
    }
    place.command(&["blink", "10ms", "10ms", "--timeout", "60s"]).printed("blink 10ms 10ms");
    assert_eq!(terminate(&mut child), Some(0));
    let out: Vec<String> = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
    assert_eq!(out.last().unwrap(), "LED off");
    assert!(place.is_clean());
}

#[test]
fn a_simulated_led_that_nobody_looks_at_fails_and_the_controller_serves_on() {
    let place = Place::new();
    let mut controller = place.program("controller", None);
    let mut child = controller.arg("--simulate").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    fcntl_setpipe_size(child.stdout.as_ref().unwrap(), 4096).unwrap();
    wait_until("it serves", || place.command(&["status"]).code == Some(0));
    place.command(&["blink", "1ms", "1ms"]).printed("blink 1ms 1ms");
    wait_until("it has given up", || !place.command(&["status"]).out.starts_with("blink"));
    let lit = place.command(&["status"]).out.starts_with("on");
    let other = if lit { "off" } else { "on" };
    place.command(&[other, "--timeout", "60s"]).failed(1, &["cannot set the LED", "the output is not read"]);
    // It could not put the light out, and says so.
    assert_eq!(terminate(&mut child), if lit { Some(1) } else { Some(0) });
    assert!(place.is_clean());
}
