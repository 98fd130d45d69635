//! The way of a command from its topic to the threads of the LEDs.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc,
        mpsc::{SyncSender, TrySendError},
    },
};

use client::Target;
use shared::Command;

use crate::{
    broker::Message,
    config::Config,
    led::{self, Job, STALLED},
    outbox::{Outbox, Response, ResponseTo},
    payload::{self, PayloadError},
    topics,
};

/// The LEDs, and the topics that command them.
pub(crate) struct Commands {
    leds: Vec<SyncSender<Job>>,
    /// The LEDs that each topic commands.
    routes: HashMap<String, Vec<usize>>,
    outbox: Arc<Outbox>,
}

impl Commands {
    /// Starts the threads of the LEDs.
    ///
    /// # Errors
    ///
    /// A thread cannot be started.
    pub(crate) fn start(config: &Config, outbox: &Arc<Outbox>) -> io::Result<Commands> {
        let all: Vec<usize> = (0..config.leds.len()).collect();
        let mut routes: HashMap<String, Vec<usize>> = topics::shared(config)
            .into_iter()
            .map(|topic| (topic, all.clone()))
            .collect();
        let mut leds = Vec::new();
        for (index, led) in config.leds.iter().enumerate() {
            let topic = topics::set(config, led);
            leds.push(led::start(
                index,
                &topic,
                Target {
                    key: led.key,
                    owner: led.owner,
                },
                outbox,
            )?);
            routes.insert(topic, vec![index]);
        }
        Ok(Commands {
            leds,
            routes,
            outbox: Arc::clone(outbox),
        })
    }

    /// Passes a command on to its LEDs, or refuses it.
    pub(crate) fn handle(&self, message: Message) {
        let Message {
            topic,
            payload,
            is_retained,
            respond,
        } = message;
        let respond = respond.filter(|to| self.is_permitted(to));
        // A command that the broker has kept was meant for another time.
        let decoded = if is_retained {
            Err(PayloadError::Retained)
        } else {
            payload::decode(&payload)
        };
        match (decoded, self.routes.get(&topic)) {
            (Ok(command), Some(leds)) => {
                for &led in leds {
                    self.pass_on(&topic, led, command, respond.clone());
                }
            }
            (Err(error), Some(_)) => self.refuse(&topic, respond, &error.to_string()),
            (_, None) => log::debug!("{topic}: not subscribed"),
        }
    }

    fn pass_on(&self, topic: &str, led: usize, command: Command, respond: Option<ResponseTo>) {
        if self.outbox.status(led).is_stalled {
            return self.refuse(topic, respond, STALLED);
        }
        if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) =
            self.leds[led].try_send(Job { command, respond })
        {
            self.refuse(
                topic,
                job.respond,
                "too many commands wait for the controller",
            );
        }
    }

    fn refuse(&self, topic: &str, respond: Option<ResponseTo>, reason: &str) {
        if self.outbox.limit.allows() {
            log::warn!("{topic}: refused: {reason}");
        }
        if let Some(to) = respond {
            self.outbox.respond(Response {
                to,
                text: format!("ERR {reason}"),
            });
        }
    }

    /// Whether a response may go to this topic. One that commands LEDs could make this program command itself.
    fn is_permitted(&self, to: &ResponseTo) -> bool {
        !to.topic.is_empty()
            && !to.topic.contains(['+', '#', '\0'])
            && !self.routes.contains_key(&to.topic)
    }
}
