//! A client that tells exactly what the broker sends: the retain flags, and the properties.

use std::{
    collections::{BTreeMap, VecDeque},
    io::Write,
    net::TcpStream,
    process::id,
    sync::atomic::{AtomicU32, Ordering},
};

use testing::PATIENCE;

use super::packet::{self, CONNACK, Message, PUBACK, PUBLISH, Properties, SUBACK};

/// A connection to the broker.
pub(crate) struct Client {
    stream: TcpStream,
    /// Messages that were received and not read yet.
    messages: VecDeque<Message>,
    /// What is retained on the topics that it reads, according to the messages that were read.
    pub(crate) retained: BTreeMap<String, String>,
}

impl Client {
    pub(crate) fn connect(port: u16) -> Client {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the broker listens");
        stream.set_nodelay(true).expect("a TCP socket");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a TCP socket");
        let mut client = Client {
            stream,
            messages: VecDeque::new(),
            retained: BTreeMap::new(),
        };
        client.write(&packet::connect(&format!(
            "test-{}-{}",
            id(),
            COUNTER.fetch_add(1, Ordering::Relaxed)
        )));
        let reply = client.wait_for_reply(CONNACK);
        assert_eq!(reply[1], 0, "the broker refused the connection");
        client
    }

    /// Subscribes to a topic or a pattern of topics.
    pub(crate) fn subscribe(&mut self, filter: &str) {
        self.write(&packet::subscribe(filter));
        let reply = self.wait_for_reply(SUBACK);
        assert_eq!(
            reply.last(),
            Some(&0),
            "the broker refused the subscription"
        );
    }

    /// Publishes a message. The broker has it when this returns.
    pub(crate) fn publish(&mut self, topic: &str, payload: impl AsRef<[u8]>) {
        self.publish_with(topic, payload, Properties::default());
    }

    /// Publishes a message that the broker retains.
    pub(crate) fn retain(&mut self, topic: &str, payload: &str) {
        self.publish_with(
            topic,
            payload,
            Properties {
                is_retained: true,
                ..Properties::default()
            },
        );
    }

    pub(crate) fn publish_with(
        &mut self,
        topic: &str,
        payload: impl AsRef<[u8]>,
        properties: Properties<'_>,
    ) {
        self.write(&packet::publish(topic, payload.as_ref(), properties));
        self.wait_for_reply(PUBACK);
    }

    /// The next message.
    pub(crate) fn next(&mut self) -> Message {
        while self.messages.is_empty() {
            self.read();
        }
        let message = self.messages.pop_front().expect("it is not empty");
        if message.is_retained {
            if message.payload.is_empty() {
                self.retained.remove(&message.topic);
            } else {
                self.retained
                    .insert(message.topic.clone(), message.payload.clone());
            }
        }
        message
    }

    /// The next message on this topic. Skips others.
    pub(crate) fn next_on(&mut self, topic: &str) -> Message {
        loop {
            let message = self.next();
            if message.topic == topic {
                return message;
            }
        }
    }

    /// Publishes a command, and returns the responses to it: one for each LED that it commands.
    pub(crate) fn request(
        &mut self,
        topic: &str,
        payload: impl AsRef<[u8]>,
        count: usize,
    ) -> Vec<Message> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        let response = Some("test/response");
        self.publish_with(
            topic,
            payload,
            Properties {
                response_topic: response,
                correlation: Some(&number),
                ..Properties::default()
            },
        );
        let mut responses = Vec::new();
        while responses.len() < count {
            let message = self.next_on("test/response");
            assert_eq!(
                (message.correlation.as_deref(), message.is_retained),
                (Some(&number[..]), false),
                "{message:?}"
            );
            responses.push(message);
        }
        responses
    }

    /// Publishes a command for one LED, and returns the text of the response.
    pub(crate) fn ask(&mut self, topic: &str, payload: impl AsRef<[u8]>) -> String {
        self.request(topic, payload, 1).remove(0).payload
    }

    /// Waits until this is retained.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, topic: &str, payload: &str) {
        while self.retained.get(topic).map(String::as_str) != Some(payload) {
            self.next();
        }
    }

    fn write(&mut self, packet: &[u8]) {
        self.stream.write_all(packet).expect("the broker reads");
    }

    /// Waits for a packet of this type, and keeps the messages before it.
    fn wait_for_reply(&mut self, kind: u8) -> Vec<u8> {
        loop {
            if let Some(body) = self
                .read()
                .filter(|(first, _)| *first == kind)
                .map(|(_, body)| body)
            {
                return body;
            }
        }
    }

    /// Reads a packet. Keeps a message, returns another one.
    fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let read = packet::read(&mut self.stream);
        let (first, body) = read
            .unwrap_or_else(|error| panic!("no message: {error}; retained: {:#?}", self.retained));
        if first & 0xf0 != PUBLISH {
            return Some((first, body));
        }
        self.messages.push_back(packet::message(first, &body));
        None
    }
}
