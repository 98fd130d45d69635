//! Packets of MQTT 5, as far as the client needs them. Not from the library of `led-mqtt`, which would find its own mistakes
//! right, and takes long to compile.
//!
//! <https://docs.oasis-open.org/mqtt/mqtt/v5.0/mqtt-v5.0.html>

use std::io::{self, Read};

pub(super) const CONNACK: u8 = 0x20;
pub(super) const PUBLISH: u8 = 0x30;
pub(super) const PUBACK: u8 = 0x40;
pub(super) const SUBACK: u8 = 0x90;

const MESSAGE_EXPIRY: u8 = 0x02;
const RESPONSE_TOPIC: u8 = 0x08;
const CORRELATION_DATA: u8 = 0x09;
const USER_PROPERTY: u8 = 0x26;

/// A message as a subscriber gets it.
#[derive(Clone, Debug)]
pub struct Message {
    /// Where it was published.
    pub topic: String,
    /// Its text.
    pub payload: String,
    /// Whether it was published to be retained.
    pub is_retained: bool,
    /// Which request it is the response to.
    pub correlation: Option<Vec<u8>>,
}

/// What a message has besides topic and payload.
#[derive(Clone, Copy, Debug, Default)]
pub struct Properties<'a> {
    /// Whether the broker keeps it.
    pub is_retained: bool,
    /// Where the response is expected.
    pub response_topic: Option<&'a str>,
    /// What the response is expected to contain.
    pub correlation: Option<&'a [u8]>,
    /// After how many seconds it loses its meaning.
    pub expiry: Option<u32>,
    /// Any names and values.
    pub user: &'a [(&'a str, &'a str)],
}

pub(super) fn connect(identifier: &str) -> Vec<u8> {
    // Version 5, a clean start, no keepalive, as the test may take its time, and no properties.
    let version = [&binary("MQTT")[..], &[5, 0x02, 0, 0, 0]].concat();
    packet(0x10, &[version, binary(identifier)].concat())
}

/// Subscribes with QoS 0. The broker leaves the retain flags as they were published.
pub(super) fn subscribe(filter: &str) -> Vec<u8> {
    packet(0x82, &[&[0, 1, 0], &binary(filter)[..], &[0x08]].concat())
}

/// Publishes with QoS 1 if the packet has an identifier, which is two bytes, else with QoS 0.
pub(super) fn publish(topic: &str, payload: &[u8], id: &[u8], with: Properties<'_>) -> Vec<u8> {
    let mut properties = Vec::new();
    if let Some(seconds) = with.expiry {
        properties.push(MESSAGE_EXPIRY);
        properties.extend(seconds.to_be_bytes());
    }
    if let Some(topic) = with.response_topic {
        properties.extend([vec![RESPONSE_TOPIC], binary(topic)].concat());
    }
    if let Some(data) = with.correlation {
        properties.extend([vec![CORRELATION_DATA], binary(data)].concat());
    }
    for (name, value) in with.user {
        properties.extend([vec![USER_PROPERTY], binary(name), binary(value)].concat());
    }
    let length = length(properties.len());
    let body = [&binary(topic), id, &length, &properties, payload].concat();
    let qos = u8::from(!id.is_empty()) << 1;
    packet(PUBLISH | qos | u8::from(with.is_retained), &body)
}

/// The first byte of a packet, and what follows its length.
pub(super) fn read(stream: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let first = take(stream, 1)?[0];
    let length = take_length(stream)?;
    Ok((first, take(stream, length)?))
}

/// A message with QoS 0, from its packet.
pub(super) fn message(first: u8, mut body: &[u8]) -> io::Result<Message> {
    let topic = take_binary(&mut body)?;
    let length = take_length(&mut body)?;
    let mut properties = &take(&mut body, length)?[..];
    let mut correlation = None;
    while !properties.is_empty() {
        match take(&mut properties, 1)?[0] {
            CORRELATION_DATA => correlation = Some(take_binary(&mut properties)?),
            MESSAGE_EXPIRY => drop(take(&mut properties, 4)?),
            RESPONSE_TOPIC => drop(take_binary(&mut properties)?),
            USER_PROPERTY => drop((take_binary(&mut properties)?, take_binary(&mut properties)?)),
            other => panic!("unexpected property {other:#x}"),
        }
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Message {
        topic: text(&topic),
        payload: text(body),
        is_retained: first & 1 == 1,
        correlation,
    })
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    [&[first], &length(body.len())[..], body].concat()
}

fn binary(data: impl AsRef<[u8]>) -> Vec<u8> {
    let data = data.as_ref();
    let length = u16::try_from(data.len()).expect("at most 65,535 bytes");
    [&length.to_be_bytes(), data].concat()
}

/// Seven bits in each byte, the lowest first.
fn length(value: usize) -> Vec<u8> {
    let low = u8::try_from(value & 0x7f).expect("seven bits");
    match value >> 7 {
        0 => vec![low],
        high => [vec![low | 0x80], length(high)].concat(),
    }
}

fn take(stream: &mut impl Read, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn take_length(stream: &mut impl Read) -> io::Result<usize> {
    let byte = usize::from(take(stream, 1)?[0]);
    Ok(match byte {
        0x80.. => byte & 0x7f | take_length(stream)? << 7,
        _ => byte,
    })
}

fn take_binary(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let length = take(stream, 2)?;
    take(stream, usize::from(length[0]) << 8 | usize::from(length[1]))
}
