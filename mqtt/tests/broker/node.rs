//! A node: the configuration of `led-mqtt`, and the keys of its LEDs.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use testing::{Fixture, Outcome, Running};

use super::{Broker, Client};

/// A node with one LED that is online: the client has read its state and that it is available.
///
/// A pattern that takes it apart names the node before the controller, so that the controller is dropped first: it would create
/// the queues again that the node removes.
pub(crate) struct Online {
    pub(crate) client: Client,
    pub(crate) bridge: Running,
    pub(crate) controller: Running,
    pub(crate) node: Node,
    pub(crate) broker: Broker,
}

impl Online {
    pub(crate) fn start() -> Online {
        let broker = Broker::start();
        let mut client = broker.watch();
        let node = Node::new(&broker);
        let controller = node.controller(0, &[]);
        let bridge = node.bridge();
        client.wait_for("led/porch/availability", "online");
        Online {
            client,
            bridge,
            controller,
            node,
            broker,
        }
    }
}

/// A node, which is called `porch`.
pub(crate) struct Node {
    /// One for each LED. All programs use the lock directory of the first.
    pub(crate) leds: Vec<Fixture>,
    pub(crate) config: PathBuf,
}

impl Node {
    /// A node with one LED, which has no name.
    pub(crate) fn new(broker: &Broker) -> Node {
        Node::with(
            &format!("broker = 'mqtt://127.0.0.1:{}'\n", broker.port),
            &[],
        )
    }

    /// A node with an LED for each of these names.
    pub(crate) fn with_leds(broker: &Broker, names: &[&str]) -> Node {
        Node::with(
            &format!(
                "broker = 'mqtt://127.0.0.1:{}'\ngroups = ['garden']\n",
                broker.port
            ),
            names,
        )
    }

    /// A node with these settings. It has one LED without a name if there are no names.
    pub(crate) fn with(settings: &str, names: &[&str]) -> Node {
        let leds: Vec<Fixture> = (0..names.len().max(1)).map(|_| Fixture::new()).collect();
        let mut text = settings.to_owned();
        if !settings.contains("node = ") {
            text += "node = 'porch'\n";
        }
        for (index, led) in leds.iter().enumerate() {
            text += &format!("[[led]]\nkey = {}\n", led.key.get());
            if let Some(name) = names.get(index) {
                text += &format!("name = '{name}'\n");
            }
        }
        let config = leds[0].path().join("mqtt.toml");
        fs::write(&config, text).expect("the directory is ours");
        Node { leds, config }
    }

    /// `led-mqtt` with the configuration.
    pub(crate) fn program(&self) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_led-mqtt"));
        program
            .arg("--config")
            .arg(&self.config)
            .stdin(Stdio::null())
            .env("LED_LOCK_DIRECTORY", self.leds[0].path());
        for name in [
            "RUST_LOG",
            "CREDENTIALS_DIRECTORY",
            "JOURNAL_STREAM",
            "NOTIFY_SOCKET",
        ] {
            program.env_remove(name);
        }
        program
    }

    /// Starts the bridge, and waits until it is connected.
    pub(crate) fn bridge(&self) -> Running {
        let bridge = self.start();
        bridge.wait_for_log("connected to ");
        bridge
    }

    /// Starts the bridge.
    pub(crate) fn start(&self) -> Running {
        Running::start(&mut self.program())
    }

    /// Runs `led-mqtt` with these arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(self.program().args(arguments))
    }

    /// Starts the controller of an LED, and waits until it is ready.
    pub(crate) fn controller(&self, led: usize, options: &[&str]) -> Running {
        let mut controller = self.of("controller", led);
        let running = Running::start(controller.arg("--simulate").args(options));
        running.wait_for_log("ready");
        running
    }

    /// Runs the client for an LED with these arguments.
    pub(crate) fn command(&self, led: usize, arguments: &[&str]) -> Outcome {
        Outcome::of(self.of("command", led).args(arguments))
    }

    /// The state of an LED, as the client prints it.
    pub(crate) fn led(&self, led: usize) -> String {
        let outcome = self.command(led, &["status"]);
        assert_eq!(outcome.code, Some(0), "{}", outcome.err);
        outcome
            .out
            .split(" (")
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    fn of(&self, program: &str, led: usize) -> Command {
        let mut command = self.leds[led].program(program, None);
        command.env("LED_LOCK_DIRECTORY", self.leds[0].path());
        command
    }
}
