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

/// What to do about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cause {
    /// Connect again soon.
    Lost,
    /// Another client took over the identifier.
    Takeover,
    /// The connection is there, and is to be ended: the name of the node belongs to another client.
    NotOurs,
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
    /// The name of the node belongs to another client.
    pub(crate) fn not_ours(reason: String) -> Loss {
        Loss {
            reason,
            cause: Cause::NotOurs,
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
            Cause::Takeover
        } else {
            Cause::Lost
        };
        Loss {
            reason: reason(error, is_accepted),
            cause,
        }
    }
}

const NOT_MQTT: &str = "what listens there does not speak MQTT 5: check the port";

fn reason(error: ConnectionError, is_accepted: bool) -> String {
    match error {
        ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code: DisconnectReasonCode::SessionTakenOver,
            ..
        }) => "another client has the same identifier".into(),
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => {
            format!("the broker ended it: {}", words::of(reason_code))
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => CLOSED.into(),
        ConnectionError::MqttState(StateError::AwaitPingResp) | ConnectionError::Timeout(_) => {
            "no reply in time: check the host, and whether a firewall is between".into()
        }
        ConnectionError::MqttState(StateError::Deserialization(
            mqttbytes::Error::OutgoingPacketTooLarge { pkt_size, max },
        )) => format!(
            "a packet has {}, and the broker takes packets of {}: permit longer ones, in Mosquitto with max_packet_size",
            shared::count(pkt_size.into(), "byte"),
            shared::count(max.into(), "byte")
        ),
        ConnectionError::MqttState(StateError::Deserialization(
            mqttbytes::Error::ProtocolError | mqttbytes::Error::ProtocolViolation(_),
        )) => "a reply of the broker violates MQTT 5: update the broker".into(),
        ConnectionError::MqttState(StateError::Deserialization(error)) => {
            // Without a kind: the library keeps only the text of an error of the system.
            let text = error.to_string();
            if text.contains("os error") {
                CLOSED.into()
            } else if is_accepted {
                format!("the broker sent a packet that is not one of MQTT 5: {text}")
            } else {
                advise(&text).unwrap_or_else(|| NOT_MQTT.into())
            }
        }
        ConnectionError::NotConnAck(_) => NOT_MQTT.into(),
        ConnectionError::ConnectionRefused(
            code @ (ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized),
        ) => {
            format!(
                "the broker refused it: {}: check user and password_file",
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
            format!("the broker refused it: {}", words::of(code))
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

/// An error of the system, or of TLS, whose library is not a dependency of this program.
fn system(error: &io::Error) -> String {
    let text = error.to_string();
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "no broker listens there: check host and port, and start the broker".into()
        }
        // Of TLS.
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

/// Parts of errors, most of them of rustls, and what to do.
const ADVICE: [(&str, &str); 15] = [
    (
        "failed to lookup address",
        "check the network and the name of the host; a name that ends in .local needs the package avahi-daemon",
    ),
    (
        "UnknownIssuer",
        "the broker's certificate is of another authority: check ca",
    ),
    (
        "CaUsedAsEndEntity",
        "the broker's certificate is that of the authority itself: give the broker one of its own",
    ),
    (
        "not valid for any names",
        "the broker's certificate has no subjectAltName: see \"Certificates\" in mqtt.md",
    ),
    (
        "UnsupportedCertVersion",
        "the broker's certificate has X.509 version 1: see \"Certificates\" in mqtt.md",
    ),
    (
        "UnsupportedSignatureAlgorithm",
        "the broker's certificate needs a key of RSA, Ed25519, or ECDSA with P-256 or P-384",
    ),
    (
        "not valid for name",
        "the broker's certificate is for another host: use a name in it as that of the broker",
    ),
    (
        "certificate expired",
        "renew the broker's certificate, or set the clock of this machine",
    ),
    ("certificate not valid yet", "set the clock of this machine"),
    (
        "InvalidContentType",
        "what listens there does not speak TLS: check the port, or use mqtt://",
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
        "the broker and this client have no version of TLS or no algorithm in common: the key of the broker's certificate must be of RSA, Ed25519, or ECDSA with P-256 or P-384",
    ),
];
