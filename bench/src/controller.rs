//! The programs of one side, and a controller that runs.

use std::{
    ffi::OsStr,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use shared::{Access, Queue};
use testing::{Fixture, PATIENCE, Running};

use crate::client::Client;

/// The folder with `controller` and `command` of one side.
#[derive(Debug)]
pub(crate) struct Side(pub(crate) PathBuf);

/// A controller that runs, and a client of it. The client is the same for both sides, so that only the controllers differ.
pub(crate) struct Controller<'a> {
    pub(crate) side: &'a Side,
    pub(crate) client: Client,
    pub(crate) process: Running,
    /// From its start until its queue was open.
    pub(crate) started_in: Duration,
    /// Dropped last: it removes the queues.
    pub(crate) fixture: Fixture,
}

impl Side {
    pub(crate) fn start(&self) -> Controller<'_> {
        self.start_under(&[])
    }

    /// Starts a controller as a child of this tool.
    pub(crate) fn start_under(&self, tool: &[&str]) -> Controller<'_> {
        let fixture = Fixture::new();
        let mut command = self.program(tool, "controller", &fixture);
        let start = Instant::now();
        let process = Running::start_silent(command.arg("--simulate"));
        let is_open = || {
            let status = Queue::open(fixture.key, Access::Find).and_then(|queue| queue.status());
            status.is_ok_and(|status| status.permissions.mode.bits() & 0o200 != 0)
        };
        // A sleep would be longer than the measured time.
        while !is_open() {
            assert!(start.elapsed() < PATIENCE, "{self:?} creates no queue");
            thread::yield_now();
        }
        Controller {
            side: self,
            started_in: start.elapsed(),
            client: Client::open(fixture.key, 1),
            process,
            fixture,
        }
    }

    pub(crate) fn program(&self, tool: &[&str], name: &str, fixture: &Fixture) -> Command {
        let program = self.0.join(name);
        let mut words = tool.iter().map(OsStr::new).chain([program.as_os_str()]);
        let mut command = Command::new(words.next().expect("there is a program"));
        fixture.configure(command.args(words));
        command
    }

    /// The size of a program, in KiB.
    pub(crate) fn size(&self, name: &str) -> f64 {
        let file = fs::metadata(self.0.join(name)).expect("`make bench` has built it");
        (file.len() as f64 / 1024.).round()
    }
}

impl Controller<'_> {
    /// Runs its side's client with these arguments, as a child of this tool.
    pub(crate) fn run_client(&self, tool: &[&str], arguments: &str) {
        let mut client = self.side.program(tool, "command", &self.fixture);
        let status = client
            .args(arguments.split(' '))
            .stdout(Stdio::null())
            .status();
        assert!(status.is_ok_and(|status| status.success()), "{client:?}");
    }

    /// Ends it with an exit command, and asserts that it leaves no queue.
    pub(crate) fn end(self) {
        self.client.send_exit();
        self.fixture.assert_clean_end(self.process);
    }
}
