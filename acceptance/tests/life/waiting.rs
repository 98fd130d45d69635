//! Commands that wait when the controller ends.

use testing::{Fixture, Outcome, Running, Signal};

#[test]
fn commands_in_the_queue_at_the_end_are_logged_as_not_applied() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    fixture.send(2, b"");
    fixture.send(1, b"ON");
    controller.signal(Signal::CONT);
    let ended = fixture.assert_clean_end(controller);
    assert_eq!(ended.out, "");
    ended.assert_logged(&["not applied", "\"ON\""]);
}

#[test]
fn many_commands_in_the_queue_are_logged_in_ten_lines_and_a_count() {
    let fixture = Fixture::new();
    let assert_counted = |ended: &Outcome, sent: usize| {
        let lines = ended
            .err
            .lines()
            .filter(|line| line.contains("not applied, "));
        let lines: Vec<&str> = lines.collect();
        assert_eq!(lines.len(), 11, "{ended:?}");
        assert!(lines[10].ends_with(&format!(": {} more", sent - 10)));
    };
    let controller = fixture.controller(&[]);
    controller.stop();
    fixture.send(2, b"");
    let sent = fixture.fill(b"ON");
    controller.signal(Signal::CONT);
    assert_counted(&fixture.assert_clean_end(controller), sent);
    // Also at the next start, whose memory does not grow with their number.
    let restart = |limit: Option<u64>| {
        let killed = fixture.controller(&[]);
        killed.stop();
        if let Some(limit) = limit {
            fixture.queue().set_limit(limit).unwrap();
        }
        let sent = fixture.fill(b"ON");
        killed.kill();
        let controller = Running::start(&mut fixture.simulated(&[]));
        fixture.wait_until_served();
        let peak = controller.peak_memory();
        assert_counted(&fixture.exit(controller), sent);
        (sent, peak)
    };
    let (few, many) = (restart(Some(24)), restart(None));
    // The peak varies by up to 200 kB. 8192 messages would take 2 MB.
    assert!(
        few.0 == 12 && many.0 > 1000 && many.1 <= few.1 + 1024,
        "(commands, kB): {few:?}, {many:?}"
    );
}

#[test]
fn a_waiting_client_is_served_by_the_next_controller() {
    for signal in [Signal::KILL, Signal::TERM] {
        let fixture = Fixture::new();
        let first = fixture.controller(&[]);
        first.stop();
        let client = fixture.client(&["on", "--timeout", "60s"]);
        fixture.wait_until_sent(1);
        // A stopped process handles SIGTERM when it continues, before or after the client's command.
        first.signal(signal);
        first.signal(Signal::CONT);
        let code = first.wait().code;
        assert_eq!(code, Some(0).filter(|_| signal == Signal::TERM));
        let _second = fixture.controller(&[]);
        client.wait().assert_printed("on");
    }
}
