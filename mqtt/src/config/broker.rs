//! The address of the broker.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// Where the broker is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Broker {
    pub(crate) tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// `mqtt://localhost:1883`
impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        let (left, right) = if self.host.contains(':') {
            ("[", "]")
        } else {
            ("", "")
        };
        write!(f, "{scheme}://{left}{}{right}:{}", self.host, self.port)
    }
}

impl<'de> Deserialize<'de> for Broker {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Broker, D::Error> {
        let text = String::deserialize(deserializer)?;
        broker(&text).ok_or_else(|| {
            let is_websocket = text.starts_with("ws://") || text.starts_with("wss://");
            de::Error::custom(if is_websocket { WEBSOCKET } else { USAGE })
        })
    }
}

const WEBSOCKET: &str = "use mqtt:// or mqtts:// and a port for them: led-mqtt speaks no WebSocket";

const USAGE: &str = "use mqtt://HOST or mqtts://HOST, with :PORT if it is not 1883 or 8883; user and password_file are settings \
                     of their own";

fn broker(url: &str) -> Option<Broker> {
    let (scheme, authority) = url.split_once("://")?;
    let (tls, default_port) = match scheme {
        "mqtt" => (false, 1883),
        "mqtts" => (true, 8883),
        _ => return None,
    };
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => match rest.split_once(']')? {
            (host, "") => (host, ""),
            (host, port) => (host, port.strip_prefix(':')?),
        },
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    let port = if port.is_empty() {
        default_port
    } else {
        port.parse().ok().filter(|port| *port != 0)?
    };
    let is_wrong = |c: char| c.is_control() || c.is_whitespace() || "/@?#".contains(c);
    let is_host = !host.is_empty() && !host.contains(is_wrong);
    is_host.then(|| Broker {
        tls,
        host: host.to_owned(),
        port,
    })
}
