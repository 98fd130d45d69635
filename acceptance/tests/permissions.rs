//! Permissions, checked as other users. Only root can act as another user: `cargo test -- --include-ignored` as root, as
//! `make test` runs it.

use std::{
    fs::Permissions,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::Command,
};

use shared::{Access, Mode, Queue};
use testing::{Fixture, OTHER_USER, Outcome, Running, THIRD_USER};

#[test]
#[ignore = "needs root"]
fn a_user_outside_the_group_is_refused_with_owner_group_and_mode() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&["--group", "daemon"]);
    Outcome::of(fixture.program("command", Some(OTHER_USER)).arg("on")).assert_failed(
        4,
        &[
            &format!(
                "permission denied: queue {} belongs to root:daemon (0660)",
                fixture.key
            ),
            "usermod -aG daemon",
            "log in again",
        ],
    );
    fixture.assert_led("off");
}

#[test]
#[ignore = "needs root"]
fn a_mode_without_group_permissions_is_reported() {
    let fixture = Fixture::new();
    let _controller = fixture.controller(&["--mode", "0600"]);
    Outcome::of(fixture.program("command", Some(OTHER_USER)).arg("on")).assert_failed(
        4,
        &[
            "permission denied",
            "(0600)",
            "its mode does not permit its group",
            "--mode",
        ],
    );
}

#[test]
#[ignore = "needs root"]
fn with_mode_0622_others_send_commands_and_receive_replies_only() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&["--mode", "0622"]);
    // The others in 0622 stand for the group in 0620: the test cannot add a user to a group.
    Outcome::of(fixture.program("command", Some(OTHER_USER)).arg("on")).assert_printed("on");
    assert_eq!(controller.line(), "LED on");
    let status = Outcome::of(fixture.program("command", Some(OTHER_USER)).arg("status"));
    assert!(
        status.out.starts_with("on (queue ") && status.out.contains("last receiver"),
        "{status:?}"
    );
    assert!(
        status
            .out
            .ends_with(&format!("served by {})\n", controller.pid())),
        "{status:?}"
    );
    let mode = |key| {
        Queue::open(key, Access::Find)
            .unwrap()
            .status()
            .unwrap()
            .permissions
            .mode
    };
    assert_eq!(
        (mode(fixture.key), mode(fixture.key.reply())),
        (Mode::new(0o622).unwrap(), Mode::new(0o744).unwrap())
    );
}

#[test]
#[ignore = "needs root"]
fn a_group_that_does_not_exist_is_reported() {
    let fixture = Fixture::new();
    let mut controller = fixture.program("controller", None);
    Outcome::of(controller.args(["--simulate", "--group", "no-such-group"])).assert_failed(
        78,
        &[
            "there is no group no-such-group",
            "groupadd --system no-such-group",
        ],
    );
}

#[test]
#[ignore = "needs root"]
fn root_gives_a_new_lock_to_the_owner_of_the_directory() {
    let fixture = Fixture::new();
    std::os::unix::fs::chown(fixture.path(), Some(OTHER_USER), Some(OTHER_USER)).unwrap();
    let controller = fixture.controller(&[]);
    controller.kill();
    // The queue is root's, the lock is not.
    fixture
        .command(&["off", "--timeout", "50ms"])
        .assert_failed(3, &["is stale"]);
    let mut controller = fixture.program("controller", Some(OTHER_USER));
    Outcome::of(controller.arg("--simulate")).assert_failed(78, &["was created by user root (0)"]);
}

#[test]
#[ignore = "needs root"]
fn the_lock_of_a_user_without_a_runtime_directory_is_in_tmp() {
    let fixture = Fixture::new();
    let directory = format!("/tmp/led-controller-{OTHER_USER}");
    let program = fixture.program("controller", Some(OTHER_USER));
    // Its files must be readable by others all the same.
    let start = || {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "umask 077; exec \"$0\" \"$@\" --simulate --mode 0666"])
            .arg(program.get_program())
            .args(program.get_args());
        shell
            .uid(OTHER_USER)
            .gid(OTHER_USER)
            .current_dir("/")
            .env_remove("LED_LOCK_DIRECTORY")
            .env_remove("RUST_LOG");
        shell
    };
    let controller = Running::start(&mut start());
    controller.wait_for_log("ready");
    Outcome::of(&mut start()).assert_failed(1, &[&format!("(PID {}) uses", controller.pid())]);
    // A client without that variable finds the lock by the creator of the queue.
    controller.stop();
    let mut client = fixture.program("command", Some(THIRD_USER));
    let client =
        client
            .env_remove("LED_LOCK_DIRECTORY")
            .args(["off", "--timeout", "50ms", "--owner"]);
    let client = client.arg(OTHER_USER.to_string());
    Outcome::of(client).assert_failed(5, &[&format!("(PID {})", controller.pid())]);
    // A directory that the client may not read does not prove that no controller runs.
    std::fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
    Outcome::of(client).assert_failed(5, &["no process is known to serve the queue"]);
    drop(controller);
    fixture
        .program("controller", Some(OTHER_USER))
        .args(["--simulate", "--turn-off"])
        .output()
        .unwrap();
    // If another user owns the directory, the controller does without it.
    std::fs::remove_dir_all(&directory).unwrap();
    std::fs::create_dir(&directory).unwrap();
    let fixture = Fixture::new();
    let mut shell = start();
    let controller = Running::start(shell.arg("--key").arg(fixture.key.to_string()));
    assert!(
        controller
            .wait_for_log("no lock for key")
            .contains(&format!(
                "{directory} (owner root (0)) is not safe for a lock"
            ))
    );
    controller.wait_for_log("ready");
    controller.signal(testing::Signal::TERM);
    assert!(controller.wait().0.success() && fixture.has_no_queues());
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
#[ignore = "needs root"]
fn the_lock_of_a_user_with_a_runtime_directory_is_in_it() {
    let fixture = Fixture::new();
    let user = 54_325;
    let runtime = format!("/run/user/{user}");
    std::fs::create_dir_all(&runtime).unwrap();
    std::os::unix::fs::chown(&runtime, Some(user), Some(user)).unwrap();
    std::fs::set_permissions(&runtime, Permissions::from_mode(0o700)).unwrap();
    // Another user owns the directory of that name in /tmp.
    let temporary = format!("/tmp/led-controller-{user}");
    std::fs::create_dir(&temporary).unwrap();
    let mut controller = fixture.program("controller", Some(user));
    let controller = Running::start(
        controller
            .arg("--simulate")
            .env_remove("LED_LOCK_DIRECTORY"),
    );
    assert!(controller.wait_for_log("").contains("ready"));
    let name = |extension: &str| fixture.lock_file(extension).file_name().unwrap().to_owned();
    let mode = |extension: &str| {
        let file = std::path::Path::new(&runtime)
            .join("led-controller")
            .join(name(extension));
        std::fs::metadata(file).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode("lock"), mode("record")), (0o600, 0o644));
    controller.signal(testing::Signal::TERM);
    assert!(controller.wait().0.success());
    std::fs::remove_dir_all(&runtime).unwrap();
    std::fs::remove_dir_all(&temporary).unwrap();
}

#[test]
#[ignore = "needs root"]
fn a_lock_directory_of_another_user_is_not_read() {
    let fixture = Fixture::new();
    let user = 54_323;
    let directory = format!("/tmp/led-controller-{user}");
    std::fs::create_dir(&directory).unwrap();
    std::os::unix::fs::chown(&directory, Some(THIRD_USER), None).unwrap();
    // Opening a pipe to read it would wait for a writer.
    let lock = fixture.lock_file("record");
    let pipe = format!(
        "{directory}/{}",
        lock.file_name().unwrap().to_str().unwrap()
    );
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let mut client = fixture.program("command", Some(user));
    let client = Running::start(client.arg("status").env_remove("LED_LOCK_DIRECTORY"));
    client.wait_for_log("no controller is running");
    std::fs::remove_dir_all(&directory).unwrap();
    assert_eq!(client.wait().0.code(), Some(3));
}
