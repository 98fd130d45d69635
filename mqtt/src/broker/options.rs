//! The options of a connection, from the configuration and the files that it names.

use std::{
    io::{self, Read},
    path::Path,
};

use rumqttc::{LastWill, LastWillProperties, MqttOptions, QoS};

use super::{IN_FLIGHT, KEEP_ALIVE, multicast, tls};
use crate::{
    Error,
    config::{Config, STDIN},
};

/// How long a connection may take, in seconds.
const CONNECT_TIMEOUT: u64 = 5;
/// The longest packet that the broker may send, in bytes. The longest one is the discovery message of a node with many LEDs, which
/// is read at the start.
const PACKET_MAX: u32 = 32_768;

/// The options of a connection.
pub(crate) struct Options {
    pub(super) mqtt: MqttOptions,
    pub(super) is_tls: bool,
}

impl Options {
    /// The options for this configuration. The last will, if there is one, is a topic, a payload, and the number of this process
    /// as correlation data.
    ///
    /// # Errors
    ///
    /// A file of the configuration cannot be read or used.
    pub(crate) fn new(
        config: &Config,
        client_id: &str,
        will: Option<(&str, &str, &[u8])>,
    ) -> Result<Options, Error> {
        let mut mqtt =
            MqttOptions::new(client_id, (config.broker.host.clone(), config.broker.port));
        mqtt.set_keep_alive(u16::try_from(KEEP_ALIVE.as_secs()).unwrap_or(u16::MAX))
            .set_receive_maximum(Some(IN_FLIGHT))
            .set_outgoing_inflight_upper_limit(IN_FLIGHT)
            .set_max_packet_size(Some(PACKET_MAX));
        let mut network = mqtt.network_options();
        // Otherwise Nagle's algorithm delays the state until the response is acknowledged.
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(CONNECT_TIMEOUT);
        mqtt.set_network_options(network);
        if multicast::is_local(&config.broker.host) {
            mqtt.set_socket_connector(multicast::connect);
        }
        if let Some(will) = will {
            mqtt.set_last_will(last_will(will));
        }
        if let Some(user) = &config.user {
            mqtt.set_credentials(user.clone(), password(config)?);
        }
        if config.broker.tls {
            mqtt.set_transport(tls::transport(config)?);
        }
        Ok(Options {
            mqtt,
            is_tls: config.broker.tls,
        })
    }
}

fn last_will((topic, payload, process): (&str, &str, &[u8])) -> LastWill {
    let properties = LastWillProperties {
        delay_interval: None,
        payload_format_indicator: None,
        message_expiry_interval: None,
        content_type: None,
        response_topic: None,
        correlation_data: Some(process.to_vec().into()),
        user_properties: Vec::new(),
    };
    LastWill::new(topic, payload, QoS::AtLeastOnce, true, Some(properties))
}

fn password(config: &Config) -> Result<Vec<u8>, Error> {
    let Some(path) = &config.password_file else {
        return Ok(Vec::new());
    };
    let password = if path == Path::new(STDIN) {
        let mut password = Vec::new();
        let read = io::stdin().read_to_end(&mut password);
        read.map_err(|error| Error::read(path, error))?;
        password
    } else {
        tls::read(path)?
    };
    // Some editors begin a file with a byte order mark.
    let password = password
        .strip_prefix("\u{feff}".as_bytes())
        .unwrap_or(&password);
    let password = password.trim_ascii_end();
    if password.len() > usize::from(u16::MAX) {
        return Err(Error::config(path, "a password has at most 65535 bytes"));
    }
    Ok(password.to_vec())
}
