//! A broker for one test: Mosquitto, with a port and a directory of its own.

mod certificates;
mod client;
mod node;
mod packet;

use std::{
    fs::{self, File},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio, id},
    sync::atomic::{AtomicU16, Ordering},
};

use tempfile::TempDir;
use testing::{Running, wait_until};

pub(crate) use certificates::Authority;
pub(crate) use client::Client;
pub(crate) use node::{Node, Online};
pub(crate) use packet::{Message, Properties};

/// States, as they are retained.
pub(crate) const ON: &str = r#"{"effect":"off","state":"ON"}"#;
pub(crate) const OFF: &str = r#"{"effect":"off","state":"OFF"}"#;

/// A state with this effect, as it is retained.
pub(crate) fn blinking(effect: &str) -> String {
    format!(r#"{{"effect":"{effect}","state":"ON"}}"#)
}

/// A Mosquitto that keeps nothing in files. It is killed when this is dropped.
pub(crate) struct Broker {
    pub(crate) port: u16,
    /// Where its files are: the configuration, the log, and what a test adds.
    directory: TempDir,
    process: Option<Running>,
}

impl Broker {
    /// Starts one that permits everything.
    pub(crate) fn start() -> Broker {
        let mut broker = Broker::absent();
        broker.restart();
        broker
    }

    /// One that is not started yet.
    pub(crate) fn absent() -> Broker {
        let directory = tempfile::Builder::new()
            .prefix("mosquitto-")
            .tempdir()
            .expect("a temporary directory");
        let broker = Broker {
            port: free_port(),
            directory,
            process: None,
        };
        broker.configure(&format!(
            "listener {} 127.0.0.1\nallow_anonymous true\n",
            broker.port
        ));
        broker
    }

    /// Writes its configuration. It is read at the next start.
    pub(crate) fn configure(&self, text: &str) {
        // As root, Mosquitto would become a user that cannot read the directory. As another user it ignores the line.
        let common = "user root\nlog_dest stderr\nlog_type all\n";
        fs::write(
            self.path().join("mosquitto.conf"),
            format!("{common}{text}"),
        )
        .expect("the directory is ours");
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Kills it, and starts it on the same port, without its memory.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let log = self.path().join("log");
        let mut mosquitto = Command::new("mosquitto");
        mosquitto
            .arg("-c")
            .arg(self.path().join("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let file = File::create(&log).expect("the directory is ours");
        self.process = Some(Running::start_with_own_output(mosquitto.stderr(file)));
        wait_until("the broker runs", || {
            let is_running = self.process.as_mut().is_some_and(Running::is_running);
            assert!(is_running, "Mosquitto has ended: {}", self.log());
            self.log().contains(" running\n")
        });
    }

    pub(crate) fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    pub(crate) fn process(&self) -> &Running {
        self.process.as_ref().expect("it was started")
    }

    /// What it has logged since its last start.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }

    /// How many connections with this identifier it has accepted since its last start.
    pub(crate) fn connections(&self, identifier: &str) -> usize {
        let part = format!(" as {identifier}");
        self.log()
            .lines()
            .filter(|line| line.contains("New client connected from") && line.contains(&part))
            .count()
    }

    /// A client that reads everything, and knows what is retained.
    pub(crate) fn watch(&self) -> Client {
        let mut client = Client::connect(self.port);
        client.subscribe("#");
        client
    }
}

/// A port on which nothing listens. It is below those that the system gives to clients, so that it is still free when a broker
/// is started again.
pub(crate) fn free_port() -> u16 {
    static COUNTER: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(id() % 10_000).expect("at most 9,999");
    let ports = std::iter::repeat_with(|| {
        20_000 + (first + COUNTER.fetch_add(1, Ordering::Relaxed)) % 10_000
    });
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports
        .into_iter()
        .find(is_free)
        .expect("ports do not run out")
}
