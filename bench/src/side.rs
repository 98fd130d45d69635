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
        Side {
            name: "ours",
            controller,
            client,
            options: &["--simulate"],
        }
    }

    pub(crate) fn reference(folder: &Path) -> Side {
        let [controller, client] = ["controller", "client"].map(|name| folder.join(name));
        Side {
            name: "C",
            controller,
            client,
            options: &[],
        }
    }

    /// Starts a controller with a fixture of its own.
    pub(crate) fn start(&self) -> Controller<'_> {
        self.start_with_wrapper(None).0
    }

    /// Starts a controller, as a child of a wrapper if there is one. Returns the time from its start until its queue is
    /// open.
    pub(crate) fn start_with_wrapper(
        &self,
        wrapper: Option<Command>,
    ) -> (Controller<'_>, Duration) {
        let fixture = Fixture::new();
        let mut command = with_wrapper(wrapper, &self.controller, &fixture);
        command.args(self.options);
        let start = Instant::now();
        let process = Running::start_silent(&mut command);
        // A sleep would be longer than the measured time.
        let is_open = |key| Queue::open(key, Access::Find).and_then(|queue| queue.status());
        while is_open(fixture.key)
            .map_or(true, |status| status.permissions.mode.bits() & 0o200 == 0)
        {
            assert!(
                start.elapsed() < PATIENCE,
                "the controller of {} creates no queue",
                self.name
            );
            thread::yield_now();
        }
        let elapsed = start.elapsed();
        (
            Controller {
                side: self,
                client: Client::open(fixture.key),
                process,
                fixture,
            },
            elapsed,
        )
    }
}

/// A controller that runs, and a client of it. The client is the same for both sides, so that only the controllers differ.
pub(crate) struct Controller<'a> {
    pub(crate) side: &'a Side,
    pub(crate) client: Client,
    pub(crate) process: Running,
    pub(crate) fixture: Fixture,
}

impl Controller<'_> {
    /// The command line of its side's client, with a wrapper if there is one.
    pub(crate) fn command(&self, wrapper: Option<Command>, verb: &[&str]) -> Command {
        let mut command = with_wrapper(wrapper, &self.side.client, &self.fixture);
        command.args(verb).stdout(Stdio::null());
        command
    }

    /// Ends it with an exit command, and asserts that it leaves no queue.
    pub(crate) fn end(self) {
        self.client.send(
            &Request {
                command: Verb::Exit,
                reply_to: None,
            }
            .encode(),
        );
        let ended = self.process.wait();
        assert!(
            ended.code == Some(0) && self.fixture.has_no_queues(),
            "the controller of {} ended badly: {ended:?}",
            self.side.name
        );
    }
}

fn with_wrapper(wrapper: Option<Command>, program: &Path, fixture: &Fixture) -> Command {
    let mut command = match wrapper {
        None => Command::new(program),
        Some(mut wrapper) => {
            wrapper.arg(program);
            wrapper
        }
    };
    fixture.configure(&mut command);
    command
}
