//! A broker for one test: Mosquitto, with an address and a directory of its own.

mod certificates;
mod client;
pub mod fake;
mod packet;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    iter::repeat_with,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio, id},
    sync::atomic::{AtomicU16, Ordering},
};

use tempfile::TempDir;

use crate::{Running, wait_until};

pub use certificates::{Authority, Validity};
pub use client::Client;
pub use fake::Fake;
pub use packet::{Message, Properties};

/// A Mosquitto that keeps nothing in files. It is killed when this is dropped.
#[derive(Debug)]
pub struct Broker {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its files are: the configuration, the log, and what a test adds.
    directory: TempDir,
    process: Option<Running>,
}

impl Broker {
    /// Starts one that permits everything, and logs each packet.
    #[must_use]
    pub fn start() -> Broker {
        let mut broker = Broker::absent();
        broker.restart();
        broker
    }

    /// One that is not started yet.
    #[must_use]
    pub fn absent() -> Broker {
        let directory = tempfile::Builder::new().prefix("mosquitto-").tempdir();
        let broker = Broker {
            address: address(),
            directory: directory.expect("a temporary directory"),
            process: None,
        };
        broker.configure("log_type all");
        broker
    }

    /// Writes its configuration: the listener that permits everything, then these settings. It is read at the next start.
    pub fn configure(&self, settings: &str) {
        let (host, port) = (self.address.ip(), self.address.port());
        // As root, Mosquitto would become a user that cannot read the directory. As another user it ignores the line. By default it
        // drops what comes after 1000 messages that a slow client has not taken.
        let text = format!(
            "user root\nmax_queued_messages 20000\nlog_dest stderr\nper_listener_settings true\nlistener {port} {host}\nallow_anonymous true\n{settings}\n"
        );
        fs::write(self.path().join("mosquitto.conf"), text).expect("the directory is ours");
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }

    /// Kills it, and starts it at the same address, without its memory.
    pub fn restart(&mut self) {
        self.kill();
        let log = File::create(self.path().join("log")).expect("the directory is ours");
        let mut mosquitto = Command::new("mosquitto");
        mosquitto.arg("-c").arg(self.path().join("mosquitto.conf"));
        mosquitto.stdin(Stdio::null()).stdout(Stdio::null());
        self.process = Some(Running::start_with_own_output(mosquitto.stderr(log)));
        wait_until("the broker runs", || {
            let is_running = self.process.as_mut().is_some_and(Running::is_running);
            assert!(is_running, "Mosquitto has ended: {}", self.log());
            self.log().contains(" running\n")
        });
    }

    /// Kills it, if it runs.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Its process.
    pub fn process(&self) -> &Running {
        self.process.as_ref().expect("it was started")
    }

    /// What it has logged since its last start.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }

    /// How many connections with this identifier it has accepted since its last start.
    #[must_use]
    pub fn connections(&self, identifier: &str) -> usize {
        let (log, identifier) = (self.log(), format!(" as {identifier}"));
        let connections = log
            .lines()
            .filter(|line| line.contains("New client connected from"));
        connections
            .filter(|line| line.contains(&identifier))
            .count()
    }

    /// A client that reads everything, and knows what is retained.
    #[must_use]
    pub fn watch(&self) -> Client {
        Client::connect(self.address, &["#"])
    }

    /// What a new client gets.
    #[must_use]
    pub fn retained(&self) -> BTreeMap<String, String> {
        let mut client = self.watch();
        client.read_all();
        client.retained
    }
}

/// An address that no other call has returned, in this process or another one, and on which nothing listens. Each process has a
/// host of its own: its PID, of at most 22 bits, in the loopback network. A port that is only probed would be taken by another
/// test, or held by a process that another thread forks meanwhile. The ports are below those that the system gives to clients,
/// so that a broker which is started again comes back to its address.
#[must_use]
pub fn address() -> SocketAddr {
    static PORT: AtomicU16 = AtomicU16::new(20_000);
    let host = Ipv4Addr::from(0x7f80_0000 | id() & 0x3f_ffff);
    let mut addresses = repeat_with(|| (host, PORT.fetch_add(1, Ordering::Relaxed)).into());
    // A service of the machine may listen on all addresses.
    let is_free = |address: &SocketAddr| TcpStream::connect(address).is_err();
    addresses.find(is_free).expect("ports do not run out")
}
