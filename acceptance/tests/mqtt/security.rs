//! TLS, passwords and access control lists.

use std::{collections::BTreeMap, fs, net::SocketAddr, process::Command};

use testing::{
    Outcome, Running, Signal,
    mqtt::{Authority, Broker, Validity, address},
    wait_until,
};

use super::{
    AVAILABILITY, DISCOVERY, ON, SET, STATE, TURNS,
    node::{Node, end},
};

/// The access control list of docs/mqtt.md: each node has its own topics, and no other.
const ACL: &str = "pattern readwrite led/%u/#\npattern read led/all/set\npattern write homeassistant/device/%u/config\n\
                   pattern read homeassistant/status\n\
                   user homeassistant\ntopic readwrite led/#\ntopic readwrite homeassistant/#\n";

/// A broker with several addresses, which have names. Its own permits everything, and is for the test.
struct Secure {
    broker: Broker,
    addresses: BTreeMap<&'static str, SocketAddr>,
}

fn secure() -> Secure {
    let mut broker = Broker::absent();
    let path = broker.path();
    let host = format!("IP:{}", broker.address.ip());
    let (ca, _other) = (Authority::new(path, "ca"), Authority::new(path, "other"));
    let stranger = Authority::new(path, "stranger");
    for (authority, name, names, validity) in [
        (&ca, "trusted", &*host, Validity::Valid),
        (&ca, "expired", &host, Validity::Expired),
        (&ca, "misnamed", "DNS:broker.example", Validity::Valid),
        (&ca, "porch", "DNS:porch", Validity::Valid),
        (&stranger, "foreign", "DNS:porch", Validity::Valid),
    ] {
        authority.sign(name, names, validity);
    }
    for (name, text) in [
        ("acl", ACL),
        ("password", "secret\n"),
        ("wrong", "guessed\n"),
        ("passwords", ""),
    ] {
        fs::write(path.join(name), text).unwrap();
    }
    for user in ["porch", "garden", "homeassistant"] {
        let mut passwd = Command::new("mosquitto_passwd");
        passwd.arg("-b").arg(path.join("passwords"));
        let outcome = Outcome::of(passwd.args([user, "secret"]));
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
    }
    let anyone = "allow_anonymous true";
    let acl = "acl_file DIR/acl";
    let certified = format!(
        "cafile DIR/ca.pem\nrequire_certificate true\nuse_identity_as_username true\n{acl}"
    );
    let mut addresses = BTreeMap::from([("nothing", address())]);
    let mut text = String::new();
    for (name, certificate, access) in [
        ("trusted", "trusted", anyone),
        ("expired", "expired", anyone),
        ("misnamed", "misnamed", anyone),
        ("mutual", "trusted", &certified),
        (
            "password",
            "",
            &format!("password_file DIR/passwords\n{acl}"),
        ),
    ] {
        let address = *addresses.entry(name).or_insert_with(address);
        text += &format!("listener {} {}\n{access}\n", address.port(), address.ip());
        if !certificate.is_empty() {
            text += &format!("certfile DIR/{certificate}.pem\nkeyfile DIR/{certificate}.key\n");
        }
    }
    broker.configure(&text.replace("DIR", &path.display().to_string()));
    broker.restart();
    Secure { broker, addresses }
}

impl Secure {
    /// A node with the URL of one of the addresses and these settings, in which `DIR` is the directory of the broker's files.
    fn node(&self, url: &str, settings: &str) -> Node {
        let (scheme, name) = url.split_once("://").unwrap();
        let settings = settings.replace("DIR", &self.broker.path().display().to_string());
        let url = format!("{scheme}://{}", self.addresses[name]);
        Node::new(&url, &settings, &[])
    }
}

const CA: &str = "ca = 'DIR/ca.pem'";
const OWN: &str = "ca = 'DIR/ca.pem'\ncertificate = 'DIR/porch.pem'\nprivate_key = 'DIR/porch.key'";
const PASSWORD: &str = "user = 'porch'\npassword_file = 'DIR/password'";

#[test]
#[ignore = "needs mosquitto"]
fn it_serves_with_tls_with_a_certificate_and_with_a_password() {
    let secure = secure();
    let mut client = secure.broker.watch();
    for node in [
        secure.node("mqtts://trusted", CA),
        // The certificate's name is the user. The list permits only this node's topics.
        secure.node("mqtts://mutual", OWN),
        secure.node("mqtt://password", PASSWORD),
    ] {
        let _controller = node.controller(0, &[]);
        let checked = node.check(0);
        assert_eq!(checked.matches("ok   ").count(), 6, "{checked}");
        let bridge = node.bridge();
        client.wait_for(AVAILABILITY, "online");
        assert!(client.retained.contains_key(DISCOVERY));
        for topic in [SET, "led/all/set"] {
            for (payload, state) in TURNS {
                client.publish(topic, payload);
                client.wait_for(STATE, state);
            }
        }
        let log = end(bridge, Signal::TERM);
        assert!(!log.contains("refused"), "{log}");
        client.wait_for(AVAILABILITY, "offline");
    }
}

/// URLs, settings, and parts of what `--check` prints then.
const PROBLEMS: [&str; 13] = [
    "mqtts://trusted | ca = 'DIR/other.pem' | UnknownIssuer | another authority signed the broker's certificate: check ca",
    "mqtts://trusted | ca = 'DIR/none.pem' | cannot read | none.pem | No such file",
    "mqtts://trusted | ca = 'DIR/trusted.key' | trusted.key: it has a private key and no certificate",
    "mqtts://expired | CA | certificate expired | renew the broker's certificate, or set the clock",
    "mqtts://misnamed | CA | not valid for name | set broker to a host name that is in the certificate",
    "mqtts://mutual | CA | set certificate and private_key",
    "mqtts://mutual | FOREIGN | does not trust the certificate of this client: check certificate",
    "mqtts://mutual | LATE | the certificate of this client has expired: renew it",
    "mqtts://password | CA | closed the connection without a reply | it may be for mqtt://, without TLS",
    "mqtt://trusted | | closed the connection without a reply | it may be for mqtts://, with TLS",
    "mqtt://password | | the broker refused the connection | run \"sudo led-mqtt --setup\"",
    "mqtt://password | GUESSED | the broker refused the connection | run \"sudo led-mqtt --setup\"",
    "mqtt://nothing | | no broker listens on this host and port: check both, and start the broker",
];

#[test]
#[ignore = "needs mosquitto"]
fn check_names_what_is_wrong_with_the_connection_and_the_next_step() {
    let secure = secure();
    let (foreign, late, guessed) = (
        OWN.replace("porch", "foreign"),
        OWN.replace("porch", "expired"),
        PASSWORD.replace("DIR/password", "DIR/wrong"),
    );
    let mut wrong = String::new();
    for problem in PROBLEMS {
        let mut columns = problem.split('|').map(str::trim);
        let (url, settings) = (columns.next().unwrap(), columns.next().unwrap());
        let settings = match settings {
            "CA" => CA,
            "FOREIGN" => &foreign,
            "LATE" => &late,
            "GUESSED" => &guessed,
            other => other,
        };
        let node = secure.node(url, settings);
        let _controller = node.controller(0, &[]);
        let out = node.check(1);
        let mut lines = out.lines();
        let line = lines.find(|line| line.starts_with("FAIL broker      "));
        if !columns.all(|part| line.is_some_and(|line| line.contains(part))) {
            wrong += &format!("{problem}: {out}\n");
        }
        assert!(!out.contains("secret") && !out.contains("guessed"), "{out}");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
#[ignore = "needs mosquitto"]
fn the_bridge_logs_what_is_wrong_with_the_connection_and_tries_again() {
    let mut secure = secure();
    let node = secure.node("mqtts://trusted", CA);
    let _controller = node.controller(0, &[]);
    // Another certificate, until the right one is back.
    let copy = |secure: &Secure, from: &str, to: &str| {
        for extension in ["pem", "key"] {
            let path = |name: &str| secure.broker.path().join(name).with_extension(extension);
            fs::copy(path(from), path(to)).unwrap();
        }
    };
    copy(&secure, "trusted", "right");
    copy(&secure, "expired", "trusted");
    secure.broker.restart();
    let bridge = node.start();
    let line = bridge.wait_for_log("no connection to mqtts://127.");
    let advice = "renew the broker's certificate, or set the clock of this machine";
    assert!(line.contains(advice), "{line}");
    copy(&secure, "right", "trusted");
    secure.broker.restart();
    bridge.wait_for_log("connected to mqtts://");
}

#[test]
#[ignore = "needs mosquitto"]
fn what_a_user_may_not_write_is_refused_and_logged() {
    let secure = secure();
    let mut client = secure.broker.watch();
    let settings = "user = 'garden'\npassword_file = 'DIR/password'";
    let node = secure.node("mqtt://password", settings);
    let _controller = node.controller(0, &[]);
    let out = node.check(1);
    let expected =
        "led/porch/check: not authorized: permit user \"garden\" to read and write led/porch/#";
    assert!(out.contains(expected), "{out}");
    let bridge = node.bridge();
    let line =
        bridge.wait_for_log("the broker refused homeassistant/device/porch/config: not authorized");
    for part in ["ERROR", r#"permit user "garden" to read and write"#] {
        assert!(line.contains(part), "{line}");
    }
    // It reads only what all nodes may read.
    for refused in ["ON", "BLINK 500 500"] {
        node.command(0, &["off"]).assert_printed("off");
        client.publish(SET, refused);
        client.publish("led/all/set", "ON");
        wait_until("the command for all is applied", || node.led(0) == "on");
    }
    // It has published nothing.
    let retained = secure.broker.retained();
    assert!(
        retained.keys().all(|topic| !topic.starts_with("led/")),
        "{retained:?}"
    );
    let outcome = node.run(&["--forget"]);
    outcome.assert_failed(
        1,
        &["the broker refused homeassistant/device/porch/config: not authorized"],
    );
}

#[test]
#[ignore = "needs mosquitto"]
fn the_log_names_what_removes_an_earlier_name_that_the_user_may_not_read() {
    let secure = secure();
    let node = secure.node("mqtt://password", PASSWORD);
    let _controller = node.controller(0, &[]);
    let bridge = node.bridge();
    secure.broker.watch().wait_for(AVAILABILITY, "online");
    end(bridge, Signal::TERM);
    // The list permits each user the topics of the node with the same name.
    node.reconfigure("user = 'porch'", "user = 'garden'");
    node.reconfigure("node = 'porch'", "node = 'garden'");
    let bridge = node.bridge();
    let line = bridge.wait_for_log(
        "led/porch/availability, an earlier topic of this node, has no retained message",
    );
    assert!(line.contains("--forget --node porch --user USER"), "{line}");
    // Behind the acknowledgements, after which it forgets the earlier topics.
    let mut client = secure.broker.watch();
    client.wait_for("led/garden/availability", "online");
    client.publish("led/garden/set", "ON");
    client.wait_for("led/garden/state", ON);
    assert!(!end(bridge, Signal::TERM).contains("refused"));
    // With a user who may, it is forgotten.
    let secret = node.leds[0].path().join("secret");
    fs::write(&secret, "secret").unwrap();
    let forget = [
        "--forget",
        "--node=porch",
        "--user=homeassistant",
        "--password-file=-",
    ];
    let mut program = node.program();
    program.args(forget).stdin(fs::File::open(&secret).unwrap());
    let forgotten = Running::start(&mut program).wait();
    assert!(
        forgotten
            .out
            .starts_with("3 messages found and removed on "),
        "{forgotten:?}"
    );
    assert!(!secure.broker.retained().contains_key(AVAILABILITY));
    // It is logged once.
    let bridge = node.bridge();
    secure
        .broker
        .watch()
        .wait_for("led/garden/availability", "online");
    assert!(!end(bridge, Signal::TERM).contains("earlier"));
    node.reconfigure("user = 'garden'", "user = 'porch'");
    node.run(&["--forget", "--node", "porch"]).assert_code(0);
    assert!(
        secure
            .broker
            .retained()
            .keys()
            .all(|topic| !topic.contains("porch"))
    );
}
