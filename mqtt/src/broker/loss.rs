//! Why there is no connection, and what to do.

use std::io;

use rumqttc::{
    ConnectionError, StateError, TlsError,
    mqttbytes::v5::{ConnectReturnCode, DisconnectReasonCode},
};

/// Why there is no connection.
#[derive(Debug)]
pub(crate) struct Loss {
    pub(crate) reason: String,
    /// Whether another client took over the identifier.
    pub(crate) is_takeover: bool,
}

impl From<ConnectionError> for Loss {
    fn from(error: ConnectionError) -> Loss {
        let is_takeover = matches!(
            error,
            ConnectionError::MqttState(StateError::ServerDisconnect {
                reason_code: DisconnectReasonCode::SessionTakenOver,
                ..
            })
        );
        Loss { reason: reason(error), is_takeover }
    }
}

const CLOSED: &str = "the broker closed it";

fn reason(error: ConnectionError) -> String {
    match error {
        ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code: DisconnectReasonCode::SessionTakenOver,
            ..
        }) => "another client has the same identifier".into(),
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => {
            format!("the broker ended it: {reason_code:?}")
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => CLOSED.into(),
        ConnectionError::MqttState(StateError::AwaitPingResp) | ConnectionError::Timeout(_) => {
            "no reply in time: check the host, and whether a firewall is between".into()
        }
        // Without a kind: the library keeps only the text of an error of the system.
        ConnectionError::MqttState(StateError::Deserialization(error)) if error.to_string().contains("os error") => {
            CLOSED.into()
        }
        ConnectionError::MqttState(StateError::Deserialization(_)) | ConnectionError::NotConnAck(_) => {
            "what listens there does not speak MQTT 5: check the port".into()
        }
        ConnectionError::ConnectionRefused(
            code @ (ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized),
        ) => {
            format!("the broker refused it: {code:?}: check user and password_file")
        }
        ConnectionError::ConnectionRefused(code) => format!("the broker refused it: {code:?}"),
        ConnectionError::Io(error)
        | ConnectionError::Tls(TlsError::Io(error))
        | ConnectionError::MqttState(StateError::Io(error)) => system(&error),
        ConnectionError::Tls(error) => format!("TLS: {error}: check the files of ca, certificate and private_key"),
        error => error.to_string(),
    }
}

/// An error of the system, or of TLS, whose library is not a dependency of this program.
fn system(error: &io::Error) -> String {
    let text = error.to_string();
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "no broker listens there: check host and port, and start the broker".into(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => CLOSED.into(),
        _ => match TLS.iter().find(|(part, _)| text.contains(part)) {
            Some((_, advice)) => format!("{text}: {advice}"),
            None => text,
        },
    }
}

/// Parts of the errors of rustls, and what to do.
const TLS: [(&str, &str); 11] = [
    ("UnknownIssuer", "the broker's certificate is of another authority: check ca"),
    ("CaUsedAsEndEntity", "the broker's certificate is that of the authority itself: give the broker one of its own"),
    ("not valid for name", "the broker's certificate is for another host: use a name in it as that of the broker"),
    ("certificate expired", "renew the broker's certificate, or set the clock of this machine"),
    ("certificate not valid yet", "set the clock of this machine"),
    ("InvalidContentType", "what listens there does not speak TLS: check the port, or use mqtt://"),
    ("CertificateRequired", "the broker requires a certificate of this client: set certificate and private_key"),
    ("UnknownCA", "the broker does not trust the certificate of this client: check certificate"),
    ("CertificateExpired", "the certificate of this client has expired: renew it"),
    ("BadCertificate", "the broker refuses the certificate of this client: check certificate"),
    ("HandshakeFailure", "the broker and this client have no version of TLS in common"),
];
