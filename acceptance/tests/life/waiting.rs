//! Commands that wait when the controller ends.

use std::fs;

use shared::{Message, MessageType};
use testing::{Fixture, Running, Signal, wait_until};

#[test]
fn commands_in_the_queue_at_the_end_are_logged_as_not_applied() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    fixture.send(2, b"");
    fixture.send(1, b"ON");
    controller.signal(Signal::CONT);
    let (status, out, log) = controller.wait();
    assert!(status.success());
    assert!(out.is_empty(), "{out:?}");
    assert!(
        log.iter()
            .any(|line| line.contains("not applied") && line.contains("\"ON\"")),
        "{log:?}"
    );
}

#[test]
fn many_commands_in_the_queue_are_logged_in_ten_lines_and_a_count() {
    let fixture = Fixture::new();
    let memory = |controller: &Running| {
        let status = fs::read_to_string(format!("/proc/{}/status", controller.pid())).unwrap();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap()
            .trim()
            .to_owned();
        peak.trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let fill = |most: usize| {
        let on: Message = Message::new(MessageType::LED, b"ON").unwrap();
        let queue = fixture.queue();
        (0..most)
            .take_while(|_| queue.try_send(&on).is_ok())
            .count()
    };
    let assert_logged = |log: &[String], sent: usize| {
        let lines: Vec<_> = log
            .iter()
            .filter(|line| line.contains("not applied, "))
            .collect();
        assert_eq!(lines.len(), 11, "{log:?}");
        assert!(
            lines[10].ends_with(&format!(": {} more", sent - 10)),
            "{lines:?}"
        );
    };
    let controller = fixture.controller(&[]);
    controller.stop();
    let exit: Message = Message::empty(MessageType::EXIT);
    fixture.queue().try_send(&exit).unwrap();
    let sent = fill(usize::MAX);
    controller.signal(Signal::CONT);
    assert_logged(&controller.wait().2, sent);
    // Also at the next start, whose memory does not grow with their number.
    let restart = |most: usize| {
        let killed = fixture.controller(&[]);
        killed.stop();
        let sent = fill(most);
        killed.kill();
        let mut controller = fixture.program("controller", None);
        let controller = Running::start(controller.arg("--simulate"));
        wait_until("the controller serves", || {
            fixture.command(&["status"]).code == Some(0)
        });
        let peak = memory(&controller);
        fixture.command(&["exit"]).assert_printed("ended");
        assert_logged(&controller.wait().2, sent);
        (sent, peak)
    };
    let (few, many) = (restart(12), restart(usize::MAX));
    // The peak varies by up to 200 kB. 8192 messages would take 2 MB.
    assert!(
        many.0 > 1000 && many.1 <= few.1 + 512,
        "(commands, kB): {few:?}, {many:?}"
    );
}

#[test]
fn a_waiting_client_is_served_by_the_next_controller() {
    for signal in [Signal::KILL, Signal::TERM] {
        let fixture = Fixture::new();
        let first = fixture.controller(&[]);
        first.stop();
        let client =
            Running::start(
                fixture
                    .program("command", None)
                    .args(["on", "--timeout", "60s"]),
            );
        wait_until("the client has sent its command", || {
            fixture.queue().status().unwrap().messages == 1
        });
        // A stopped process handles SIGTERM when it continues, before or after the client's command.
        first.signal(signal);
        first.signal(Signal::CONT);
        assert_eq!(first.wait().0.success(), signal == Signal::TERM);
        let second = fixture.controller(&[]);
        let (status, out, log) = client.wait();
        assert!(status.success(), "{signal:?}: {log:?}");
        assert_eq!(out, ["on"], "{signal:?}");
        drop(second);
    }
}
