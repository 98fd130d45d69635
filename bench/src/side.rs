//! The two sides, and their controllers.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use shared::{Access, Command as Verb, Queue, Request};
use testing::{Fixture, PATIENCE, Running};

use crate::client::Client;

/// The programs of one side.
pub(crate) struct Side {
    pub(crate) name: &'static str,
    pub(crate) controller: PathBuf,
    pub(crate) client: PathBuf,
    options: &'static [&'static str],
}

impl Side {
    pub(crate) fn ours(folder: &Path) -> Side {
        let [controller, client] = ["controller", "command"].map(|name| folder.join(name));
        Side { name: "ours", controller, client, options: &["--simulate"] }
    }

    pub(crate) fn reference(folder: &Path) -> Side {
        let [controller, client] = ["controller", "client"].map(|name| folder.join(name));
        Side { name: "C", controller, client, options: &[] }
    }

    /// A controller that serves a place of its own.
    pub(crate) fn start(&self) -> Controller<'_> {
        self.start_below(None).0
    }

    /// A controller that is a child of this program, if of any; and the time from its start until its queue is there.
    pub(crate) fn start_below(&self, above: Option<Command>) -> (Controller<'_>, Duration) {
        let fixture = Fixture::new();
        let mut command = below(above, &self.controller, &fixture);
        command.args(self.options);
        let start = Instant::now();
        let process = Running::start_silent(&mut command);
        // A pause would be longer than what is measured.
        let is_open = |key| Queue::open(key, Access::Find).and_then(|queue| queue.status());
        while is_open(fixture.key).map_or(true, |status| status.permissions.mode.bits() & 0o200 == 0) {
            assert!(start.elapsed() < PATIENCE, "the controller of {} makes no queue", self.name);
            thread::yield_now();
        }
        let took = start.elapsed();
        (Controller { side: self, client: Client::of(fixture.key), process, fixture }, took)
    }
}

/// A controller that runs, and a client that talks to it: the same one for both sides, so that only the controllers differ.
pub(crate) struct Controller<'a> {
    pub(crate) side: &'a Side,
    pub(crate) client: Client,
    pub(crate) process: Running,
    pub(crate) fixture: Fixture,
}

impl Controller<'_> {
    /// What starts the client of its side, perhaps as a child of another program.
    pub(crate) fn command(&self, above: Option<Command>, verb: &[&str]) -> Command {
        let mut command = below(above, &self.side.client, &self.fixture);
        command.args(verb).stdout(Stdio::null());
        command
    }

    /// Ends it as a client does, and sees to it that it leaves nothing.
    pub(crate) fn end(self) {
        self.client.send(&Request { command: Verb::Exit, reply_to: None }.encode());
        let (status, ..) = self.process.wait();
        assert!(
            status.success() && self.fixture.has_no_queues(),
            "the controller of {} ended badly: {status}",
            self.side.name
        );
    }
}

fn below(above: Option<Command>, program: &Path, fixture: &Fixture) -> Command {
    let mut command = match above {
        None => Command::new(program),
        Some(mut above) => {
            above.arg(program);
            above
        }
    };
    fixture.configure(&mut command);
    command
}
