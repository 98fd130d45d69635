//! Nothing that a stranger or a neighbour does misleads the controller or a client.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use acceptance::{OTHER_STRANGER, Outcome, Place, Running, STRANGER, Signal, wait_until};
use rustix::thread::{Gid, Uid, set_thread_gid, set_thread_groups, set_thread_uid};
use shared::{Access, Key, Mode, Queue};

fn outcome(command: &mut Command) -> Outcome {
    command.output().unwrap().into()
}

/// The program behind another one that prepares its surroundings: `["unshare", "--ipc"]`.
fn within(prepare: &[&str], place: &Place, program: &str) -> Command {
    let program = place.program(program, None);
    let mut command = Command::new(prepare[0]);
    command.args(&prepare[1..]).arg(program.get_program()).args(program.get_args()).stdin(Stdio::null());
    command.env_remove("RUST_LOG").env("LED_LOCK_DIRECTORY", place.path());
    command
}

/// Runs this as the stranger. Credentials are a thread's own.
fn as_stranger<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    thread::scope(|threads| {
        let stranger = threads.spawn(|| {
            set_thread_groups(&[]).unwrap();
            set_thread_gid(Gid::from_raw(STRANGER)).unwrap();
            set_thread_uid(Uid::from_raw(STRANGER)).unwrap();
            run()
        });
        stranger.join().unwrap()
    })
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
    let place = Place::new();
    // As /run/led-controller is.
    fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let killed = place.controller(&[]);
    let lock = place.lock_file("lock");
    let take = "while :; do flock --shared \"$0\" sleep 60 2>/dev/null; done";
    let mut stranger = Command::new("bash");
    stranger.args(["-c", take]).arg(&lock).uid(STRANGER).gid(STRANGER).stdout(Stdio::null()).process_group(0);
    let stranger = Running::quietly(&mut stranger);
    killed.kill();
    let controller = place.controller(&[]);
    place.led_is("off");
    controller.kill();
    let turned_off = outcome(place.program("controller", None).args(["--simulate", "--turn-off"]));
    assert_eq!(turned_off.code, Some(0), "{turned_off:?}");
    assert!(place.is_clean());
    drop(stranger);
}

#[test]
#[ignore = "needs root"]
fn nothing_is_sent_to_a_queue_that_a_stranger_made() {
    let place = Place::new();
    let controller = place.program("controller", Some(STRANGER));
    let mut controller = Command::new(controller.get_program());
    place.bring(&mut controller);
    let controller = Running::start(controller.args(["--simulate", "--mode", "0666"]).uid(STRANGER).gid(STRANGER));
    controller.wait_for_log("ready");
    let made = format!("queue {} was created by user {STRANGER}, who is not trusted; nothing was sent", place.key);
    let next = format!("\"sudo ipcrm -Q {}\", or trust that user with --owner {STRANGER}", place.key);
    for user in [None, Some(OTHER_STRANGER)] {
        for verb in [&["on"][..], &["off"], &["toggle"], &["blink"], &["exit"], &["on", "--no-wait"]] {
            outcome(place.program("command", user).args(verb)).failed(4, &[&made, &next]);
        }
        let status = outcome(place.program("command", user).arg("status"));
        status.failed_after(4, "no reply (queue", &[&made]);
        outcome(place.program("command", user).args(["status", "--watch"])).failed(4, &[&made]);
        let doctor = outcome(place.program("command", user).arg("doctor"));
        assert!(doctor.code == Some(1) && doctor.out.contains(&format!("FAIL queue       {made}")), "{doctor:?}");
    }
    let status = Queue::open(place.key, Access::Find).unwrap().status().unwrap();
    assert_eq!(status.last_sender, None);
    // Users who know each other, and the stranger himself.
    for (user, owner) in [(None, Some(STRANGER)), (Some(OTHER_STRANGER), Some(STRANGER)), (Some(STRANGER), None)] {
        let mut client = place.program("command", user);
        client.args(owner.map(|owner| format!("--owner={owner}")));
        outcome(client.arg("on")).printed("on");
    }
    let nobody = place.command(&["on", "--owner", "no-such-user"]);
    nobody.failed(2, &["there is no user no-such-user"]);
}

#[test]
#[ignore = "needs root"]
fn a_reply_queue_that_a_stranger_made_is_not_trusted_either() {
    let place = Place::new();
    let controller = place.controller(&[]);
    controller.stop();
    let key = place.key.reply();
    Queue::open(key, Access::Find).unwrap().remove().unwrap();
    as_stranger(|| std::mem::forget(Queue::create(key, Mode::new(0o744).unwrap()).unwrap()));
    for arguments in [&["on"][..], &["on", "--no-wait"]] {
        place.command(arguments).failed(4, &[&format!("queue {key} was created by user {STRANGER}")]);
    }
    assert_eq!(place.queue().status().unwrap().messages, 0);
}

#[test]
#[ignore = "needs root"]
fn what_was_sent_before_a_stranger_came_is_not_said_to_be_unsent() {
    let place = Place::new();
    let controller = place.controller(&[]);
    controller.stop();
    let client = Running::start(place.program("command", None).args(["toggle", "--timeout", "60s"]));
    wait_until("it has asked", || place.queue().status().unwrap().messages == 1);
    client.stop();
    let key = place.key.reply();
    Queue::open(key, Access::Find).unwrap().remove().unwrap();
    as_stranger(|| std::mem::forget(Queue::create(key, Mode::new(0o744).unwrap()).unwrap()));
    client.signal(Signal::CONT);
    client.wait_for_log("the reply was lost, and the command may have been applied");
    assert_eq!(client.end().0.code(), Some(5));
}

#[test]
#[ignore = "needs root"]
fn a_stranger_who_makes_the_queue_again_and_again_does_not_keep_the_service_from_its_key() {
    let place = Place::new();
    let keys = [place.key, place.key.reply()];
    let is_over = AtomicBool::new(false);
    thread::scope(|threads| {
        threads.spawn(|| as_stranger(|| spin(keys, &is_over)));
        let find = |key| Queue::open(key, Access::Find);
        wait_until("the stranger has both", || keys.iter().all(|&key| find(key).is_ok()));
        let refused = outcome(place.program("controller", None).arg("--simulate"));
        refused.failed(78, &[&format!("belongs to user {STRANGER}")]);
        let reclaimed = outcome(place.program("controller", None).arg("--reclaim"));
        assert_eq!(reclaimed.code, Some(0), "{reclaimed:?}");
        assert!(reclaimed.err.contains(&format!("user {STRANGER}")) && reclaimed.err.contains("removing it"));
        let controller = place.controller(&[]);
        place.command(&["on"]).printed("on");
        assert_eq!(controller.line(), "LED on");
        is_over.store(true, Ordering::Relaxed);
        place.command(&["exit"]).printed("ended");
    });
}

#[test]
#[ignore = "needs root"]
fn only_root_takes_a_key_back_and_only_from_strangers() {
    let place = Place::new();
    outcome(place.program("controller", Some(STRANGER)).arg("--reclaim")).failed(78, &["run it as root"]);
    let queue = Queue::create(place.key, Mode::new(0o600).unwrap()).unwrap();
    outcome(place.program("controller", None).arg("--reclaim")).failed(78, &["belongs to user root (0)"]);
    assert!(queue.status().is_ok());
    drop(queue);
    // Not from a controller that runs, either.
    let controller = place.controller(&[]);
    outcome(place.program("controller", None).arg("--reclaim")).failed(1, &[&format!("PID {}", controller.pid())]);
    place.led_is("off");
}

#[test]
#[ignore = "needs root"]
fn a_neighbour_does_not_remove_the_reply_queue_of_another_user() {
    let theirs = Place::new();
    let mut controller = theirs.program("controller", Some(STRANGER));
    let controller = Running::start(controller.arg("--simulate"));
    controller.wait_for_log("ready");
    let ours = Place::new();
    let mut neighbour = ours.program("controller", None);
    neighbour.args(["--simulate", "--key", &theirs.key.reply().to_string()]);
    outcome(&mut neighbour).failed(78, &[&format!("key {} belongs to user {STRANGER}", theirs.key.reply())]);
    outcome(theirs.program("command", None).args(["on", "--owner", &STRANGER.to_string()])).printed("on");
}

#[test]
#[ignore = "needs root"]
fn root_does_not_believe_a_record_about_a_queue_that_its_writer_did_not_make() {
    let place = Place::new();
    chown(place.path(), Some(STRANGER), Some(STRANGER)).unwrap();
    let precious = Queue::create(place.key, Mode::new(0o600).unwrap()).unwrap();
    let record = place.lock_file("record");
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    fs::write(&record, format!("pid 1\npid_namespace 1\nqueue {}\ncreated {now}\ncreator 0\n", precious.id())).unwrap();
    chown(&record, Some(STRANGER), Some(STRANGER)).unwrap();
    // Not even when root has written it again.
    for _ in 0..2 {
        for option in ["--reclaim", "--simulate"] {
            outcome(place.program("controller", None).arg(option)).failed(78, &["belongs to user root (0)"]);
        }
    }
    assert!(precious.status().is_ok());
    // Nor is a file of another user's made the lock, which would give it away.
    let other = Place::new();
    chown(other.path(), Some(STRANGER), Some(STRANGER)).unwrap();
    fs::write(other.lock_file("lock"), "secret").unwrap();
    let controller = Running::start(other.program("controller", None).arg("--simulate"));
    controller.wait_for_log("no lock for key");
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&fs::metadata(other.lock_file("lock")).unwrap()), 0);
}

#[test]
#[ignore = "needs root and unshare"]
fn controllers_in_different_ipc_namespaces_both_serve() {
    let place = Place::new();
    let _controller = place.controller(&[]);
    let other = Running::start(within(&["unshare", "--ipc"], &place, "controller").arg("--simulate"));
    other.wait_for_log("ready");
    let inside = ["nsenter", "--ipc", "--target", &other.pid().to_string()];
    outcome(within(&inside, &place, "command").arg("on")).printed("on");
    place.led_is("off");
}

#[test]
#[ignore = "needs root and unshare"]
fn a_stopped_controller_in_another_pid_namespace_is_not_taken_for_one_that_has_ended() {
    let place = Place::new();
    let inside = ["unshare", "--pid", "--fork", "--kill-child"];
    let controller = Running::start(within(&inside, &place, "controller").arg("--simulate"));
    controller.wait_for_log("ready");
    let children = format!("/proc/{0}/task/{0}/children", controller.pid());
    let pid: i32 = fs::read_to_string(children).unwrap().trim().parse().unwrap();
    let signal = |signal| rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
    signal(Signal::STOP);
    place
        .command(&["on", "--timeout", "100ms"])
        .failed(5, &["no reply within 100ms", "no process is known to serve the queue", "1 message is waiting"]);
    signal(Signal::CONT);
    assert_eq!(controller.line(), "LED on");
    // Ended, it leaves nothing to doubt.
    signal(Signal::TERM);
    assert!(controller.end().0.success());
    place.command(&["on"]).failed(3, &["no controller is running"]);
}

#[test]
#[ignore = "needs root and unshare"]
fn a_name_that_is_not_utf8_does_not_hide_the_groups() {
    let place = Place::new();
    let mut groups = b"caf\xe9:x:1234:\n".to_vec();
    groups.extend(fs::read("/etc/group").unwrap());
    groups.extend(b"lamps:x:54324:\n");
    let file = place.path().join("group");
    fs::write(&file, groups).unwrap();
    let bind = format!("mount --bind {} /etc/group && exec \"$0\" \"$@\"", file.display());
    let mut controller = within(&["unshare", "--mount", "sh", "-c", &bind], &place, "controller");
    let controller = Running::start(controller.args(["--simulate", "--group", "lamps"]));
    controller.wait_for_log("ready");
    assert_eq!(place.queue().status().unwrap().permissions.group, 54_324);
}

#[test]
#[ignore = "needs root and unshare"]
fn a_full_lock_directory_does_not_keep_it_from_serving() {
    let place = Place::new();
    let directory = place.path().display();
    let full = format!(
        "mount -t tmpfs -o nr_blocks=1,mode=755 none {directory} && {{ cat /dev/zero >{directory}/zeros 2>&-; :; }} && exec \"$0\" \"$@\""
    );
    let mut controller = within(&["unshare", "--mount", "sh", "-c", &full], &place, "controller");
    let controller = Running::start(controller.arg("--simulate"));
    assert!(controller.wait_for_log("must be removed by hand").contains("No space left on device"));
    controller.wait_for_log("ready");
    place.command(&["on"]).printed("on");
}

#[test]
#[ignore = "needs root and unshare"]
fn where_the_queue_holds_no_message_it_does_not_start() {
    let place = Place::new();
    let small = "echo 255 >/proc/sys/kernel/msgmnb && exec \"$0\" \"$@\"";
    let mut controller = within(&["unshare", "--ipc", "sh", "-c", small], &place, "controller");
    outcome(controller.arg("--simulate"))
        .failed(78, &["holds 255 bytes, and a message has up to 256", "sysctl kernel.msgmnb=16384"]);
}

#[test]
#[ignore = "needs root and prlimit"]
fn where_no_thread_can_be_had_it_is_answered_all_the_same() {
    let place = Place::new();
    let _controller = place.controller(&["--mode", "0666"]);
    let client = place.program("command", Some(OTHER_STRANGER));
    let mut limited = Command::new("prlimit");
    limited.arg("--nproc=1").arg(client.get_program()).args(client.get_args()).arg("on");
    limited.uid(OTHER_STRANGER).gid(OTHER_STRANGER).current_dir("/").env("LED_LOCK_DIRECTORY", place.path());
    outcome(&mut limited).printed("on");
}

#[test]
#[ignore = "needs root and strace"]
fn a_client_waits_for_a_queue_that_is_being_made() {
    let place = Place::new();
    let program = place.program("controller", None);
    let mut strace = Command::new("strace");
    // Each call of msgctl takes half a second: there are two queues, and the group comes with the second call on each.
    strace.args(["-D", "-e", "trace=msgctl", "-e", "inject=msgctl:delay_enter=500000", "-o", "/dev/null"]);
    strace.arg(program.get_program()).args(program.get_args()).args(["--simulate", "--mode", "0666"]);
    let controller = Running::start(strace.env("LED_LOCK_DIRECTORY", place.path()));
    let find = || Queue::open(place.key, Access::Find).ok()?.status().ok();
    wait_until("the queue is being made", || find().is_some_and(|status| status.permissions.mode == Mode::CLOSED));
    outcome(place.program("command", Some(OTHER_STRANGER)).args(["on", "--timeout", "60s"])).printed("on");
    controller.signal(Signal::KILL);
}

#[test]
#[ignore = "needs root and unshare"]
fn doctor_does_not_wait_for_a_systemctl_that_hangs() {
    let place = Place::new();
    let systemctl = place.write("systemctl", "#!/bin/sh\nexec sleep 1000\n");
    fs::set_permissions(&systemctl, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let run = format!(
        "mount -t tmpfs none /run && mkdir -p /run/systemd/system && PATH={}:$PATH && exec \"$0\" doctor",
        place.path().display()
    );
    let program = place.program("command", None);
    let mut doctor = Command::new("unshare");
    doctor.args(["--mount", "--ipc", "sh", "-c", &run]).arg(program.get_program());
    let doctor = outcome(&mut doctor);
    assert!(doctor.out.contains("FAIL unit        systemctl does not answer within 5s"), "{doctor:?}");
}

#[test]
#[ignore = "needs root and unshare"]
fn watch_as_the_first_process_of_a_container_ends_on_sigterm() {
    let place = Place::new();
    let _controller = place.controller(&[]);
    let inside = ["unshare", "--pid", "--fork", "--kill-child"];
    let watch = Running::start(within(&inside, &place, "command").args(["status", "--watch"]));
    assert_eq!(watch.line(), "off");
    let children = format!("/proc/{0}/task/{0}/children", watch.pid());
    let pid: i32 = fs::read_to_string(children).unwrap().trim().parse().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    assert_eq!(watch.end().0.code(), Some(143));
}
