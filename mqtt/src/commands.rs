//! Passes commands from their topics to the threads of the LEDs.

use std::{collections::HashMap, io, sync::Arc};

use client::Target;
use shared::{Command, Refusal};
use tokio::time::Instant;

use crate::{
    board::{Board, ResponseTo},
    broker::Message,
    config::Config,
    led::{self, EXPIRED, STALLED},
    mailbox::{Job, Mailbox},
    payload::{self, PayloadError},
    topics::Topics,
};

/// The LEDs, and the topics that command them.
pub(crate) struct Commands<'a> {
    leds: Vec<Arc<Mailbox>>,
    /// The LEDs that each topic commands.
    routes: HashMap<&'a str, Vec<usize>>,
    topics: &'a Topics,
    board: Arc<Board>,
}

impl<'a> Commands<'a> {
    /// Starts the threads of the LEDs.
    ///
    /// # Errors
    ///
    /// A thread cannot be started.
    pub(crate) fn start(
        config: &Config,
        topics: &'a Topics,
        board: &Arc<Board>,
    ) -> io::Result<Commands<'a>> {
        let all: Vec<usize> = (0..config.leds.len()).collect();
        let shared = topics.shared.iter();
        let mut routes: HashMap<&str, Vec<usize>> =
            shared.map(|topic| (&**topic, all.clone())).collect();
        let mut leds = Vec::new();
        for (index, (led, topics)) in config.leds.iter().zip(&topics.leds).enumerate() {
            let target = Target {
                key: led.key,
                owner: led.owner,
            };
            leds.push(led::start(index, &topics.set, target, board)?);
            routes.insert(&topics.set, vec![index]);
        }
        Ok(Commands {
            leds,
            routes,
            topics,
            board: Arc::clone(board),
        })
    }

    /// Passes a command on to its LEDs, or refuses it. Returns a message that is not a command.
    pub(crate) fn handle(&self, message: Message) -> Option<Message> {
        let Some(leds) = self.routes.get(&*message.topic) else {
            return Some(message);
        };
        self.command(leds, message);
        None
    }

    fn command(&self, leds: &[usize], message: Message) {
        let Message {
            topic,
            payload,
            is_retained,
            respond,
            expiry,
            ..
        } = message;
        // It removes a retained command from the broker.
        if is_retained && payload.is_empty() {
            return;
        }
        let respond = respond.filter(|to| {
            let is_permitted = self.topics.permits_response(&to.topic);
            if !is_permitted {
                self.board.warn(|| {
                    let start: String = to.topic.chars().take(80).collect();
                    format!(
                        "{topic}: no response to {start:?}: use a topic below {}",
                        self.topics.responses
                    )
                });
            }
            is_permitted
        });
        // A retained command was meant for the time when it was published.
        let decoded = if is_retained {
            Err(PayloadError::Retained)
        } else {
            payload::decode(&payload)
        };
        match decoded {
            Err(error) => self.refuse(&topic, respond, &error.to_string()),
            Ok(_) if expiry.is_some_and(|expiry| expiry <= Instant::now()) => {
                self.refuse(&topic, respond, EXPIRED);
            }
            Ok(commands) => {
                for &led in leds {
                    self.pass_on(&topic, led, &commands, respond.clone(), expiry);
                }
            }
        }
    }

    /// Passes the commands of a message on to an LED, or refuses all of them. The response is that to the last one.
    fn pass_on(
        &self,
        topic: &str,
        led: usize,
        commands: &[Command],
        mut respond: Option<ResponseTo>,
        expiry: Option<Instant>,
    ) {
        let status = self.board.status(led);
        if status.is_stalled {
            return self.refuse(topic, respond, STALLED);
        }
        // Before they are folded with commands that the controller would apply.
        let fitting: Result<Vec<Command>, Refusal> = match status.levels {
            Some(2) => commands
                .iter()
                .map(|&command| two_levels(command))
                .collect(),
            _ => Ok(commands.to_vec()),
        };
        let commands = match fitting {
            Ok(commands) => commands,
            Err(refusal) => return self.refuse(topic, respond, &refusal.to_string()),
        };
        let last = commands.len().saturating_sub(1);
        for (index, command) in commands.into_iter().enumerate() {
            let respond = respond.take_if(|_| index == last);
            let job = Job {
                command,
                respond,
                expiry,
            };
            match self.leds[led].put(job) {
                Ok(replaced) => {
                    for job in replaced {
                        self.board.respond(job.respond, || REPLACED.into());
                    }
                }
                Err(job) => self.refuse(
                    topic,
                    job.respond,
                    "too many commands wait for the controller",
                ),
            }
        }
    }

    fn refuse(&self, topic: &str, respond: Option<ResponseTo>, reason: &str) {
        self.board
            .refuse(&format!("{topic}: refused"), respond, reason);
    }
}

/// The command for an LED that is on or off, and nothing between.
fn two_levels(command: Command) -> Result<Command, Refusal> {
    match command {
        command if command.needs_levels() => Err(Refusal::TwoLevels),
        Command::On { fade, .. } => Ok(Command::On {
            brightness: None,
            fade,
        }),
        command => Ok(command),
    }
}

/// The response to a command that was folded.
const REPLACED: &str = "ERR replaced: a later command took its place";
