//! Namespaces, limits and other unusual environments of the programs.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::Command,
};

use shared::{Access, Mode, Queue};
use testing::{
    Fixture, OTHER_USER, Outcome, Running, Signal, THIRD_USER,
    process::{self, child},
    wait_until,
};

const PID_NAMESPACE: [&str; 4] = ["unshare", "--pid", "--fork", "--kill-child"];

/// A wrapper with mounts of its own, which runs this script first. unshare(1) cannot set the propagation of mounts in a chroot
/// whose `/` is not a mount point. There the script mounts the root over /run, which is one.
pub(crate) fn with_mounts(script: &str) -> Vec<String> {
    let script = format!(
        "if mountpoint --quiet /; then mount --make-rprivate / && root=/; \
         else mount --make-private /run && mount --rbind / /run && mount --make-rprivate /run && root=/run; fi && \
         exec chroot $root sh -c '{script} && exec \"$0\" \"$@\"' \"$0\" \"$@\""
    );
    let unshare = ["unshare", "--mount", "--propagation=unchanged"];
    let all = unshare.into_iter().chain(["sh", "-c", &script]);
    all.map(str::to_owned).collect()
}

#[test]
#[ignore = "needs root and unshare"]
fn controllers_in_different_ipc_namespaces_both_serve() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let mut other = fixture.wrapped(&["unshare", "--ipc"], "controller");
    let other = Running::start(&mut other).when_ready();
    let wrapper = ["nsenter", "--ipc", "--target", &other.pid().to_string()];
    Outcome::of(
        fixture
            .wrapped(&wrapper, "command")
            .args(["on", "--timeout=60s"]),
    )
    .assert_printed("on");
    fixture.assert_led("off");
}

#[test]
#[ignore = "needs root and unshare"]
fn a_stopped_controller_in_another_pid_namespace_is_not_reported_as_ended() {
    let fixture = Fixture::new();
    let mut controller = fixture.wrapped(&PID_NAMESPACE, "controller");
    let controller = Running::start(&mut controller).when_ready();
    let pid = child(controller.pid());
    process::stop(pid);
    let parts = [
        "no reply within 100ms",
        "no process is known to serve the queue",
        "1 message is waiting",
    ];
    fixture
        .command(&["on", "--timeout", "100ms"])
        .assert_failed(5, &parts);
    process::signal(pid, Signal::CONT);
    assert_eq!(controller.line(), "LED on");
    // After the end there is no queue.
    process::signal(pid, Signal::TERM);
    fixture.assert_clean_end(controller);
    fixture
        .command(&["on"])
        .assert_failed(3, &["no controller is running"]);
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
    let bind = with_mounts(&format!("mount --bind {} /etc/group", file.display()));
    let mut controller = fixture.wrapped(&bind, "controller");
    let _controller = Running::start(controller.args(["--group", "lamps"])).when_ready();
    assert_eq!(fixture.queue().status().unwrap().permissions.group, 54_324);
}

#[test]
#[ignore = "needs root and unshare"]
fn it_serves_without_a_record_if_the_lock_directory_is_full() {
    let fixture = Fixture::new();
    let directory = fixture.path().display();
    let full = with_mounts(&format!(
        "mount -t tmpfs -o nr_blocks=1,mode=755 none {directory} && {{ cat /dev/zero >{directory}/zeros 2>&-; :; }}"
    ));
    let controller = Running::start(&mut fixture.wrapped(&full, "controller"));
    let warning = controller.wait_for_log("remove its queue by hand");
    assert!(warning.contains("No space left on device"), "{warning}");
    controller.wait_for_log("ready");
    fixture.command(&["on"]).assert_printed("on");
}

#[test]
#[ignore = "needs root and unshare"]
fn it_does_not_start_if_a_queue_cannot_hold_a_message() {
    let fixture = Fixture::new();
    let small = "echo 255 >/proc/sys/kernel/msgmnb && exec \"$0\" \"$@\"";
    let wrapper = ["unshare", "--ipc", "sh", "-c", small];
    let parts = [
        "holds 255 bytes, and a message has up to 256",
        "sysctl kernel.msgmnb=16384",
    ];
    Outcome::of(&mut fixture.wrapped(&wrapper, "controller")).assert_failed(78, &parts);
}

#[test]
#[ignore = "needs root and prlimit"]
fn a_client_without_a_thread_limit_left_gets_its_reply() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&["--mode", "0666"]);
    let client = fixture.program("command", Some(THIRD_USER));
    let mut limited = Command::new("prlimit");
    limited
        .arg("--nproc=1")
        .arg(client.get_program())
        .args(client.get_args())
        .args(["on", "--timeout=60s"]);
    fixture.configure_environment(&mut limited);
    limited.uid(THIRD_USER).gid(THIRD_USER).current_dir("/");
    Outcome::of(&mut limited).assert_printed("on");
}

#[test]
#[ignore = "needs root and strace"]
fn a_client_waits_for_a_closed_queue() {
    let fixture = Fixture::new();
    // Each call of msgctl takes half a second. There are two queues, and the second call on each sets the group.
    let slow = "--inject=msgctl:delay_enter=500000";
    let strace = ["strace", "-D", "--trace=msgctl", slow, "--output=/dev/null"];
    let mut controller = fixture.wrapped(&strace, "controller");
    let _controller = Running::start(controller.args(["--mode", "0666"]));
    let find = || Queue::open(fixture.key, Access::Find).ok()?.status().ok();
    wait_until("the queue is closed", || {
        find().is_some_and(|status| status.permissions.mode == Mode::CLOSED)
    });
    let waiting = fixture.command_as(THIRD_USER, &["on", "--timeout", "60s"]);
    waiting.assert_printed("on");
}

#[test]
#[ignore = "needs root and unshare"]
fn doctor_does_not_wait_for_a_systemctl_that_hangs() {
    let fixture = Fixture::new();
    let systemctl = fixture.write("systemctl", "#!/bin/sh\nexec sleep 1000\n");
    fs::set_permissions(&systemctl, PermissionsExt::from_mode(0o755)).unwrap();
    let mut run = with_mounts(&format!(
        "mount -t tmpfs none /run && mkdir -p /run/systemd/system && PATH={}:$PATH",
        fixture.path().display()
    ));
    run.insert(1, "--ipc".to_owned());
    let doctor = Outcome::of(
        fixture
            .wrapped(&run, "command")
            .args(["doctor", "--key", "1234"]),
    );
    let late = "FAIL unit        systemctl did not finish within 5s";
    assert!(doctor.out.contains(late), "{doctor:?}");
}

#[test]
#[ignore = "needs root, unshare and python3"]
fn doctor_names_the_queue_that_keeps_the_service_from_starting() {
    let fixture = Fixture::new();
    let systemctl = fixture.write(
        "systemctl",
        "#!/bin/sh\necho ActiveState=failed; echo SubState=failed\n",
    );
    fs::set_permissions(&systemctl, PermissionsExt::from_mode(0o755)).unwrap();
    let create = "import ctypes; ctypes.CDLL(None).msgget(1234, 0o1620)";
    let create = fixture.write("create.py", create);
    let mut run = with_mounts(&format!(
        "mount -t tmpfs none /run && mkdir -p /run/systemd/system && PATH={}:$PATH && \
         setpriv --reuid {OTHER_USER} --clear-groups /usr/bin/python3 <{}",
        fixture.path().display(),
        create.display()
    ));
    run.insert(1, "--ipc".to_owned());
    let mut doctor = fixture.wrapped(&run, "command");
    let doctor = Outcome::of(doctor.args(["doctor", "--key", "1234"]));
    for part in ["FAIL queue ", "who is not trusted", "FAIL unit "] {
        assert!(doctor.out.contains(part), "{doctor:?}");
    }
}

#[test]
#[ignore = "needs root and unshare"]
fn watch_as_the_first_process_of_a_container_ends_on_sigterm() {
    for arguments in [["status", "--watch"], ["wait", "on"]] {
        let fixture = Fixture::new();
        let _controller = fixture.controller(&[]);
        let mut watch = fixture.wrapped(&PID_NAMESPACE, "command");
        let watch = Running::start(watch.args(arguments));
        wait_until("it has sent its request", || {
            fixture.queue().status().unwrap().last_sender.is_some()
        });
        process::signal(child(watch.pid()), Signal::TERM);
        watch.wait().assert_code(143);
    }
}
