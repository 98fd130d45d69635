//! Certificates and keys that cannot be used, of this node and of the broker.

use std::{fs, process::Command};

use testing::{
    Outcome,
    mqtt::{Authority, Broker, Validity, address},
};

use super::node::Node;

const EC: &str = "ec -pkeyopt ec_paramgen_curve";

#[test]
#[ignore = "needs openssl"]
fn each_file_that_cannot_be_used_is_named_with_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let ca = Authority::new(directory.path(), "ca");
    ca.sign("node", "DNS:node", Validity::Valid);
    // Not its dates: a Pi may have no clock.
    ca.sign("late", "DNS:late", Validity::Expired);
    for command in [
        "x509 -in node.pem -outform der -out der.pem",
        "pkey -in node.key -outform der -out der.key",
        "pkey -in node.key -aes256 -passout pass:secret -out encrypted.key",
        &format!("req -new -newkey {EC}:prime256v1 -nodes -keyout v1.key -out v1.csr -subj /CN=v1"),
        "x509 -req -in v1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out v1.pem",
        &format!(
            "req -x509 -newkey {EC}:secp521r1 -nodes -keyout p521.key -out p521.pem -subj /CN=p521"
        ),
    ] {
        ca.openssl(command);
    }
    let path = directory.path();
    fs::write(
        path.join("ssh.key"),
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
    )
    .unwrap();
    fs::write(path.join("empty"), "").unwrap();
    // OpenSSL 3.5 makes version 3 without being asked.
    let shown = Outcome::of(
        Command::new("openssl")
            .args(["x509", "-noout", "-text", "-in"])
            .arg(path.join("v1.pem")),
    );
    let makes_v1 = shown.out.contains("Version: 1 ");
    for (authority, certificate, key, file, problem) in [
        ("ca.pem", "node.pem", "node.key", "", ""),
        ("ca.pem", "late.pem", "late.key", "", ""),
        (
            "empty",
            "node.pem",
            "node.key",
            "empty",
            "no certificate in the format PEM",
        ),
        (
            "ca.key",
            "node.pem",
            "node.key",
            "ca.key",
            "it has a private key and no certificate",
        ),
        (
            "der.pem",
            "node.pem",
            "node.key",
            "der.pem",
            "convert it with openssl x509 -inform der",
        ),
        (
            "ca.pem",
            "der.pem",
            "node.key",
            "der.pem",
            "convert it with openssl x509 -inform der",
        ),
        (
            "ca.pem",
            "node.pem",
            "der.key",
            "der.key",
            "convert it with openssl pkey -inform der",
        ),
        (
            "ca.pem",
            "node.pem",
            "encrypted.key",
            "encrypted.key",
            "the key is encrypted",
        ),
        ("ca.pem", "node.pem", "ssh.key", "ssh.key", "an SSH key"),
        (
            "ca.pem",
            "node.pem",
            "ca.key",
            "ca.key",
            "it is not the key of",
        ),
        ("ca.pem", "v1.pem", "v1.key", "v1.pem", "X.509 version 1"),
        (
            "ca.pem",
            "p521.pem",
            "p521.key",
            "p521.key",
            "P-256 or P-384",
        ),
    ] {
        if certificate == "v1.pem" && !makes_v1 {
            continue;
        }
        let path = path.display();
        let settings = format!(
            "ca = '{path}/{authority}'\ncertificate = '{path}/{certificate}'\nprivate_key = '{path}/{key}'"
        );
        let node = Node::new(&format!("mqtts://{}", address()), &settings, &[]);
        if problem.is_empty() {
            let line = "no broker listens on this host and port";
            drop(node.start().wait_for_log(line));
        } else {
            let file = format!("{path}/{file}: ");
            node.run(&[]).assert_failed(78, &[&file, problem]);
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn a_certificate_of_the_broker_that_cannot_be_used_is_named_and_tried_again() {
    let mut broker = Broker::absent();
    let path = broker.path().to_owned();
    let ca = Authority::new(&path, "ca");
    let host = broker.address.ip();
    fs::write(path.join("cn"), "basicConstraints=CA:FALSE\n").unwrap();
    fs::write(path.join("san"), format!("subjectAltName=IP:{host}\n")).unwrap();
    let mut text = String::new();
    let mut nodes = Vec::new();
    for (name, curve, extension, advice) in [
        ("v1", "prime256v1", "", "see \"Users and TLS\" in mqtt.md"),
        (
            "cn-only",
            "prime256v1",
            "-extfile cn",
            "has no subjectAltName: see \"Users and TLS\" in mqtt.md",
        ),
        ("p521", "secp521r1", "-extfile san", "P-256 or P-384"),
    ] {
        ca.openssl(&format!("req -new -newkey {EC}:{curve} -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        ca.openssl(&format!("x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem {extension}"));
        let (address, path) = (address(), path.display());
        text += &format!(
            "listener {} {}\nallow_anonymous true\ncertfile {path}/{name}.pem\nkeyfile {path}/{name}.key\n",
            address.port(),
            address.ip()
        );
        // The names in the certificate are of this host.
        let node = Node::new(
            &format!("mqtts://{address}"),
            &format!("ca = '{path}/ca.pem'"),
            &[],
        );
        nodes.push((node, advice));
    }
    broker.configure(&text);
    broker.restart();
    for (node, advice) in &nodes {
        let line = node.start().wait_for_log("no connection to mqtts://");
        assert!(line.contains(advice), "{line}");
    }
}
