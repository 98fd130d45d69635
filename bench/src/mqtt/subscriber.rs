//! A client that publishes commands and waits for states.

use std::{
    collections::HashMap,
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use rumqttc::{Client, Event, Incoming, MqttOptions, PublishOptions, QoS};

/// The longest wait.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Subscriber {
    client: Client,
    /// Topics and payloads.
    messages: Receiver<(String, String)>,
}

impl Subscriber {
    /// Connects, and subscribes to these topics. A thread receives the messages.
    pub(crate) fn connect(port: u16, topics: &[&str]) -> Subscriber {
        let mut options = MqttOptions::new("subscriber", ("127.0.0.1", port));
        let mut network = options.network_options();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        options.set_receive_maximum(Some(u16::MAX));
        let (client, mut connection) = Client::builder(options).capacity(1000).build();
        for topic in topics {
            client
                .subscribe(*topic, QoS::AtMostOnce)
                .expect("there is room");
        }
        let (sender, messages) = channel();
        thread::spawn(move || {
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Incoming::Publish(publish))) => {
                        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                        if sender
                            .send((text(&publish.topic), text(&publish.payload)))
                            .is_err()
                        {
                            return;
                        }
                    }
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
        });
        Subscriber { client, messages }
    }

    pub(crate) fn publish(&self, topic: &str, payload: &str) {
        self.client
            .publish(topic, payload, PublishOptions::at_most_once())
            .expect("there is room");
    }

    /// Waits for a message.
    pub(crate) fn wait_for(&self, topic: &str, payload: &str) {
        self.wait_until(|received, text| received == topic && text == payload);
    }

    /// Waits for a state of the only LED.
    pub(crate) fn wait_for_state(&self, state: &str) {
        self.wait_until(|topic, text| {
            topic.ends_with("/state") && text.contains(&format!("\"state\":\"{state}\""))
        });
    }

    /// Waits until so many topics with this end have this payload.
    pub(crate) fn wait_for_all(&self, count: usize, end: &str, payload: &str) {
        let mut topics = HashMap::new();
        let mut reached = 0;
        self.wait_until(|topic, text| {
            if topic.ends_with(end) {
                let is_reached = text.contains(payload);
                let was_reached = topics.insert(topic.to_owned(), is_reached).unwrap_or(false);
                reached = reached + usize::from(is_reached) - usize::from(was_reached);
            }
            reached == count
        });
    }

    fn wait_until(&self, mut is_wanted: impl FnMut(&str, &str) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let (topic, payload) = self
                .messages
                .recv_timeout(left)
                .expect("the message comes in time");
            if is_wanted(&topic, &payload) {
                return;
            }
        }
    }
}
