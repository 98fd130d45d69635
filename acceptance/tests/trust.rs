//! Nothing that a stranger or a neighbour does misleads the controller or a client.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use shared::{Access, Key, Mode, Queue};
use testing::{Fixture, OTHER_STRANGER, Outcome, Running, STRANGER, Signal, as_user, wait_until};

fn outcome(command: &mut Command) -> Outcome {
    command.output().unwrap().into()
}

/// The program behind another one that prepares its surroundings: `["unshare", "--ipc"]`.
fn within(prepare: &[&str], fixture: &Fixture, program: &str) -> Command {
    let program = fixture.program(program, None);
    let mut command = Command::new(prepare[0]);
    command.args(&prepare[1..]).arg(program.get_program()).args(program.get_args()).stdin(Stdio::null());
    command.env_remove("RUST_LOG").env("LED_LOCK_DIRECTORY", fixture.path());
    command
}

/// Makes queues under these keys as soon as there are none, until it is over, and leaves none.
fn spin(keys: [Key; 2], is_over: &AtomicBool) {
    let (mode, mut mine) = (Mode::new(0o666).unwrap(), Vec::new());
    while !is_over.load(Ordering::Relaxed) {
        mine.extend(keys.iter().filter_map(|&key| Queue::create(key, mode).ok()));
    }
}

#[test]
#[ignore = "needs root"]
fn a_stranger_cannot_take_the_lock() {
    let fixture = Fixture::new();
    // As /run/led-controller is.
    fs::set_permissions(fixture.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let killed = fixture.controller(&[]);
    let lock = fixture.lock_file("lock");
    let take = "while :; do flock --shared \"$0\" sleep 60 2>/dev/null; done";
    let mut stranger = Command::new("bash");
    stranger.args(["-c", take]).arg(&lock).uid(STRANGER).gid(STRANGER).stdout(Stdio::null()).process_group(0);
    let stranger = Running::start_silent(&mut stranger);
    killed.kill();
    let controller = fixture.controller(&[]);
    fixture.assert_led("off");
    controller.kill();
    let turned_off = outcome(fixture.program("controller", None).args(["--simulate", "--turn-off"]));
    assert_eq!(turned_off.code, Some(0), "{turned_off:?}");
    assert!(fixture.has_no_queues());
    drop(stranger);
}

#[test]
#[ignore = "needs root"]
fn nothing_is_sent_to_a_queue_that_a_stranger_made() {
    let fixture = Fixture::new();
    let controller = fixture.program("controller", Some(STRANGER));
    let mut controller = Command::new(controller.get_program());
    fixture.configure(&mut controller);
    let controller = Running::start(controller.args(["--simulate", "--mode", "0666"]).uid(STRANGER).gid(STRANGER));
    controller.wait_for_log("ready");
    let made = format!("queue {} was created by user {STRANGER}, who is not trusted; nothing was sent", fixture.key);
    let next = format!("\"sudo ipcrm -Q {}\", or trust that user with --owner {STRANGER}", fixture.key);
    for user in [None, Some(OTHER_STRANGER)] {
        for verb in [&["on"][..], &["off"], &["toggle"], &["blink"], &["exit"], &["on", "--no-wait"]] {
            outcome(fixture.program("command", user).args(verb)).assert_failed(4, &[&made, &next]);
        }
        let status = outcome(fixture.program("command", user).arg("status"));
        status.assert_failed_after(4, "no reply (queue", &[&made]);
        outcome(fixture.program("command", user).args(["status", "--watch"])).assert_failed(4, &[&made]);
        let doctor = outcome(fixture.program("command", user).arg("doctor"));
        assert!(doctor.code == Some(1) && doctor.out.contains(&format!("FAIL queue       {made}")), "{doctor:?}");
    }
    let status = Queue::open(fixture.key, Access::Find).unwrap().status().unwrap();
    assert_eq!(status.last_sender, None);
    // Users who know each other, and the stranger himself.
    for (user, owner) in [(None, Some(STRANGER)), (Some(OTHER_STRANGER), Some(STRANGER)), (Some(STRANGER), None)] {
        let mut client = fixture.program("command", user);
        client.args(owner.map(|owner| format!("--owner={owner}")));
        outcome(client.arg("on")).assert_printed("on");
    }
    let nobody = fixture.command(&["on", "--owner", "no-such-user"]);
    nobody.assert_failed(2, &["there is no user no-such-user"]);
}

#[test]
#[ignore = "needs root"]
fn a_reply_queue_that_a_stranger_made_is_not_trusted_either() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let key = fixture.key.reply();
    Queue::open(key, Access::Find).unwrap().remove().unwrap();
    as_user(STRANGER, || std::mem::forget(Queue::create(key, Mode::new(0o744).unwrap()).unwrap()));
    for arguments in [&["on"][..], &["on", "--no-wait"]] {
        fixture.command(arguments).assert_failed(4, &[&format!("queue {key} was created by user {STRANGER}")]);
    }
    assert_eq!(fixture.queue().status().unwrap().messages, 0);
}

#[test]
#[ignore = "needs root"]
fn what_was_sent_before_a_stranger_came_is_not_said_to_be_unsent() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let client = Running::start(fixture.program("command", None).args(["toggle", "--timeout", "60s"]));
    wait_until("it has asked", || fixture.queue().status().unwrap().messages == 1);
    client.stop();
    let key = fixture.key.reply();
    Queue::open(key, Access::Find).unwrap().remove().unwrap();
    as_user(STRANGER, || std::mem::forget(Queue::create(key, Mode::new(0o744).unwrap()).unwrap()));
    client.signal(Signal::CONT);
    client.wait_for_log("the reply was lost, and the command may have been applied");
    assert_eq!(client.wait().0.code(), Some(5));
}

#[test]
#[ignore = "needs root"]
fn a_stranger_who_makes_the_queue_again_and_again_does_not_keep_the_service_from_its_key() {
    let fixture = Fixture::new();
    let keys = [fixture.key, fixture.key.reply()];
    let is_over = AtomicBool::new(false);
    thread::scope(|threads| {
        threads.spawn(|| as_user(STRANGER, || spin(keys, &is_over)));
        let find = |key| Queue::open(key, Access::Find);
        wait_until("the stranger has both", || keys.iter().all(|&key| find(key).is_ok()));
        let refused = outcome(fixture.program("controller", None).arg("--simulate"));
        refused.assert_failed(78, &[&format!("belongs to user {STRANGER}")]);
        let reclaimed = outcome(fixture.program("controller", None).arg("--reclaim"));
        assert_eq!(reclaimed.code, Some(0), "{reclaimed:?}");
        assert!(reclaimed.err.contains(&format!("user {STRANGER}")) && reclaimed.err.contains("removing it"));
        let controller = fixture.controller(&[]);
        fixture.command(&["on"]).assert_printed("on");
        assert_eq!(controller.line(), "LED on");
        is_over.store(true, Ordering::Relaxed);
        fixture.command(&["exit"]).assert_printed("ended");
    });
}

#[test]
#[ignore = "needs root"]
fn only_root_takes_a_key_back_and_only_from_strangers() {
    let fixture = Fixture::new();
    outcome(fixture.program("controller", Some(STRANGER)).arg("--reclaim")).assert_failed(78, &["run it as root"]);
    let queue = Queue::create(fixture.key, Mode::new(0o600).unwrap()).unwrap();
    outcome(fixture.program("controller", None).arg("--reclaim")).assert_failed(78, &["belongs to user root (0)"]);
    assert!(queue.status().is_ok());
    drop(queue);
    // Not from a controller that runs, either.
    let controller = fixture.controller(&[]);
    outcome(fixture.program("controller", None).arg("--reclaim"))
        .assert_failed(1, &[&format!("PID {}", controller.pid())]);
    fixture.assert_led("off");
}

#[test]
#[ignore = "needs root"]
fn a_neighbour_does_not_remove_the_reply_queue_of_another_user() {
    let theirs = Fixture::new();
    let mut controller = theirs.program("controller", Some(STRANGER));
    let controller = Running::start(controller.arg("--simulate"));
    controller.wait_for_log("ready");
    let ours = Fixture::new();
    let mut neighbour = ours.program("controller", None);
    neighbour.args(["--simulate", "--key", &theirs.key.reply().to_string()]);
    outcome(&mut neighbour).assert_failed(78, &[&format!("key {} belongs to user {STRANGER}", theirs.key.reply())]);
    outcome(theirs.program("command", None).args(["on", "--owner", &STRANGER.to_string()])).assert_printed("on");
}

#[test]
#[ignore = "needs root"]
fn root_does_not_believe_a_record_about_a_queue_that_its_writer_did_not_make() {
    let fixture = Fixture::new();
    chown(fixture.path(), Some(STRANGER), Some(STRANGER)).unwrap();
    let precious = Queue::create(fixture.key, Mode::new(0o600).unwrap()).unwrap();
    let record = fixture.lock_file("record");
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    fs::write(&record, format!("pid 1\npid_namespace 1\nqueue {}\ncreated {now}\ncreator 0\n", precious.id())).unwrap();
    chown(&record, Some(STRANGER), Some(STRANGER)).unwrap();
    // Not even when root has written it again.
    for _ in 0..2 {
        for option in ["--reclaim", "--simulate"] {
            outcome(fixture.program("controller", None).arg(option)).assert_failed(78, &["belongs to user root (0)"]);
        }
    }
    assert!(precious.status().is_ok());
    // Nor is a file of another user's made the lock, which would give it away.
    let other = Fixture::new();
    chown(other.path(), Some(STRANGER), Some(STRANGER)).unwrap();
    fs::write(other.lock_file("lock"), "secret").unwrap();
    let controller = Running::start(other.program("controller", None).arg("--simulate"));
    controller.wait_for_log("no lock for key");
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&fs::metadata(other.lock_file("lock")).unwrap()), 0);
}

#[test]
#[ignore = "needs root and unshare"]
fn controllers_in_different_ipc_namespaces_both_serve() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let other = Running::start(within(&["unshare", "--ipc"], &fixture, "controller").arg("--simulate"));
    other.wait_for_log("ready");
    let inside = ["nsenter", "--ipc", "--target", &other.pid().to_string()];
    outcome(within(&inside, &fixture, "command").arg("on")).assert_printed("on");
    fixture.assert_led("off");
}

#[test]
#[ignore = "needs root and unshare"]
fn a_stopped_controller_in_another_pid_namespace_is_not_taken_for_one_that_has_ended() {
    let fixture = Fixture::new();
    let inside = ["unshare", "--pid", "--fork", "--kill-child"];
    let controller = Running::start(within(&inside, &fixture, "controller").arg("--simulate"));
    controller.wait_for_log("ready");
    let children = format!("/proc/{0}/task/{0}/children", controller.pid());
    let pid: i32 = fs::read_to_string(children).unwrap().trim().parse().unwrap();
    let signal = |signal| rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
    signal(Signal::STOP);
    fixture
        .command(&["on", "--timeout", "100ms"])
        .assert_failed(5, &["no reply within 100ms", "no process is known to serve the queue", "1 message is waiting"]);
    signal(Signal::CONT);
    assert_eq!(controller.line(), "LED on");
    // Ended, it leaves nothing to doubt.
    signal(Signal::TERM);
    assert!(controller.wait().0.success());
    fixture.command(&["on"]).assert_failed(3, &["no controller is running"]);
}

#[test]
#[ignore = "needs root and unshare"]
fn a_name_that_is_not_utf8_does_not_hide_the_groups() {
    let fixture = Fixture::new();
    let mut groups = b"caf\xe9:x:1234:\n".to_vec();
    groups.extend(fs::read("/etc/group").unwrap());
    groups.extend(b"lamps:x:54324:\n");
    let file = fixture.path().join("group");
    fs::write(&file, groups).unwrap();
    let bind = format!("mount --bind {} /etc/group && exec \"$0\" \"$@\"", file.display());
    let mut controller = within(&["unshare", "--mount", "sh", "-c", &bind], &fixture, "controller");
    let controller = Running::start(controller.args(["--simulate", "--group", "lamps"]));
    controller.wait_for_log("ready");
    assert_eq!(fixture.queue().status().unwrap().permissions.group, 54_324);
}

#[test]
#[ignore = "needs root and unshare"]
fn a_full_lock_directory_does_not_keep_it_from_serving() {
    let fixture = Fixture::new();
    let directory = fixture.path().display();
    let full = format!(
        "mount -t tmpfs -o nr_blocks=1,mode=755 none {directory} && {{ cat /dev/zero >{directory}/zeros 2>&-; :; }} && exec \"$0\" \"$@\""
    );
    let mut controller = within(&["unshare", "--mount", "sh", "-c", &full], &fixture, "controller");
    let controller = Running::start(controller.arg("--simulate"));
    assert!(controller.wait_for_log("must be removed by hand").contains("No space left on device"));
    controller.wait_for_log("ready");
    fixture.command(&["on"]).assert_printed("on");
}

#[test]
#[ignore = "needs root and unshare"]
fn where_the_queue_holds_no_message_it_does_not_start() {
    let fixture = Fixture::new();
    let small = "echo 255 >/proc/sys/kernel/msgmnb && exec \"$0\" \"$@\"";
    let mut controller = within(&["unshare", "--ipc", "sh", "-c", small], &fixture, "controller");
    outcome(controller.arg("--simulate"))
        .assert_failed(78, &["holds 255 bytes, and a message has up to 256", "sysctl kernel.msgmnb=16384"]);
}

#[test]
#[ignore = "needs root and prlimit"]
fn where_no_thread_can_be_had_it_is_answered_all_the_same() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&["--mode", "0666"]);
    let client = fixture.program("command", Some(OTHER_STRANGER));
    let mut limited = Command::new("prlimit");
    limited.arg("--nproc=1").arg(client.get_program()).args(client.get_args()).arg("on");
    limited.uid(OTHER_STRANGER).gid(OTHER_STRANGER).current_dir("/").env("LED_LOCK_DIRECTORY", fixture.path());
    outcome(&mut limited).assert_printed("on");
}

#[test]
#[ignore = "needs root and strace"]
fn a_client_waits_for_a_queue_that_is_being_made() {
    let fixture = Fixture::new();
    let program = fixture.program("controller", None);
    let mut strace = Command::new("strace");
    // Each call of msgctl takes half a second: there are two queues, and the group comes with the second call on each.
    strace.args(["-D", "-e", "trace=msgctl", "-e", "inject=msgctl:delay_enter=500000", "-o", "/dev/null"]);
    strace.arg(program.get_program()).args(program.get_args()).args(["--simulate", "--mode", "0666"]);
    let controller = Running::start(strace.env("LED_LOCK_DIRECTORY", fixture.path()));
    let find = || Queue::open(fixture.key, Access::Find).ok()?.status().ok();
    wait_until("the queue is being made", || find().is_some_and(|status| status.permissions.mode == Mode::CLOSED));
    outcome(fixture.program("command", Some(OTHER_STRANGER)).args(["on", "--timeout", "60s"])).assert_printed("on");
    controller.signal(Signal::KILL);
}

#[test]
#[ignore = "needs root and unshare"]
fn doctor_does_not_wait_for_a_systemctl_that_hangs() {
    let fixture = Fixture::new();
    let systemctl = fixture.write("systemctl", "#!/bin/sh\nexec sleep 1000\n");
    fs::set_permissions(&systemctl, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let run = format!(
        "mount -t tmpfs none /run && mkdir -p /run/systemd/system && PATH={}:$PATH && exec \"$0\" doctor",
        fixture.path().display()
    );
    let program = fixture.program("command", None);
    let mut doctor = Command::new("unshare");
    doctor.args(["--mount", "--ipc", "sh", "-c", &run]).arg(program.get_program());
    let doctor = outcome(&mut doctor);
    assert!(doctor.out.contains("FAIL unit        systemctl does not answer within 5s"), "{doctor:?}");
}

#[test]
#[ignore = "needs root and unshare"]
fn watch_as_the_first_process_of_a_container_ends_on_sigterm() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let inside = ["unshare", "--pid", "--fork", "--kill-child"];
    let watch = Running::start(within(&inside, &fixture, "command").args(["status", "--watch"]));
    assert_eq!(watch.line(), "off");
    let children = format!("/proc/{0}/task/{0}/children", watch.pid());
    let pid: i32 = fs::read_to_string(children).unwrap().trim().parse().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    assert_eq!(watch.wait().0.code(), Some(143));
}
