//! The fixture of a test: its key, and its lock directory.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Command, Stdio, id},
    sync::atomic::{AtomicU32, Ordering},
};

use shared::{Access, Key, Message, MessageType, Queue};
use tempfile::TempDir;

use crate::{Outcome, Running, programs, programs::unignore_signals};

/// A key and a lock directory for one test. Queues that are left under the key are removed when this is dropped.
#[derive(Debug)]
pub struct Fixture {
    /// The key of the command queue.
    pub key: Key,
    directory: TempDir,
}

impl Fixture {
    /// A fixture with a key and a directory that no other test has.
    ///
    /// # Panics
    ///
    /// No temporary directory can be created.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each one is different")]
    pub fn new() -> Fixture {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        unignore_signals();
        let is_free = |key: &Key| Queue::open(*key, Access::Find).is_err();
        let key = std::iter::repeat_with(|| {
            // Two keys for the queues, and two that stay free: a client also looks at the keys beside its own.
            let number = COUNTER.fetch_add(4, Ordering::Relaxed);
            Key::new(0x2000_0000 | (id() & 0xffff) << 12 | (number & 0xfff))
                .expect("neither 0 nor the last key")
        });
        let key = key
            .into_iter()
            .find(|key| is_free(key) && is_free(&key.reply()))
            .expect("keys do not run out");
        let directory = tempfile::Builder::new()
            .prefix("led-")
            .tempdir()
            .expect("a temporary directory");
        // Processes of other users have their locks in it too.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777))
            .expect("the directory is ours");
        Fixture { key, directory }
    }

    /// The directory: locks, records, and other files of the test.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The program `controller` or `command` with the key, as this or another user.
    ///
    /// # Panics
    ///
    /// It cannot be copied to where the other user may execute it.
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
        program
            .arg("--key")
            .arg(self.key.to_string())
            .stdin(Stdio::null());
        program
            .env_remove("RUST_LOG")
            .env("LED_LOCK_DIRECTORY", self.path());
    }

    /// Starts a simulated controller with these options, and waits until it is ready.
    #[must_use]
    pub fn controller(&self, options: &[&str]) -> Running {
        let mut controller = self.program("controller", None);
        let running = Running::start(controller.arg("--simulate").args(options));
        running.wait_for_log("ready");
        running
    }

    /// Runs the client with these arguments.
    ///
    /// # Panics
    ///
    /// It does not start.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(self.program("command", None).args(arguments))
    }

    /// Asserts the state of the LED that `command status` prints.
    ///
    /// # Panics
    ///
    /// It differs.
    #[track_caller]
    pub fn assert_led(&self, state: &str) {
        let outcome = self.command(&["status"]);
        let (printed, queue) = outcome
            .out
            .split_once(" (")
            .expect("the queue comes after the state");
        assert_eq!(
            (outcome.code, printed, outcome.err.as_str()),
            (Some(0), state, "")
        );
        assert!(
            queue.starts_with(&format!("queue {}: ", self.key)) && queue.ends_with(")\n"),
            "{queue}"
        );
    }

    /// The command queue, opened for sending.
    ///
    /// # Panics
    ///
    /// It does not exist.
    #[must_use]
    pub fn queue(&self) -> Queue {
        Queue::open(self.key, Access::Send).expect("the controller has created its queue")
    }

    /// Sends a message to the command queue.
    ///
    /// # Panics
    ///
    /// There is no queue, the type is not positive, or the text is longer than 8192 bytes.
    pub fn send(&self, message_type: i64, text: &[u8]) {
        let message_type = MessageType::new(message_type).expect("a positive type");
        let message: Message<8192> = Message::new(message_type, text).expect("at most 8192 bytes");
        self.queue()
            .send(&message)
            .expect("the message can be sent");
    }

    /// Whether neither queue exists.
    #[must_use]
    pub fn has_no_queues(&self) -> bool {
        [self.key, self.key.reply()]
            .iter()
            .all(|&key| Queue::open(key, Access::Find).is_err())
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        for key in [self.key, self.key.reply()] {
            if let Ok(queue) = Queue::open(key, Access::Find) {
                let _ = queue.remove();
            }
        }
    }
}
