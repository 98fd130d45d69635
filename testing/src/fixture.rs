//! The fixture of a test: its key, its lock directory, and the programs with both.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
};

use shared::{Access, Key, Queue};
use tempfile::TempDir;

use crate::{Outcome, PATIENCE, Running, key, programs, programs::inherit_defaults};

/// Variables that the programs would take from the service, or the shell, that runs the tests.
const SERVICE: [&str; 5] = [
    "RUST_LOG",
    "CREDENTIALS_DIRECTORY",
    "JOURNAL_STREAM",
    "NOTIFY_SOCKET",
    "STATE_DIRECTORY",
];

/// A key and a lock directory for one test. Queues that are left under the key are removed when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Fixture {
    /// The key of the command queue.
    pub key: Key,
    directory: TempDir,
}

impl Fixture {
    /// A fixture with a key and a directory that no other test has.
    #[expect(clippy::new_without_default, reason = "each one is different")]
    pub fn new() -> Fixture {
        inherit_defaults();
        let directory = tempfile::Builder::new()
            .prefix("led-")
            // A TMPDIR may be of this user alone, or too long for the address of a socket.
            .tempdir_in("/tmp")
            .expect("a temporary directory");
        // Processes of other users have their locks in it too.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777))
            .expect("the directory is ours");
        Fixture {
            key: key(),
            directory,
        }
    }

    /// The directory: locks, records, and other files of the test.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The program `controller` or `command` with the key, as this or another user.
    #[must_use]
    pub fn program(&self, name: &str, user: Option<u32>) -> Command {
        let mut program = programs().join(name);
        if user.is_some() {
            let copy = self.path().join(name);
            if !copy.exists() {
                // Copy in another process: a child that another test forks meanwhile would inherit the descriptor, and the
                // program would be busy.
                let copied = Command::new("cp").arg(&program).arg(&copy).status();
                assert!(
                    copied.is_ok_and(|status| status.success()),
                    "cannot copy {name}"
                );
            }
            program = copy;
        }
        let mut command = Command::new(program);
        self.configure(&mut command);
        if let Some(user) = user {
            command.uid(user).gid(user).current_dir("/");
        }
        command
    }

    /// Sets the key and the lock directory of a program, and unsets what it would inherit from the environment of the tests.
    pub fn configure(&self, program: &mut Command) {
        program.arg("--key").arg(self.key.to_string());
        self.configure_environment(program);
    }

    /// The program `controller` (with a simulated LED) or `command`, started by another one: `["strace", "-f"]`, for example.
    #[must_use]
    pub fn wrapped(&self, wrapper: &[impl AsRef<OsStr>], name: &str) -> Command {
        let program = self.program(name, None);
        let mut command = Command::new(&wrapper[0]);
        command
            .args(&wrapper[1..])
            .arg(program.get_program())
            .args(program.get_args())
            .args((name == "controller").then_some("--simulate"));
        self.configure_environment(&mut command);
        command
    }

    /// Sets the lock directory of a program, and unsets what it would inherit from the environment of the tests.
    pub fn configure_environment(&self, program: &mut Command) {
        program
            .stdin(Stdio::null())
            .env("LED_LOCK_DIRECTORY", self.path());
        for name in SERVICE {
            program.env_remove(name);
        }
    }

    /// A simulated controller with these options.
    #[must_use]
    pub fn simulated(&self, options: &[&str]) -> Command {
        let mut controller = self.program("controller", None);
        controller.arg("--simulate").args(options);
        controller
    }

    /// Starts a simulated controller with these options, and waits until it is ready.
    pub fn controller(&self, options: &[&str]) -> Running {
        Running::start(&mut self.simulated(options)).when_ready()
    }

    /// Runs the client with these arguments. Where they do not say how long to wait for the reply, it is as long as a test waits:
    /// on a loaded machine a reply may take longer than the default. Without a queue, it fails at once.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Outcome {
        self.patient(None, arguments)
    }

    /// The same as another user.
    #[must_use]
    pub fn command_as(&self, user: u32, arguments: &[&str]) -> Outcome {
        self.patient(Some(user), arguments)
    }

    fn patient(&self, user: Option<u32>, arguments: &[&str]) -> Outcome {
        let mut client = self.program("command", user);
        client.args(arguments);
        let says_how_long = ["--timeout", "--no-wait", "wait"];
        let is_served = Queue::open(self.key, Access::Find).is_ok();
        if is_served && !arguments.iter().any(|word| says_how_long.contains(word)) {
            client.arg(format!("--timeout={}s", PATIENCE.as_secs()));
        }
        Outcome::of(&mut client)
    }

    /// Starts the client with these arguments.
    pub fn client(&self, arguments: &[&str]) -> Running {
        Running::start(self.program("command", None).args(arguments))
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        for key in [self.key, self.key.reply()] {
            let _ = Queue::open(key, Access::Find).and_then(|queue| queue.remove());
        }
    }
}
