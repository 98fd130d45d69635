//! Packets of MQTT 5, as far as the tests need them.
//!
//! <https://docs.oasis-open.org/mqtt/mqtt/v5.0/mqtt-v5.0.html>

use std::io::{self, Read};

pub(crate) const CONNACK: u8 = 0x20;
pub(crate) const PUBLISH: u8 = 0x30;
pub(crate) const PUBACK: u8 = 0x40;
pub(crate) const SUBACK: u8 = 0x90;

const RESPONSE_TOPIC: u8 = 0x08;
const CORRELATION_DATA: u8 = 0x09;
const USER_PROPERTY: u8 = 0x26;

/// A message as a subscriber gets it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) is_retained: bool,
    pub(crate) correlation: Option<Vec<u8>>,
}

/// What a message has besides topic and payload.
#[derive(Clone, Copy, Default)]
pub(crate) struct Properties<'a> {
    pub(crate) is_retained: bool,
    pub(crate) response_topic: Option<&'a str>,
    pub(crate) correlation: Option<&'a [u8]>,
    pub(crate) user: &'a [(&'a str, &'a str)],
}

/// The first byte of a packet, and what follows its length.
pub(crate) fn read(stream: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    let first = byte[0];
    let (mut length, mut shift) = (0, 0);
    loop {
        stream.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] < 0x80 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((first, body))
}

pub(crate) fn connect(identifier: &str) -> Vec<u8> {
    let mut body = text("MQTT");
    // Version 5, a clean start, and no keepalive: the test may take its time.
    body.extend([5, 0x02, 0, 0, 0]);
    body.extend(text(identifier));
    packet(0x10, &body)
}

/// Subscribes with QoS 0. The broker leaves the retain flags as they were published.
pub(crate) fn subscribe(filter: &str) -> Vec<u8> {
    let mut body = vec![0, 1, 0];
    body.extend(text(filter));
    body.push(0x08);
    packet(0x82, &body)
}

/// Publishes with QoS 1.
pub(crate) fn publish(topic: &str, payload: &[u8], properties: Properties<'_>) -> Vec<u8> {
    let mut list = Vec::new();
    if let Some(topic) = properties.response_topic {
        list.push(RESPONSE_TOPIC);
        list.extend(text(topic));
    }
    if let Some(data) = properties.correlation {
        list.push(CORRELATION_DATA);
        list.extend(binary(data));
    }
    for (name, value) in properties.user {
        list.push(USER_PROPERTY);
        list.extend([text(name), text(value)].concat());
    }
    let mut body = text(topic);
    body.extend([0, 1]);
    body.extend(length(list.len()));
    body.extend(list);
    body.extend(payload);
    packet(PUBLISH | 0x02 | u8::from(properties.is_retained), &body)
}

/// A message with QoS 0, from its packet.
pub(crate) fn message(first: u8, mut body: &[u8]) -> Message {
    let topic = take_binary(&mut body);
    let length = take_length(&mut body);
    let (mut properties, payload) = body.split_at(length);
    let mut correlation = None;
    while let Some((kind, rest)) = properties.split_first() {
        properties = rest;
        match *kind {
            CORRELATION_DATA => correlation = Some(take_binary(&mut properties)),
            RESPONSE_TOPIC => drop(take_binary(&mut properties)),
            USER_PROPERTY => drop((take_binary(&mut properties), take_binary(&mut properties))),
            other => panic!("unexpected property {other:#x}"),
        }
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Message {
        topic: text(&topic),
        payload: text(payload),
        is_retained: first & 1 == 1,
        correlation,
    }
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    packet.extend(length(body.len()));
    packet.extend(body);
    packet
}

fn text(text: &str) -> Vec<u8> {
    binary(text.as_bytes())
}

fn binary(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("at most 65,535 bytes");
    [&length.to_be_bytes(), data].concat()
}

fn length(mut length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(length & 0x7f).expect("seven bits");
        length >>= 7;
        bytes.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            return bytes;
        }
    }
}

fn take_length(body: &mut &[u8]) -> usize {
    let (mut length, mut shift) = (0, 0);
    while let Some((byte, rest)) = body.split_first() {
        *body = rest;
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if *byte < 0x80 {
            break;
        }
    }
    length
}

fn take_binary(body: &mut &[u8]) -> Vec<u8> {
    let (length, rest) = body.split_first_chunk::<2>().expect("a length");
    let (data, rest) = rest.split_at(u16::from_be_bytes(*length).into());
    *body = rest;
    data.to_vec()
}
