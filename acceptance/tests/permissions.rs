//! Permissions, checked as other users. Only root can act as another user: `cargo test -- --include-ignored` as root, as
//! `make test` runs it.

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

use shared::Mode;
use testing::{Fixture, OTHER_USER, Outcome, Running, THIRD_USER};

#[test]
#[ignore = "needs root"]
fn a_user_without_permission_is_refused_with_the_reason() {
    for (options, parts) in [
        (
            ["--group", "daemon"],
            &[
                "belongs to root:daemon (0660)",
                "usermod -aG daemon",
                "log in again",
            ][..],
        ),
        (
            ["--mode", "0600"],
            &["(0600)", "its mode does not permit its group", "--mode"],
        ),
    ] {
        let fixture = Fixture::new();
        let _controller = fixture.controller(&options);
        let refused = fixture.command_as(OTHER_USER, &["on"]);
        let denied = format!("permission denied: queue {}", fixture.key);
        refused.assert_failed(4, &[&denied]);
        refused.assert_logged(parts);
        fixture.assert_led("off");
    }
}

#[test]
#[ignore = "needs root"]
fn with_mode_0622_others_send_commands_and_receive_replies_only() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&["--mode", "0622"]);
    // The others in 0622 stand for the group in 0620: the test cannot add a user to a group.
    fixture.command_as(OTHER_USER, &["on"]).assert_printed("on");
    assert_eq!(controller.line(), "LED on");
    let status = fixture.command_as(OTHER_USER, &["status"]).out;
    let served = format!("served by {})\n", controller.pid());
    assert!(status.starts_with("on (queue ") && status.ends_with(&served));
    assert!(status.contains("last receiver"), "{status}");
    let modes =
        [fixture.queue(), fixture.replies()].map(|queue| queue.status().unwrap().permissions.mode);
    assert_eq!(modes, [0o622, 0o744].map(|bits| Mode::new(bits).unwrap()));
}

#[test]
#[ignore = "needs root"]
fn root_gives_a_new_lock_to_the_owner_of_the_directory() {
    let fixture = Fixture::new();
    chown(fixture.path(), Some(OTHER_USER), Some(OTHER_USER)).unwrap();
    fixture.controller(&[]).kill();
    // The queue is root's, the lock is not.
    let stale = fixture.command(&["off", "--timeout", "50ms"]);
    stale.assert_failed(3, &["is stale"]);
    let mut controller = fixture.program("controller", Some(OTHER_USER));
    let refused = Outcome::of(controller.arg("--simulate"));
    refused.assert_failed(78, &["was created by user root (0)"]);
}

#[test]
#[ignore = "needs root"]
fn the_lock_of_a_user_without_a_runtime_directory_is_in_tmp() {
    let fixture = Fixture::new();
    let user = 54_326;
    let directory = format!("/tmp/led-controller-{user}");
    let _ = fs::remove_dir_all(&directory);
    let program = fixture.program("controller", Some(user));
    // Its files must be readable by others all the same.
    let start = || {
        let mut shell = Command::new("sh");
        let line = "umask 077; exec \"$0\" \"$@\" --simulate --mode 0666";
        shell
            .args(["-c", line])
            .arg(program.get_program())
            .args(program.get_args())
            .env_remove("LED_LOCK_DIRECTORY")
            .env_remove("RUST_LOG");
        shell.uid(user).gid(user).current_dir("/");
        shell
    };
    let controller = Running::start(&mut start()).when_ready();
    let pid = format!("(PID {})", controller.pid());
    Outcome::of(&mut start()).assert_failed(1, &[&format!("{pid} uses")]);
    // A client without that variable finds the lock by the creator of the queue.
    controller.stop();
    let mut client = fixture.program("command", Some(THIRD_USER));
    client
        .env_remove("LED_LOCK_DIRECTORY")
        .args(["off", "--timeout", "50ms", "--owner"])
        .arg(user.to_string());
    Outcome::of(&mut client).assert_failed(5, &[&pid]);
    // A directory that the client may not read does not prove that no controller runs.
    fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
    let unknown = "no process is known to serve the queue";
    Outcome::of(&mut client).assert_failed(5, &[unknown]);
    drop(controller);
    // If another user owns the directory, the controller does without it.
    fs::remove_dir_all(&directory).unwrap();
    fs::create_dir(&directory).unwrap();
    let fixture = Fixture::new();
    let controller = Running::start(start().arg("--key").arg(fixture.key.to_string()));
    let warning = controller.wait_for_log("no lock for key");
    let unsafe_directory = format!("{directory} (owner root (0)) is not safe for a lock");
    assert!(warning.contains(&unsafe_directory), "{warning}");
    controller.wait_for_log("ready");
    fixture.terminate(controller);
    fs::remove_dir_all(&directory).unwrap();
}

#[test]
#[ignore = "needs root"]
fn the_lock_of_a_user_with_a_runtime_directory_is_in_it() {
    let fixture = Fixture::new();
    let user = 54_325;
    let runtime = format!("/run/user/{user}");
    fs::create_dir_all(&runtime).unwrap();
    chown(&runtime, Some(user), Some(user)).unwrap();
    fs::set_permissions(&runtime, Permissions::from_mode(0o700)).unwrap();
    // Another user owns the directory of that name in /tmp.
    let temporary = format!("/tmp/led-controller-{user}");
    let _ = fs::remove_dir_all(&temporary);
    fs::create_dir(&temporary).unwrap();
    let mut controller = fixture.program("controller", Some(user));
    controller
        .arg("--simulate")
        .env_remove("LED_LOCK_DIRECTORY");
    let controller = Running::start(&mut controller);
    assert!(controller.wait_for_log("").contains("ready"));
    let modes = ["lock", "record"].map(|extension| {
        let name = fixture.lock_file(extension);
        let file = Path::new(&runtime).join("led-controller");
        let file = fs::metadata(file.join(name.file_name().unwrap()));
        file.unwrap().permissions().mode() & 0o777
    });
    assert_eq!(modes, [0o600, 0o644]);
    fixture.terminate(controller);
    fs::remove_dir_all(&runtime).unwrap();
    fs::remove_dir_all(&temporary).unwrap();
}

#[test]
#[ignore = "needs root"]
fn a_lock_directory_of_another_user_is_not_read() {
    let fixture = Fixture::new();
    let user = 54_323;
    let directory = format!("/tmp/led-controller-{user}");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir(&directory).unwrap();
    chown(&directory, Some(THIRD_USER), None).unwrap();
    // Opening a pipe to read it would wait for a writer.
    let record = fixture.lock_file("record");
    let pipe = Path::new(&directory).join(record.file_name().unwrap());
    Outcome::of(Command::new("mkfifo").arg(&pipe)).assert_code(0);
    let mut client = fixture.program("command", Some(user));
    let client = Running::start(client.arg("status").env_remove("LED_LOCK_DIRECTORY"));
    client.wait_for_log("no controller is running");
    fs::remove_dir_all(&directory).unwrap();
    client.wait().assert_code(3);
}
