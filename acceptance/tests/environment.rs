//! Namespaces, limits and other unusual environments of the programs.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::{Command, Stdio},
};

use shared::{Access, Mode, Queue};
use testing::{Fixture, Outcome, Running, Signal, THIRD_USER, wait_until};

/// The program, started by another one that prepares its environment: `["unshare", "--ipc"]`.
fn wrapped(wrapper: &[impl AsRef<OsStr>], fixture: &Fixture, program: &str) -> Command {
    let program = fixture.program(program, None);
    let mut command = Command::new(&wrapper[0]);
    command
        .args(&wrapper[1..])
        .arg(program.get_program())
        .args(program.get_args())
        .stdin(Stdio::null());
    command
        .env_remove("RUST_LOG")
        .env("LED_LOCK_DIRECTORY", fixture.path());
    command
}

/// A wrapper with mounts of its own, which runs this script first. unshare(1) cannot set the propagation of mounts in a chroot
/// whose `/` is not a mount point. There the script mounts the root over /run, which is one.
fn with_mounts(script: &str) -> Vec<String> {
    let script = format!(
        "if mountpoint --quiet /; then mount --make-rprivate / && root=/; \
         else mount --make-private /run && mount --rbind / /run && mount --make-rprivate /run && root=/run; fi && \
         exec chroot $root sh -c '{script} && exec \"$0\" \"$@\"' \"$0\" \"$@\""
    );
    [
        "unshare",
        "--mount",
        "--propagation=unchanged",
        "sh",
        "-c",
        &script,
    ]
    .map(str::to_owned)
    .into()
}

#[test]
#[ignore = "needs root and unshare"]
fn controllers_in_different_ipc_namespaces_both_serve() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let other =
        Running::start(wrapped(&["unshare", "--ipc"], &fixture, "controller").arg("--simulate"));
    other.wait_for_log("ready");
    let wrapper = ["nsenter", "--ipc", "--target", &other.pid().to_string()];
    Outcome::of(wrapped(&wrapper, &fixture, "command").arg("on")).assert_printed("on");
    fixture.assert_led("off");
}

#[test]
#[ignore = "needs root and unshare"]
fn a_stopped_controller_in_another_pid_namespace_is_not_reported_as_ended() {
    let fixture = Fixture::new();
    let wrapper = ["unshare", "--pid", "--fork", "--kill-child"];
    let controller = Running::start(wrapped(&wrapper, &fixture, "controller").arg("--simulate"));
    controller.wait_for_log("ready");
    let children = format!("/proc/{0}/task/{0}/children", controller.pid());
    let pid: i32 = fs::read_to_string(children)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let signal = |signal| {
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap()
    };
    signal(Signal::STOP);
    fixture
        .command(&["on", "--timeout", "100ms"])
        .assert_failed(
            5,
            &[
                "no reply within 100ms",
                "no process is known to serve the queue",
                "1 message is waiting",
            ],
        );
    signal(Signal::CONT);
    assert_eq!(controller.line(), "LED on");
    // After the end there is no queue.
    signal(Signal::TERM);
    assert!(controller.wait().0.success());
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
    let mut controller = wrapped(&bind, &fixture, "controller");
    let controller = Running::start(controller.args(["--simulate", "--group", "lamps"]));
    controller.wait_for_log("ready");
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
    let mut controller = wrapped(&full, &fixture, "controller");
    let controller = Running::start(controller.arg("--simulate"));
    assert!(
        controller
            .wait_for_log("remove its queue by hand")
            .contains("No space left on device")
    );
    controller.wait_for_log("ready");
    fixture.command(&["on"]).assert_printed("on");
}

#[test]
#[ignore = "needs root and unshare"]
fn it_does_not_start_if_a_queue_cannot_hold_a_message() {
    let fixture = Fixture::new();
    let small = "echo 255 >/proc/sys/kernel/msgmnb && exec \"$0\" \"$@\"";
    let mut controller = wrapped(
        &["unshare", "--ipc", "sh", "-c", small],
        &fixture,
        "controller",
    );
    Outcome::of(controller.arg("--simulate")).assert_failed(
        78,
        &[
            "holds 255 bytes, and a message has up to 256",
            "sysctl kernel.msgmnb=16384",
        ],
    );
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
        .arg("on");
    limited
        .uid(THIRD_USER)
        .gid(THIRD_USER)
        .current_dir("/")
        .env("LED_LOCK_DIRECTORY", fixture.path());
    Outcome::of(&mut limited).assert_printed("on");
}

#[test]
#[ignore = "needs root and strace"]
fn a_client_waits_for_a_closed_queue() {
    let fixture = Fixture::new();
    let program = fixture.program("controller", None);
    let mut strace = Command::new("strace");
    // Each call of msgctl takes half a second. There are two queues, and the second call on each sets the group.
    strace.args([
        "-D",
        "-e",
        "trace=msgctl",
        "-e",
        "inject=msgctl:delay_enter=500000",
        "-o",
        "/dev/null",
    ]);
    strace
        .arg(program.get_program())
        .args(program.get_args())
        .args(["--simulate", "--mode", "0666"]);
    let controller = Running::start(strace.env("LED_LOCK_DIRECTORY", fixture.path()));
    let find = || Queue::open(fixture.key, Access::Find).ok()?.status().ok();
    wait_until("the queue is closed", || {
        find().is_some_and(|status| status.permissions.mode == Mode::CLOSED)
    });
    Outcome::of(
        fixture
            .program("command", Some(THIRD_USER))
            .args(["on", "--timeout", "60s"]),
    )
    .assert_printed("on");
    controller.signal(Signal::KILL);
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
    let doctor = Outcome::of(wrapped(&run, &fixture, "command").args(["doctor", "--key", "1234"]));
    assert!(
        doctor
            .out
            .contains("FAIL unit        systemctl did not finish within 5s"),
        "{doctor:?}"
    );
}

#[test]
#[ignore = "needs root and unshare"]
fn watch_as_the_first_process_of_a_container_ends_on_sigterm() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    let wrapper = ["unshare", "--pid", "--fork", "--kill-child"];
    let watch = Running::start(wrapped(&wrapper, &fixture, "command").args(["status", "--watch"]));
    assert_eq!(watch.line(), "off");
    let children = format!("/proc/{0}/task/{0}/children", watch.pid());
    let pid: i32 = fs::read_to_string(children)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), Signal::TERM)
        .unwrap();
    assert_eq!(watch.wait().0.code(), Some(143));
}
