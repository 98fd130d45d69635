//! A Mosquitto on a port of its own.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    process::Command,
};

use testing::{Running, wait_until};

/// A broker with its files in a temporary directory.
pub(crate) struct Broker {
    pub(crate) port: u16,
    directory: tempfile::TempDir,
    has_tls: bool,
    process: Option<Running>,
}

impl Broker {
    pub(crate) fn start() -> Broker {
        Broker::start_on(false)
    }

    /// A broker that asks for the certificate of a client.
    pub(crate) fn start_with_tls() -> Broker {
        Broker::start_on(true)
    }

    fn start_on(has_tls: bool) -> Broker {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let directory = tempfile::tempdir().expect("a directory can be created");
        let path = directory.path().display();
        let mut config = format!(
            "listener {port} 127.0.0.1\nset_tcp_nodelay true\npersistence false\nuser root\nallow_anonymous true\n\
             max_queued_messages 0\nlog_dest file {path}/log\nlog_type notice\nlog_type error\n"
        );
        if has_tls {
            certificates(directory.path());
            config += &format!(
                "cafile {path}/ca.pem\ncertfile {path}/broker.pem\nkeyfile {path}/broker.key\nrequire_certificate true\n"
            );
        }
        fs::write(directory.path().join("mosquitto.conf"), config)
            .expect("the configuration can be written");
        let mut broker = Broker {
            port,
            directory,
            has_tls,
            process: None,
        };
        broker.start_again();
        broker
    }

    /// Starts it, without what an earlier one had retained.
    pub(crate) fn start_again(&mut self) {
        let mut mosquitto = Command::new("mosquitto");
        self.process = Some(Running::start_silent(
            mosquitto
                .arg("-c")
                .arg(self.directory.path().join("mosquitto.conf")),
        ));
        wait_until("the broker listens", || {
            TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
    }

    pub(crate) fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    pub(crate) fn url(&self) -> String {
        format!(
            "{}://localhost:{}",
            if self.has_tls { "mqtts" } else { "mqtt" },
            self.port
        )
    }

    /// The settings of a client that has a certificate.
    pub(crate) fn settings(&self) -> String {
        let path = self.directory.path().display();
        format!(
            "ca = \"{path}/ca.pem\"\ncertificate = \"{path}/node.pem\"\nprivate_key = \"{path}/node.key\""
        )
    }

    /// Whether a client whose identifier begins so has connected.
    pub(crate) fn has_client(&self, id: &str) -> bool {
        let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        log.lines().any(|line| {
            line.contains("New client connected") && line.contains(&format!(" as {id}"))
        })
    }
}

/// Creates an authority, and certificates for the broker and a node.
fn certificates(directory: &std::path::Path) {
    let openssl = |arguments: &str| {
        let mut openssl = Command::new("openssl");
        let output = openssl
            .args(arguments.split_whitespace())
            .current_dir(directory)
            .output()
            .expect("openssl runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!(
        "req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=authority -days 1"
    ));
    for (name, host) in [("broker", "localhost"), ("node", "node")] {
        openssl(&format!(
            "req -x509 {key} -keyout {name}.key -out {name}.pem -subj /CN={host} -days 1 -CA ca.pem -CAkey ca.key -addext \
             subjectAltName=DNS:{host} -addext basicConstraints=CA:FALSE"
        ));
    }
}
