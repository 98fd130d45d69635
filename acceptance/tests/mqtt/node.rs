//! A node: the configuration of `led-mqtt`, and the keys of its LEDs.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use testing::{
    Fixture, Outcome, Running, Signal, bridge,
    mqtt::{Broker, Client},
};

/// A node whose LEDs are online, as the client has read. It knows what is retained.
pub(crate) struct Online {
    pub(crate) client: Client,
    pub(crate) bridge: Running,
    /// One for each LED. Dropped before the node, which removes their queues.
    pub(crate) controllers: Vec<Running>,
    pub(crate) node: Node,
    pub(crate) broker: Broker,
}

impl Online {
    /// One with an LED that has no name.
    pub(crate) fn start() -> Online {
        Online::with("", &[])
    }

    /// One with these settings, and an LED for each of these names.
    pub(crate) fn with(settings: &str, names: &[&str]) -> Online {
        let broker = Broker::start();
        let client = broker.watch();
        let node = Node::new(&broker.url(), settings, names);
        let mut online = Online {
            controllers: node.controllers(&[]),
            bridge: node.bridge(),
            client,
            node,
            broker,
        };
        online.wait_for("online");
        online
    }

    /// Waits until the node, and each of its LEDs, are `online` or `offline`.
    pub(crate) fn wait_for(&mut self, availability: &str) {
        self.node.wait_for(&mut self.client, availability);
    }

    /// Sends a command to the first LED, whose controller is stopped. Nothing replaces it any more.
    pub(crate) fn hold_up(&mut self) {
        self.controllers[0].stop();
        self.client.publish(super::SET, "TOGGLE");
        self.node.leds[0].wait_until_sent(1);
    }

    /// Restarts the broker with these settings, and waits until the LEDs are online there.
    pub(crate) fn restart_broker(&mut self, settings: &str) {
        self.broker.configure(settings);
        self.broker.restart();
        self.bridge.wait_for_log("connected to ");
        self.client = self.broker.watch();
        self.wait_for("online");
    }

    /// Kills the controllers, and starts others with these options.
    pub(crate) fn replace_controllers(&mut self, options: &[&str]) {
        self.controllers.clear();
        self.controllers = self.node.controllers(options);
    }
}

/// A node, which is called `porch`.
pub(crate) struct Node {
    /// One for each LED. All programs use the lock directory of the first.
    pub(crate) leds: Vec<Fixture>,
    pub(crate) config: PathBuf,
    /// The topics of its availability and of that of each LED.
    availabilities: Vec<String>,
}

impl Node {
    /// A node with this broker and these settings. It has one LED without a name if there are no names.
    pub(crate) fn new(broker: &str, settings: &str, names: &[&str]) -> Node {
        let leds: Vec<Fixture> = (0..names.len().max(1)).map(|_| Fixture::new()).collect();
        let mut text = format!("broker = '{broker}'\n{settings}\n");
        if !settings.contains("node = ") {
            text += "node = 'porch'\n";
        }
        for (index, led) in leds.iter().enumerate() {
            text += &format!("[[led]]\nkey = {}\n", led.key.get());
            if let Some(name) = names.get(index) {
                text += &format!("name = '{name}'\n");
            }
        }
        let config = leds[0].write("mqtt.toml", &text);
        let named = names
            .iter()
            .map(|name| format!("led/porch/{name}/availability"));
        Node {
            leds,
            config,
            availabilities: named.chain([super::AVAILABILITY.into()]).collect(),
        }
    }

    /// A node with this configuration.
    pub(crate) fn configured(text: &str) -> Node {
        let node = Node::new("", "", &[]);
        fs::write(&node.config, text).expect("the directory is ours");
        node
    }

    /// Waits until the node, and each of its LEDs, are `online` or `offline`.
    pub(crate) fn wait_for(&self, client: &mut Client, availability: &str) {
        for topic in &self.availabilities {
            client.wait_for(topic, availability);
        }
    }

    /// Replaces a part of the configuration.
    pub(crate) fn reconfigure(&self, from: &str, to: &str) {
        let text = fs::read_to_string(&self.config).expect("it exists");
        assert!(text.contains(from), "{text}");
        fs::write(&self.config, text.replace(from, to)).expect("the directory is ours");
    }

    /// `led-mqtt` with the configuration.
    pub(crate) fn program(&self) -> Command {
        let mut program = Command::new(bridge());
        program.arg("--config").arg(&self.config);
        self.leds[0].configure_environment(&mut program);
        program.env("STATE_DIRECTORY", self.leds[0].path());
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

    /// Runs `led-mqtt --check`, which finds so many problems. Returns what it prints.
    #[track_caller]
    pub(crate) fn check(&self, problems: usize) -> String {
        let outcome = self.run(&["--check"]);
        let error = match problems {
            0 => String::new(),
            1 => "led-mqtt: 1 problem found\n".into(),
            _ => format!("led-mqtt: {problems} problems found\n"),
        };
        let expected = (Some(i32::from(problems > 0)), error.as_str());
        assert_eq!((outcome.code, &*outcome.err), expected, "{outcome:?}");
        outcome.out
    }

    /// Starts the controller of each LED with these options.
    pub(crate) fn controllers(&self, options: &[&str]) -> Vec<Running> {
        (0..self.leds.len())
            .map(|led| self.controller(led, options))
            .collect()
    }

    /// Starts the controller of an LED, and waits until it is ready.
    pub(crate) fn controller(&self, led: usize, options: &[&str]) -> Running {
        let mut controller = self.of("controller", led);
        let running = Running::start(controller.arg("--simulate").args(options));
        running.wait_for_log("ready");
        running
    }

    /// Runs the client for an LED with these arguments. It succeeds.
    #[track_caller]
    pub(crate) fn command(&self, led: usize, arguments: &[&str]) -> Outcome {
        let mut client = self.of("command", led);
        let outcome = Outcome::of(client.args(arguments).arg("--timeout=60s"));
        assert_eq!(outcome.code, Some(0), "{}", outcome.err);
        outcome
    }

    /// The state of an LED, as the client prints it.
    #[track_caller]
    pub(crate) fn led(&self, led: usize) -> String {
        let status = self.command(led, &["status"]).out;
        status.split(" (").next().unwrap_or_default().to_owned()
    }

    /// A program for an LED.
    pub(crate) fn of(&self, program: &str, led: usize) -> Command {
        let mut command = self.leds[led].program(program, None);
        command.env("LED_LOCK_DIRECTORY", self.leds[0].path());
        command
    }
}

/// More than the end may take by itself, on a machine with other work, and less than the keepalive interval, for which an end that
/// hangs would wait.
const QUICKLY: Duration = Duration::from_secs(25);

/// Ends the bridge with this signal: soon, and with exit status 0. Returns the rest of its log.
#[track_caller]
pub(crate) fn end(bridge: Running, signal: Signal) -> String {
    let start = Instant::now();
    bridge.signal(signal);
    let outcome = bridge.wait();
    outcome.assert_code(0);
    assert!(start.elapsed() < QUICKLY, "{outcome:?}");
    outcome.err
}
