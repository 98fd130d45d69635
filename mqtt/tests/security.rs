//! TLS, passwords and access control lists.

use std::{fs, process::Command};

use testing::Outcome;

use crate::broker::{Authority, Broker, Client, Node, ON, free_port};

/// The access control list of docs/mqtt.md: each node has its own topics, and no other.
const ACL: &str = "pattern readwrite led/%u/#\npattern read led/all/set\npattern write homeassistant/device/%u/config\n\
                   pattern read homeassistant/status\n";

/// A broker with several ports. One permits everything, and is for the test.
struct Secure {
    broker: Broker,
    trusted: u16,
    expired: u16,
    misnamed: u16,
    /// It requires a certificate of the client.
    mutual: u16,
    /// It requires a password, and has no TLS.
    password: u16,
}

fn secure() -> Secure {
    let mut broker = Broker::absent();
    let path = broker.path();
    let (ca, _other) = (Authority::new(path, "ca"), Authority::new(path, "other"));
    ca.sign("trusted", "IP:127.0.0.1,DNS:localhost", 2);
    ca.sign("expired", "IP:127.0.0.1", -1);
    ca.sign("misnamed", "DNS:broker.example", 2);
    ca.sign("porch", "DNS:porch", 2);
    Authority::new(path, "stranger").sign("foreign", "DNS:porch", 2);
    fs::write(path.join("acl"), ACL).unwrap();
    fs::write(path.join("password"), "secret\n").unwrap();
    fs::write(path.join("wrong"), "guessed\n").unwrap();
    for (number, user) in ["porch", "garden"].into_iter().enumerate() {
        let mut passwd = Command::new("mosquitto_passwd");
        passwd
            .arg("-b")
            .args((number == 0).then_some("-c"))
            .arg(path.join("passwords"))
            .args([user, "secret"]);
        assert_eq!(Outcome::of(&mut passwd).code, Some(0));
    }
    let [trusted, expired, misnamed, mutual, password] = [(); 5].map(|()| free_port());
    let file = |name: &str| path.join(name).display().to_string();
    let mut text = format!(
        "per_listener_settings true\nlistener {} 127.0.0.1\nallow_anonymous true\n",
        broker.port
    );
    for (port, name) in [
        (trusted, "trusted"),
        (expired, "expired"),
        (misnamed, "misnamed"),
        (mutual, "trusted"),
    ] {
        text += &format!(
            "listener {port} 127.0.0.1\ncertfile {}\n",
            file(&format!("{name}.pem"))
        );
        text += &format!("keyfile {}\n", file(&format!("{name}.key")));
        text += match port == mutual {
            true => format!(
                "cafile {}\nrequire_certificate true\nuse_identity_as_username true\nacl_file {}\n",
                file("ca.pem"),
                file("acl")
            ),
            false => "allow_anonymous true\n".into(),
        }
        .as_str();
    }
    text += &format!(
        "listener {password} 127.0.0.1\npassword_file {}\nacl_file {}\n",
        file("passwords"),
        file("acl")
    );
    broker.configure(&text);
    broker.restart();
    Secure {
        broker,
        trusted,
        expired,
        misnamed,
        mutual,
        password,
    }
}

impl Secure {
    /// A node with this URL and these settings, in which `DIR` is the directory of the broker's files.
    fn node(&self, scheme: &str, port: u16, settings: &str) -> Node {
        let settings = settings.replace("DIR", &self.broker.path().display().to_string());
        Node::with(
            &format!("broker = '{scheme}://127.0.0.1:{port}'\n{settings}\n"),
            &[],
        )
    }
}

const CA: &str = "ca = 'DIR/ca.pem'";
const OWN: &str = "ca = 'DIR/ca.pem'\ncertificate = 'DIR/porch.pem'\nprivate_key = 'DIR/porch.key'";
const PASSWORD: &str = "user = 'porch'\npassword_file = 'DIR/password'";

/// The bridge serves, and nothing is refused.
fn assert_serves(client: &mut Client, node: &Node) {
    let outcome = node.run(&["--check"]);
    assert_eq!(
        (outcome.code, outcome.out.matches("ok   ").count()),
        (Some(0), 5),
        "{outcome:?}"
    );
    let bridge = node.bridge();
    client.wait_for("led/porch/availability", "online");
    assert!(
        client
            .retained
            .contains_key("homeassistant/device/porch/config")
    );
    for topic in ["led/porch/set", "led/all/set"] {
        client.publish(topic, "ON");
        client.wait_for("led/porch/state", ON);
        client.publish(topic, "OFF");
        client.wait_for("led/porch/state", crate::broker::OFF);
    }
    let log: String = bridge.logged().collect();
    assert!(!log.contains("refused"), "{log}");
    bridge.signal(testing::Signal::TERM);
    bridge.wait().assert_code(0);
    client.wait_for("led/porch/availability", "offline");
}

#[test]
#[ignore = "needs mosquitto"]
fn it_serves_with_tls_with_a_certificate_and_with_a_password() {
    let secure = secure();
    let mut client = secure.broker.watch();
    for node in [
        secure.node("mqtts", secure.trusted, CA),
        // The certificate's name is the user. The list permits only this node's topics.
        secure.node("mqtts", secure.mutual, OWN),
        secure.node("mqtt", secure.password, PASSWORD),
    ] {
        let _controller = node.controller(0, &[]);
        assert_serves(&mut client, &node);
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn check_names_what_is_wrong_with_the_connection_and_the_next_step() {
    let secure = secure();
    let foreign =
        "ca = 'DIR/ca.pem'\ncertificate = 'DIR/foreign.pem'\nprivate_key = 'DIR/foreign.key'";
    let mut wrong = String::new();
    for (scheme, port, settings, parts) in [
        (
            "mqtts",
            secure.trusted,
            "ca = 'DIR/other.pem'",
            &["UnknownIssuer", "another authority: check ca"][..],
        ),
        (
            "mqtts",
            secure.trusted,
            "ca = 'DIR/none.pem'",
            &["cannot read", "none.pem", "No such file"],
        ),
        (
            "mqtts",
            secure.trusted,
            "ca = 'DIR/trusted.key'",
            &["No valid CA certificate", "check the files of ca"],
        ),
        (
            "mqtts",
            secure.expired,
            CA,
            &[
                "Expired",
                "renew the broker's certificate, or set the clock",
            ],
        ),
        (
            "mqtts",
            secure.misnamed,
            CA,
            &["127.0.0.1", "use a name in it as that of the broker"],
        ),
        (
            "mqtts",
            secure.mutual,
            CA,
            &["set certificate and private_key"],
        ),
        (
            "mqtts",
            secure.mutual,
            foreign,
            &["does not trust the certificate of this client: check certificate"],
        ),
        (
            "mqtts",
            secure.password,
            CA,
            &[
                "the broker closed it without a reply",
                "perhaps it is for mqtt://, without TLS",
            ],
        ),
        (
            "mqtt",
            secure.trusted,
            "",
            &[
                "the broker closed it without a reply",
                "perhaps it is for mqtts://, with TLS",
            ],
        ),
        (
            "mqtt",
            secure.password,
            "",
            &["the broker refused it", "check user and password_file"],
        ),
        (
            "mqtt",
            secure.password,
            "user = 'porch'\npassword_file = 'DIR/wrong'",
            &["the broker refused it", "check user and password_file"],
        ),
        (
            "mqtt",
            free_port(),
            "",
            &["no broker listens there: check host and port, and start the broker"],
        ),
    ] {
        let node = secure.node(scheme, port, settings);
        let _controller = node.controller(0, &[]);
        let outcome = node.run(&["--check"]);
        let line = outcome
            .out
            .lines()
            .find(|line| line.starts_with("FAIL broker      "))
            .unwrap_or_default();
        assert_eq!(
            (outcome.code, outcome.err.as_str()),
            (Some(1), "led-mqtt: 1 problem found\n"),
            "{outcome:?}"
        );
        if !parts.iter().all(|part| line.contains(part)) {
            wrong += &format!("{scheme} {settings}: {parts:?} is not in {line:?}\n");
        }
        assert!(
            !outcome.out.contains("secret") && !outcome.out.contains("guessed"),
            "{}",
            outcome.out
        );
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
#[ignore = "needs mosquitto"]
fn the_bridge_logs_what_is_wrong_with_the_connection_and_tries_again() {
    let mut secure = secure();
    let node = secure.node("mqtts", secure.trusted, CA);
    let _controller = node.controller(0, &[]);
    // Another certificate, until the right one is back.
    let swap = |secure: &Secure, from: &str| {
        for extension in ["pem", "key"] {
            let path = |name: &str| secure.broker.path().join(format!("{name}.{extension}"));
            fs::copy(path(from), path("trusted")).unwrap();
        }
    };
    for extension in ["pem", "key"] {
        let path = |name: &str| secure.broker.path().join(format!("{name}.{extension}"));
        fs::copy(path("trusted"), path("right")).unwrap();
    }
    swap(&secure, "expired");
    secure.broker.restart();
    let bridge = node.start();
    let line = bridge.wait_for_log("no connection to mqtts://127.0.0.1:");
    assert!(
        line.contains("renew the broker's certificate, or set the clock of this machine"),
        "{line}"
    );
    swap(&secure, "right");
    secure.broker.restart();
    bridge.wait_for_log("connected to mqtts://");
}

#[test]
#[ignore = "needs mosquitto"]
fn what_a_user_may_not_write_is_refused_and_logged() {
    let secure = secure();
    let mut client = secure.broker.watch();
    let node = secure.node(
        "mqtt",
        secure.password,
        "user = 'garden'\npassword_file = 'DIR/password'\nnode = 'porch'",
    );
    let _controller = node.controller(0, &[]);
    let outcome = node.run(&["--check"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let expected =
        "led/porch/check: NotAuthorized: permit user garden to read and write led/porch/#";
    assert!(outcome.out.contains(expected), "{outcome:?}");
    let bridge = node.bridge();
    let line = bridge.wait_for_log("the broker refused a message");
    assert!(
        line.contains("ERROR") && line.contains(r#"permit user "garden" to write"#),
        "{line}"
    );
    client.publish("led/porch/set", "ON");
    client.publish("led/all/set", "ON");
    testing::wait_until("the command for all is applied", || node.led(0) == "on");
    // It has published nothing, and reads only what all nodes may read.
    node.command(0, &["off"]).assert_printed("off");
    client.publish("led/porch/set", "BLINK 500 500");
    client.publish("led/all/set", "ON");
    testing::wait_until("the command for all is applied", || node.led(0) == "on");
    assert!(
        client
            .retained
            .keys()
            .all(|topic| !topic.starts_with("led/")),
        "{:?}",
        client.retained
    );
    let outcome = node.run(&["--forget"]);
    outcome.assert_failed(1, &["the broker refused a message: NotAuthorized"]);
}
