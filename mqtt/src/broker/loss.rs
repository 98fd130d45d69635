//! Why there is no connection, and what to do.

use std::io;

use super::{driver::CLOSED, words};
use rumqttc::{
    ConnectionError, StateError, TlsError,
    mqttbytes::{
        self,
        v5::{ConnectReturnCode, DisconnectReasonCode},
    },
};

/// Why there is no connection.
#[derive(Debug)]
pub(crate) struct Loss {
    pub(crate) reason: String,
    pub(crate) cause: Cause,
}

/// How to go on after the loss of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cause {
    /// Reconnect with backoff.
    Lost,
    /// Another client has the client identifier or the name of the node.
    Taken,
}

impl<T: Into<String>> From<T> for Loss {
    fn from(reason: T) -> Loss {
        Loss {
            reason: reason.into(),
            cause: Cause::Lost,
        }
    }
}

impl Loss {
    /// Another client has the name of the node.
    pub(crate) fn taken(reason: String) -> Loss {
        Loss {
            reason,
            cause: Cause::Taken,
        }
    }

    pub(super) fn new(error: ConnectionError, is_accepted: bool) -> Loss {
        let is_takeover = matches!(
            error,
            ConnectionError::MqttState(StateError::ServerDisconnect {
                reason_code: DisconnectReasonCode::SessionTakenOver,
                ..
            })
        );
        let cause = if is_takeover {
            Cause::Taken
        } else {
            Cause::Lost
        };
        Loss {
            reason: reason(error, is_accepted),
            cause,
        }
    }
}

/// The broker sends nothing.
pub(crate) const NO_REPLY: &str =
    "no reply in time: check the host, its name, and whether a firewall blocks the port";
const NOT_MQTT: &str = "the server on this port does not speak MQTT 5: check the port";

fn reason(error: ConnectionError, is_accepted: bool) -> String {
    match error {
        ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code: DisconnectReasonCode::SessionTakenOver,
            ..
        }) => "another client has the same identifier".into(),
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => {
            format!(
                "the broker ended the connection: {}",
                words::of(reason_code)
            )
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => CLOSED.into(),
        ConnectionError::MqttState(StateError::AwaitPingResp) | ConnectionError::Timeout(_) => {
            NO_REPLY.into()
        }
        ConnectionError::MqttState(StateError::Deserialization(error)) => {
            packet(error, is_accepted)
        }
        ConnectionError::NotConnAck(_) => NOT_MQTT.into(),
        ConnectionError::ConnectionRefused(
            code @ (ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized),
        ) => {
            format!(
                "the broker refused the connection: {}: run \"sudo led-mqtt --setup\" to set user and password",
                words::of(code)
            )
        }
        ConnectionError::ConnectionRefused(ConnectReturnCode::RetainNotSupported) => {
            "the broker retains no messages: permit that, in Mosquitto with retain_available".into()
        }
        ConnectionError::ConnectionRefused(ConnectReturnCode::QoSNotSupported) => {
            "the broker takes no messages with QoS 1: permit that, in Mosquitto with max_qos".into()
        }
        ConnectionError::ConnectionRefused(code) => {
            format!("the broker refused the connection: {}", words::of(code))
        }
        ConnectionError::Io(error)
        | ConnectionError::Tls(TlsError::Io(error))
        | ConnectionError::MqttState(StateError::Io(error)) => system(&error),
        ConnectionError::Tls(error) => {
            format!("TLS: {error}: check the files of ca, certificate and private_key")
        }
        error => error.to_string(),
    }
}

/// A packet that cannot be sent or read.
fn packet(error: mqttbytes::Error, is_accepted: bool) -> String {
    match error {
        mqttbytes::Error::OutgoingPacketTooLarge { pkt_size, max } => format!(
            "a packet has {}, and the broker takes packets of {}: permit longer ones, in Mosquitto with max_packet_size",
            shared::count(pkt_size.into(), "byte"),
            shared::count(max.into(), "byte")
        ),
        mqttbytes::Error::ProtocolError | mqttbytes::Error::ProtocolViolation(_) => {
            "a reply of the broker violates MQTT 5: update the broker".into()
        }
        error => {
            // It has no kind: the library keeps only the text of a system error.
            let text = error.to_string();
            if text.contains("os error") {
                CLOSED.into()
            } else if is_accepted {
                format!("the broker sent a packet that violates MQTT 5: {text}")
            } else {
                advise(&text).unwrap_or_else(|| NOT_MQTT.into())
            }
        }
    }
}

/// A system error, or one of TLS, whose library is not a direct dependency of this crate.
fn system(error: &io::Error) -> String {
    let text = error.to_string();
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "no broker listens on this host and port: check both, and start the broker".into()
        }
        // An error of TLS.
        io::ErrorKind::InvalidData => {
            advise(&text).unwrap_or_else(|| format!("{text}: see \"Certificates\" in mqtt.md"))
        }
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => CLOSED.into(),
        _ => advise(&text).unwrap_or(text),
    }
}

/// An error, and what to do.
fn advise(text: &str) -> Option<String> {
    let (_, advice) = ADVICE.iter().find(|(part, _)| text.contains(part))?;
    Some(format!("{text}: {advice}"))
}

/// Parts of error texts, most of them of rustls, and the cause with the next step.
const ADVICE: [(&str, &str); 15] = [
    (
        "failed to lookup address",
        "check the network and the name of the host; a name that ends in .local needs the package avahi-daemon",
    ),
    (
        "UnknownIssuer",
        "another authority signed the broker's certificate: check ca",
    ),
    (
        "CaUsedAsEndEntity",
        "the broker presents the authority's own certificate: give the broker a certificate of its own",
    ),
    (
        "not valid for any names",
        "the broker's certificate has no subjectAltName: see \"Users and TLS\" in mqtt.md",
    ),
    (
        "UnsupportedCertVersion",
        "the broker's certificate has X.509 version 1: see \"Users and TLS\" in mqtt.md",
    ),
    (
        "UnsupportedSignatureAlgorithm",
        "the broker's certificate needs a key of RSA, Ed25519, or ECDSA with P-256 or P-384",
    ),
    (
        "not valid for name",
        "the broker's certificate is for another host: set broker to a host name that is in the certificate",
    ),
    (
        "certificate expired",
        "renew the broker's certificate, or set the clock of this machine",
    ),
    ("certificate not valid yet", "set the clock of this machine"),
    (
        "InvalidContentType",
        "the server on this port does not speak TLS: check the port, or use mqtt://",
    ),
    (
        "CertificateRequired",
        "the broker requires a certificate of this client: set certificate and private_key",
    ),
    (
        "UnknownCA",
        "the broker does not trust the certificate of this client: check certificate",
    ),
    (
        "CertificateExpired",
        "the certificate of this client has expired: renew it",
    ),
    (
        "BadCertificate",
        "the broker refuses the certificate of this client: check certificate",
    ),
    (
        "HandshakeFailure",
        "the broker and led-mqtt have no TLS version or no algorithm in common: the key of the broker's certificate must be of RSA, Ed25519, or ECDSA with P-256 or P-384",
    ),
];
