//! A client that runs through a whole measurement, the same for both sides.

use std::cell::Cell;

use shared::{
    Access, Command, Key, Message, MessageType, Oversize, Queue, Reply, Request, Select, State,
};

/// A client that has opened both queues.
pub(crate) struct Client {
    commands: Queue,
    replies: Queue,
    reply_type: MessageType,
    turns: [Turn; 2],
    /// How many commands it has sent.
    sent: Cell<usize>,
}

/// A command, encoded in advance: it would take time in a measurement.
struct Turn {
    silent: Message,
    asking: Message,
    /// The state after it.
    state: State,
}

impl Client {
    /// A client with a number of its own, from 1.
    pub(crate) fn open(key: Key, number: i64) -> Client {
        let open = |key, access| Queue::open(key, access).expect("a controller serves the key");
        let reply_type = MessageType::new(number).expect("a positive number");
        let turn = |command, state| Turn {
            silent: encode(command, None),
            asking: encode(command, Some(reply_type)),
            state,
        };
        Client {
            commands: open(key, Access::Send),
            replies: open(key.reply(), Access::Receive),
            reply_type,
            turns: [turn(Command::ON, State::On), turn(Command::OFF, State::Off)],
            sent: Cell::new(0),
        }
    }

    /// Sends a command, and sleeps while the queue is full. On and off take turns, so that each changes the LED.
    fn send(&self, message: impl Fn(&Turn) -> &Message) -> State {
        let turn = &self.turns[self.sent.get() % 2];
        self.sent.set(self.sent.get() + 1);
        self.commands.send(message(turn)).expect("the queue exists");
        turn.state
    }

    /// Sends this many commands, of which the last requests a reply. Returns the state after it.
    pub(crate) fn send_all(&self, count: usize) -> State {
        for _ in 1..count {
            self.send(|turn| &turn.silent);
        }
        self.send(|turn| &turn.asking)
    }

    /// Sends the same command this many times; the last requests a reply. Returns the state after it.
    pub(crate) fn repeat(&self, count: usize) -> State {
        let [turn, _] = &self.turns;
        for number in 1..=count {
            let message = if number < count {
                &turn.silent
            } else {
                &turn.asking
            };
            self.commands.send(message).expect("the queue exists");
        }
        turn.state
    }

    /// Waits for the reply, which must have this state.
    pub(crate) fn expect_reply(&self, state: State) {
        let reply: Message = self
            .replies
            .receive(Select::Type(self.reply_type), Oversize::Truncate)
            .expect("the queue exists");
        assert_eq!(Reply::decode(&reply), Some(Reply::Ok(state.into())));
    }

    /// Sends a command, and waits for the reply.
    pub(crate) fn exchange(&self) {
        self.expect_reply(self.send_all(1));
    }

    pub(crate) fn send_exit(&self) {
        let exit = encode(Command::Exit, None);
        self.commands.send(&exit).expect("the queue exists");
    }
}

fn encode(command: Command, reply_to: Option<MessageType>) -> Message {
    Request { command, reply_to }.encode()
}
