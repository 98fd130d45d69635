//! Start, operation and end of the controller.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use shared::{Access, Message, MessageType, Queue};
use testing::{Fixture, Outcome, Random, Running, Signal, rounds, wait_until};

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
        assert!(log.last().unwrap().contains("LED off, line released, queues removed"), "{log:?}");
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
    assert!(Command::new("cp").arg(program.get_program()).arg(&renamed).status().unwrap().success());
    let mut nohup = Command::new("nohup");
    nohup.arg(&renamed).args(program.get_args()).arg("--simulate").env("LED_LOCK_DIRECTORY", fixture.path());
    let controller = Running::start(&mut nohup);
    controller.wait_for_log("ready");
    let status = fs::read(format!("/proc/{}/status", controller.pid())).unwrap();
    assert!(String::from_utf8(status).is_err(), "the name is not cut within a character");
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
            let by_exit =
                round % 2 == 1 && Queue::open(fixture.key, Access::Send).is_ok_and(|queue| queue.send(&exit).is_ok());
            if !by_exit {
                controller.signal(Signal::TERM);
            }
            let (status, out, log) = controller.wait();
            // Before main a signal is not caught, and there is nothing to clean up.
            let is_caught = status.success() || (status.code().is_none() && log.is_empty() && out.is_empty());
            assert!(is_caught, "{delay:?}: {status} {log:?}");
            assert_ne!(out.last().map(String::as_str), Some("LED on"), "{delay:?}: {log:?}");
            assert!(fixture.has_no_queues(), "{delay:?}: {log:?}");
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| worker(1));
        scope.spawn(|| worker(2));
    });
}

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
    assert!(log.iter().any(|line| line.contains("not applied") && line.contains("\"ON\"")), "{log:?}");
}

#[test]
fn many_commands_in_the_queue_are_logged_in_ten_lines_and_a_count() {
    let fixture = Fixture::new();
    let memory = |controller: &Running| {
        let status = fs::read_to_string(format!("/proc/{}/status", controller.pid())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().to_owned();
        peak.trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let fill = |fixture: &Fixture| {
        let on: Message = Message::new(MessageType::LED, b"ON").unwrap();
        let (queue, mut sent) = (fixture.queue(), 0);
        while queue.try_send(&on).is_ok() {
            sent += 1;
        }
        sent
    };
    let assert_logged = |log: &[String], sent: usize| {
        let lines: Vec<_> = log.iter().filter(|line| line.contains("not applied, ")).collect();
        assert_eq!(lines.len(), 11, "{log:?}");
        assert!(lines[10].ends_with(&format!(": {} more", sent - 10)), "{lines:?}");
    };
    let controller = fixture.controller(&[]);
    controller.stop();
    let exit: Message = Message::empty(MessageType::EXIT);
    fixture.queue().try_send(&exit).unwrap();
    let sent = fill(&fixture);
    controller.signal(Signal::CONT);
    assert_logged(&controller.wait().2, sent);
    // Also at the next start, whose memory does not grow with them.
    let killed = fixture.controller(&[]);
    let idle = memory(&killed);
    killed.stop();
    let sent = fill(&fixture);
    killed.kill();
    let mut controller = fixture.program("controller", None);
    let controller = Running::start(controller.arg("--simulate"));
    wait_until("the controller serves", || fixture.command(&["status"]).code == Some(0));
    let peak = memory(&controller);
    assert!(peak <= idle + 128, "{idle} kB idle, {peak} kB after {sent} commands");
    fixture.command(&["exit"]).assert_printed("ended");
    assert_logged(&controller.wait().2, sent);
}

#[test]
fn two_controllers_with_different_lock_directories_do_not_disturb_each_other() {
    let (fixture, other) = (Fixture::new(), Fixture::new());
    let controller = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    let mut second = fixture.program("controller", None);
    let outcome = second.arg("--simulate").env("LED_LOCK_DIRECTORY", other.path()).output().unwrap();
    let (pid, key) = (controller.pid(), fixture.key);
    Outcome::from(outcome).assert_failed(
        78,
        &[
            &format!("the queue with key {key} belongs to user root (0), last used by controller (PID {pid})"),
            &format!("\"sudo ipcrm -Q {key}\" removes the queue"),
        ],
    );
    fixture.assert_led("on");
    drop(controller);
}

#[test]
fn a_replaced_queue_ends_the_controller_with_that_reason() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    controller.stop();
    let mode = shared::Mode::new(0o600).unwrap();
    Queue::open(fixture.key, Access::Find).unwrap().remove().unwrap();
    let foreign = Queue::create(fixture.key, mode).unwrap();
    controller.signal(Signal::CONT);
    let (status, out, log) = controller.wait();
    assert_eq!(status.code(), Some(1));
    assert_eq!(out, ["LED on", "LED off"]);
    let reason = format!("another process removed the controller's queue; the queue with key {}", fixture.key);
    assert!(log.last().unwrap().contains(&reason), "{log:?}");
    assert!(foreign.status().is_ok());
    assert!(Queue::open(fixture.key.reply(), Access::Find).is_err());
}

#[test]
fn a_closed_queue_of_a_controller_killed_at_its_end_is_removed() {
    let fixture = Fixture::new();
    let killed = fixture.controller(&[]);
    killed.stop();
    // As if it had been created an hour before, and closed now.
    let record = fixture.lock_file("record");
    let text = fs::read_to_string(&record).unwrap();
    let line = text.lines().find(|line| line.starts_with("created ")).unwrap();
    let created: u64 = line["created ".len()..].parse().unwrap();
    fs::write(&record, text.replace(line, &format!("created {}", created - 3600))).unwrap();
    fixture.queue().set_limit(0).unwrap();
    killed.kill();
    let next = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    next.signal(Signal::TERM);
    assert!(next.wait().0.success() && fixture.has_no_queues());
}

#[test]
fn a_closed_queue_of_another_program_is_not_removed() {
    let fixture = Fixture::new();
    let ended = fixture.controller(&[]);
    ended.signal(Signal::TERM);
    assert!(ended.wait().0.success());
    let foreign = Queue::create(fixture.key, shared::Mode::CLOSED).unwrap();
    // Root may send to any queue. For other users it was closed after the message.
    foreign
        .set_permissions(shared::Permissions {
            mode: shared::Mode::new(0o600).unwrap(),
            ..foreign.status().unwrap().permissions
        })
        .unwrap();
    fixture.send(1, b"other");
    foreign
        .set_permissions(shared::Permissions { mode: shared::Mode::CLOSED, ..foreign.status().unwrap().permissions })
        .unwrap();
    let refused = fixture.program("controller", None).arg("--simulate").output().unwrap();
    Outcome::from(refused).assert_failed(78, &[&format!("the queue with key {} belongs to user", fixture.key)]);
    assert_eq!(foreign.status().unwrap().messages, 1);
}

#[test]
#[ignore = "needs strace"]
fn a_queue_of_a_controller_killed_at_its_start_is_removed() {
    let fixture = Fixture::new();
    let program = fixture.program("controller", None);
    let mut strace = Command::new("strace");
    // The first such call follows the creation of the first queue. No controller has run here before: only the lock shows
    // that this one did.
    strace.args(["-f", "-e", "trace=msgctl", "-e", "inject=msgctl:signal=KILL:when=1", "-o", "/dev/null"]);
    strace.arg(program.get_program()).args(program.get_args()).arg("--simulate");
    let killed = strace.env("LED_LOCK_DIRECTORY", fixture.path()).output().unwrap();
    assert!(!killed.status.success());
    let commands = Queue::open(fixture.key, Access::Find).unwrap();
    assert_eq!(commands.status().unwrap().permissions.mode, shared::Mode::CLOSED);
    // A controller with another lock directory does not remove it: the queue may be in creation.
    let other = Fixture::new();
    let mut second = fixture.program("controller", None);
    let refused = second.arg("--simulate").env("LED_LOCK_DIRECTORY", other.path()).output().unwrap();
    Outcome::from(refused).assert_failed(78, &["belongs to user"]);
    let controller = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    assert!(commands.status().is_err());
    controller.signal(Signal::TERM);
    assert!(controller.wait().0.success() && fixture.has_no_queues());
}

#[test]
fn a_second_controller_ends_and_names_the_first_one() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let second = fixture.program("controller", None).arg("--simulate").output().unwrap();
    Outcome::from(second).assert_failed(1, &[&format!("(PID {}) uses key {}", controller.pid(), fixture.key)]);
    fixture.command(&["on"]).assert_printed("on");
}

#[test]
fn of_two_controllers_started_together_exactly_one_serves() {
    for _ in 0..100 {
        let fixture = Fixture::new();
        let start = || Running::start(fixture.program("controller", None).arg("--simulate"));
        let mut both = [start(), start()];
        let mut loser = None;
        wait_until("one of the two ends", || {
            loser = both.iter_mut().position(|controller| !controller.is_running());
            loser.is_some()
        });
        let [first, second] = both;
        let (loser, mut winner) = if loser == Some(0) { (first, second) } else { (second, first) };
        let (status, _, log) = loser.wait();
        assert_eq!(status.code(), Some(1));
        assert!(log.concat().contains("another controller"), "{log:?}");
        winner.wait_for_log("ready");
        fixture.command(&["on"]).assert_printed("on");
        assert!(winner.is_running());
    }
}

#[test]
fn stale_queues_are_replaced_and_their_commands_are_not_applied() {
    let fixture = Fixture::new();
    let killed = fixture.controller(&[]);
    killed.stop();
    fixture.send(1, b"ON");
    fixture.send(1, b"TOGGLE\n");
    killed.kill();
    let controller = Running::start(fixture.program("controller", None).arg("--simulate"));
    controller.wait_for_log(&format!("removing the stale queue with key {}", fixture.key));
    assert!(controller.wait_for_log("not applied").contains("type 1, 2 bytes, \"ON\""));
    assert!(controller.wait_for_log("not applied").contains(r#"type 1, 7 bytes, "TOGGLE\n""#));
    controller.wait_for_log("ready");
    fixture.assert_led("off");
}

#[test]
fn turn_off_removes_stale_queues_and_no_others() {
    let fixture = Fixture::new();
    let turn_off = || {
        let outcome = fixture.program("controller", None).args(["--simulate", "--turn-off"]).output().unwrap();
        Outcome::from(outcome)
    };
    let killed = fixture.controller(&[]);
    turn_off().assert_failed(1, &[&format!("(PID {}) uses key {}", killed.pid(), fixture.key)]);
    assert!(!fixture.has_no_queues());
    killed.stop();
    fixture.send(1, b"ON");
    killed.kill();
    let outcome = turn_off();
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.err.contains("not applied") && outcome.err.contains("\"ON\""), "{}", outcome.err);
    assert!(fixture.has_no_queues());
    assert_eq!(turn_off().err, "");
}

#[test]
fn a_waiting_client_is_served_by_the_next_controller() {
    for signal in [Signal::KILL, Signal::TERM] {
        let fixture = Fixture::new();
        let first = fixture.controller(&[]);
        first.stop();
        let client = Running::start(fixture.program("command", None).args(["on", "--timeout", "60s"]));
        wait_until("the client has sent its command", || fixture.queue().status().unwrap().messages == 1);
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

#[test]
fn a_removed_queue_is_created_again_and_the_led_stays_on() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    for (key, name) in [(fixture.key, "command"), (fixture.key.reply(), "reply")] {
        let removed = Command::new("ipcrm").arg("-Q").arg(key.to_string()).status();
        match removed {
            Ok(status) => assert!(status.success()),
            // Without util-linux, use the system call.
            Err(_) => Queue::open(key, Access::Find).unwrap().remove().unwrap(),
        }
        // The controller notices that the reply queue was removed when it sends a reply.
        wait_until("the controller serves again", || fixture.command(&["status"]).code == Some(0));
        controller.wait_for_log(&format!("another process removed the {name} queue"));
        fixture.assert_led("on");
    }
    fixture.command(&["off"]).assert_printed("off");
    controller.signal(Signal::TERM);
    let (status, out, _) = controller.wait();
    assert!(status.success());
    assert_eq!(out, ["LED on", "LED off"]);
}

#[test]
fn a_queue_that_is_removed_under_load_is_created_again() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let status: Message = Message::new(MessageType::LED, b"STATUS").unwrap();
            while !done.load(Ordering::Relaxed) {
                if let Ok(queue) = Queue::open(fixture.key, Access::Send) {
                    let _ = queue.try_send(&status);
                }
            }
        });
        for _ in 0..200 {
            let mut old = None;
            wait_until("there is a queue to remove", || {
                old = Queue::open(fixture.key, Access::Find).ok();
                old.is_some_and(|queue| queue.remove().is_ok())
            });
            wait_until("there is another queue", || {
                Queue::open(fixture.key, Access::Find).is_ok_and(|new| Some(new) != old)
            });
        }
        done.store(true, Ordering::Relaxed);
    });
    wait_until("a command is applied", || fixture.command(&["on"]).code == Some(0));
    controller.signal(Signal::TERM);
    assert!(controller.wait().0.success());
    assert!(fixture.has_no_queues());
}

#[test]
fn a_removed_reply_queue_loses_no_command_and_applies_none_twice() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let client = Running::start(fixture.program("command", None).args(["toggle", "--timeout", "60s"]));
    wait_until("the client has sent its command", || fixture.queue().status().unwrap().messages == 1);
    // Sent without a reply type: the client would not send it again.
    fixture.send(1, b"TOGGLE");
    fixture.send(1, b"TOGGLE");
    Queue::open(fixture.key.reply(), Access::Find).unwrap().remove().unwrap();
    controller.signal(Signal::CONT);
    let (status, out, log) = client.wait();
    assert!(status.success(), "{log:?}");
    assert_eq!(out, ["on"]);
    controller.signal(Signal::TERM);
    assert_eq!(controller.wait().1, ["LED on", "LED off", "LED on", "LED off"]);
}

#[test]
fn an_exit_that_was_removed_with_its_queue_is_sent_again() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    controller.stop();
    let client = Running::start(fixture.program("command", None).args(["exit", "--timeout", "60s"]));
    wait_until("the client has sent its command", || fixture.queue().status().unwrap().messages == 1);
    for key in [fixture.key, fixture.key.reply()] {
        Queue::open(key, Access::Find).unwrap().remove().unwrap();
    }
    controller.signal(Signal::CONT);
    let (status, out, _) = client.wait();
    assert!(status.success());
    assert_eq!(out, ["ended"]);
    // The client sent it again, so this is true.
    assert!(controller.wait().0.success());
    assert!(fixture.has_no_queues());
}

#[test]
fn a_controller_on_the_key_of_a_reply_queue_ends() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let mut neighbour = fixture.program("controller", None);
    neighbour.args(["--simulate", "--key", &fixture.key.reply().to_string()]);
    let held = format!("uses key {}", fixture.key.reply());
    Outcome::from(neighbour.output().unwrap()).assert_failed(1, &[&held, "--key chooses another one"]);
    fixture.command(&["on"]).assert_printed("on");
}

#[test]
fn a_lock_that_is_a_link_is_not_followed() {
    let fixture = Fixture::new();
    let precious = fixture.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    let lock = fixture.lock_file("lock");
    let assert_serves_without_lock = || {
        let controller = Running::start(fixture.program("controller", None).arg("--simulate"));
        assert!(controller.wait_for_log("no lock for key").contains(lock.to_str().unwrap()));
        controller.wait_for_log("ready");
        fixture.command(&["exit"]).assert_printed("ended");
        assert!(controller.wait().0.success());
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
        fs::remove_file(&lock).unwrap();
    };
    std::os::unix::fs::symlink(&precious, &lock).unwrap();
    assert_serves_without_lock();
    fs::hard_link(&precious, &lock).unwrap();
    assert_serves_without_lock();
}

#[test]
fn it_serves_without_a_lock_if_the_directory_is_not_writable() {
    let fixture = Fixture::new();
    let start = || {
        let mut controller = fixture.program("controller", None);
        Running::start(controller.arg("--simulate").env("LED_LOCK_DIRECTORY", "/proc/self"))
    };
    let controller = start();
    assert!(controller.wait_for_log("no lock for key").contains("/proc/self/"));
    controller.wait_for_log("ready");
    fixture.command(&["on"]).assert_printed("on");
    // The kernel prevents that a second controller creates the queues, and the second one removes no queue that it did not
    // create.
    let (status, _, log) = start().wait();
    assert_eq!(status.code(), Some(78), "{log:?}");
    assert!(log.last().unwrap().contains(&format!("the queue with key {} belongs to user", fixture.key)), "{log:?}");
    fixture.assert_led("on");
    fixture.command(&["exit"]).assert_printed("ended");
    assert!(controller.wait().0.success());
    assert!(fixture.has_no_queues());
}

#[test]
fn the_reason_for_its_end_is_printed_even_if_the_log_is_off() {
    let fixture = Fixture::new();
    let mut controller = fixture.program("controller", None);
    let outcome = controller.args(["--line", "NO SUCH LINE"]).env("RUST_LOG", "off").output().unwrap();
    // With or without a GPIO chip on this machine.
    let outcome = Outcome::from(outcome);
    assert_eq!(outcome.code, Some(1));
    let no_chip = "this machine has no GPIO chip (/dev/gpiochip*); --simulate runs without one";
    assert!(outcome.err.contains(no_chip) || outcome.err.contains("no line is named"), "{}", outcome.err);
}

#[test]
fn a_stalled_log_does_not_keep_the_led_on() {
    let fixture = Fixture::new();
    let mut program = fixture.program("controller", None);
    let (reader, writer) = std::io::pipe().unwrap();
    let controller = Running::start_with_own_output(program.arg("--simulate").stdout(Stdio::piped()).stderr(writer));
    wait_until("the controller serves", || fixture.command(&["on"]).code == Some(0));
    // Fill the pipe of the log. It is not read.
    let mut pipe = File::options();
    pipe.write(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let mut pipe = pipe.open(format!("/proc/{}/fd/2", controller.pid())).unwrap();
    while pipe.write(b"x").is_ok() {}
    controller.signal(Signal::TERM);
    assert_eq!([controller.line(), controller.line()], ["LED on", "LED off"]);
    wait_until("the queues are removed", || fixture.has_no_queues());
    let _ = controller.wait();
    drop(reader);
}

#[test]
fn it_does_not_wake_up_without_a_message() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    fixture.command(&["on"]).assert_printed("on");
    let switches = || -> Vec<String> {
        let tasks = fs::read_dir(format!("/proc/{}/task", controller.pid())).unwrap();
        let status = |task: fs::DirEntry| fs::read_to_string(task.path().join("status")).unwrap();
        tasks
            .map(|task| status(task.unwrap()))
            .flat_map(|status| status.lines().map(str::to_owned).collect::<Vec<_>>())
            .filter(|line| line.contains("ctxt_switches"))
            .collect()
    };
    // It sleeps after the reply.
    let sleeps = || fs::read_to_string(format!("/proc/{}/stat", controller.pid())).unwrap().contains(") S ");
    wait_until("the controller sleeps", sleeps);
    let before = switches();
    // This is not a wait for a condition: nothing may happen within ten seconds.
    thread::sleep(Duration::from_secs(10));
    assert_eq!(switches(), before);
    assert_eq!(before.len(), 4, "two threads, two counters each: {before:?}");
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
    strace.args(["-D", "-e", "trace=rt_sigaction", "-e", "inject=rt_sigaction:delay_exit=20000", "-o"]).arg(&trace);
    strace.arg(program.get_program()).args(program.get_args()).arg("--simulate");
    let controller = Running::start(strace.env("LED_LOCK_DIRECTORY", fixture.path()));
    let calls = || fs::read_to_string(&trace).unwrap_or_default();
    wait_until("the handler of SIGTERM is installed", || calls().contains("SIGTERM, {sa_handler"));
    controller.signal(Signal::TERM);
    let (status, out, log) = controller.wait();
    assert!(status.success(), "{status} {log:?}");
    assert!(out.is_empty());
    assert!(fixture.has_no_queues());
}
