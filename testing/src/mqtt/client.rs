//! A client that shows exactly what the broker sends: the retain flags, and the properties.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufReader, Write},
    net::{SocketAddr, TcpStream},
    process::id,
    sync::atomic::{AtomicU32, Ordering},
};

use super::packet::{self, CONNACK, Message, PUBACK, PUBLISH, Properties, SUBACK};
use crate::PATIENCE;

/// Makes the clients, and the requests, different.
static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A connection to the broker.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
    /// Messages that were received and not read yet.
    messages: VecDeque<Message>,
    /// What is retained on the topics that it reads, according to the messages that were read.
    pub retained: BTreeMap<String, String>,
}

impl Client {
    /// Connects, and subscribes to these topics or patterns of topics.
    #[must_use]
    pub fn connect(address: SocketAddr, filters: &[&str]) -> Client {
        let stream = TcpStream::connect(address).expect("the broker listens");
        stream.set_nodelay(true).expect("a TCP socket");
        let timeout = stream.set_read_timeout(Some(PATIENCE));
        timeout.expect("a TCP socket");
        let mut client = Client {
            stream: BufReader::new(stream),
            messages: VecDeque::new(),
            retained: BTreeMap::new(),
        };
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        client.write(&packet::connect(&format!("test-{}-{number}", id())));
        let reply = client.wait_for_reply(CONNACK);
        assert_eq!(reply[1], 0, "the broker refused the connection");
        for filter in filters {
            client.write(&packet::subscribe(filter));
            let reply = client.wait_for_reply(SUBACK);
            assert_eq!(reply.last(), Some(&0), "the broker refused {filter}");
        }
        client
    }

    /// Publishes a message. The broker has it when this returns.
    pub fn publish(&mut self, topic: &str, payload: impl AsRef<[u8]>) {
        self.publish_with(topic, payload, Properties::default());
    }

    /// Publishes a message that the broker retains.
    pub fn retain(&mut self, topic: &str, payload: &str) {
        let properties = Properties {
            is_retained: true,
            ..Properties::default()
        };
        self.publish_with(topic, payload, properties);
    }

    /// Publishes a message with these properties. The broker has it when this returns.
    pub fn publish_with(&mut self, topic: &str, payload: impl AsRef<[u8]>, with: Properties<'_>) {
        self.write(&packet::publish(topic, payload.as_ref(), &[0, 1], with));
        self.wait_for_reply(PUBACK);
    }

    /// Publishes messages on one topic, with several on their way at a time. The broker has all of them when this returns.
    pub fn publish_all(&mut self, topic: &str, payloads: &[&str], with: Properties<'_>) {
        let mut acknowledged = 0;
        for (number, payload) in payloads.iter().enumerate() {
            let id = u16::try_from(number % 1000 + 1)
                .expect("small")
                .to_be_bytes();
            self.write(&packet::publish(topic, payload.as_ref(), &id, with));
            // What a broker permits without more ado.
            if number >= 15 {
                self.wait_for_reply(PUBACK);
                acknowledged += 1;
            }
        }
        (acknowledged..payloads.len()).for_each(|_| drop(self.wait_for_reply(PUBACK)));
    }

    /// Publishes a message with QoS 0, without waiting.
    pub fn send(&mut self, topic: &str, payload: &str) {
        let properties = Properties::default();
        self.write(&packet::publish(topic, payload.as_ref(), &[], properties));
    }

    /// The next message.
    #[expect(clippy::should_implement_trait, reason = "messages do not run out")]
    pub fn next(&mut self) -> Message {
        while self.messages.is_empty() {
            self.read();
        }
        let message = self.messages.pop_front().expect("it is not empty");
        let Message { topic, payload, .. } = message.clone();
        match (message.is_retained, payload.is_empty()) {
            (true, false) => drop(self.retained.insert(topic, payload)),
            (true, true) => drop(self.retained.remove(&topic)),
            (false, _) => {}
        }
        message
    }

    /// The next message on this topic. Skips others.
    pub fn next_on(&mut self, topic: &str) -> Message {
        loop {
            let message = self.next();
            if message.topic == topic {
                return message;
            }
        }
    }

    /// The next message that was published to be retained. Skips others.
    pub fn next_retained(&mut self) -> Message {
        loop {
            let message = self.next();
            if message.is_retained {
                return message;
            }
        }
    }

    /// Reads all that was published before now, if it has subscribed to everything.
    pub fn read_all(&mut self) -> Vec<Message> {
        self.publish("end", "");
        let mut next = || Some(self.next()).filter(|message| message.topic != "end");
        std::iter::from_fn(&mut next).collect()
    }

    /// Publishes a command, and returns the responses to it: one for each LED that it commands.
    pub fn request(
        &mut self,
        topic: &str,
        payload: impl AsRef<[u8]>,
        count: usize,
    ) -> Vec<Message> {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        let properties = Properties {
            response_topic: Some("test/response"),
            correlation: Some(&number),
            ..Properties::default()
        };
        self.publish_with(topic, payload, properties);
        let responses = (0..count).map(|_| {
            let message = self.next_on("test/response");
            let received = (message.correlation.as_deref(), message.is_retained);
            assert_eq!(received, (Some(&number[..]), false), "{message:?}");
            message
        });
        responses.collect()
    }

    /// Publishes a command for one LED, and returns the text of the response.
    pub fn ask(&mut self, topic: &str, payload: impl AsRef<[u8]>) -> String {
        self.request(topic, payload, 1).remove(0).payload
    }

    /// Waits until this is retained.
    pub fn wait_for(&mut self, topic: &str, payload: &str) {
        while self.retained.get(topic).map(String::as_str) != Some(payload) {
            self.next();
        }
    }

    fn write(&mut self, packet: &[u8]) {
        let written = self.stream.get_mut().write_all(packet);
        written.expect("the broker reads");
    }

    /// Waits for a packet of this type, and keeps the messages before it.
    fn wait_for_reply(&mut self, kind: u8) -> Vec<u8> {
        loop {
            match self.read() {
                Some((first, body)) if first == kind => return body,
                _ => {}
            }
        }
    }

    /// Reads a packet. Keeps a message, returns another one.
    fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let (first, body) = packet::read(&mut self.stream)
            .unwrap_or_else(|error| panic!("no message: {error}; retained: {:#?}", self.retained));
        if first & 0xf0 != PUBLISH {
            return Some((first, body));
        }
        let message = packet::message(first, &body).expect("a whole message");
        self.messages.push_back(message);
        None
    }
}
