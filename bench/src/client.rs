//! A client that lives long: what takes time in it is the same for both sides.

use std::{
    io::{self, Read, Write},
    process,
};

use shared::{Access, Command, Key, Message, MessageType, Oversize, Queue, Reply, Request, Select, State};

/// A client that has opened both queues.
pub(crate) struct Client {
    commands: Queue,
    replies: Queue,
}

impl Client {
    pub(crate) fn of(key: Key) -> Client {
        let open = |key, access| Queue::open(key, access).expect("a controller serves the key");
        Client { commands: open(key, Access::Send), replies: open(key.reply(), Access::Receive) }
    }

    /// Sends, sleeping while the queue is full.
    pub(crate) fn send(&self, message: &Message) {
        self.commands.send(message).expect("the controller is there");
    }

    /// Waits for the answer, which must be this state.
    pub(crate) fn hear(&self, state: State) {
        let answer: Message = self
            .replies
            .receive(Select::Type(MessageType::own_pid()), Oversize::Truncate)
            .expect("the controller is there");
        assert_eq!(Reply::decode(&answer), Some(Reply::Ok(state)), "process {}", process::id());
    }
}

/// The one command and the other by turns, so that each changes something; and what the LED does after it.
pub(crate) fn turn(number: usize) -> (Command, State) {
    if number.is_multiple_of(2) { (Command::On, State::On) } else { (Command::Off, State::Off) }
}

/// The message that asks for this, and for an answer.
pub(crate) fn question(command: Command) -> Message {
    Request { command, reply_to: Some(MessageType::own_pid()) }.encode()
}

/// This process as one of many clients: says that it is ready, waits for the word, which is the end of its input, has so many
/// commands answered, and says that it is done.
pub(crate) fn talk(key: &str, commands: &str) {
    let client = Client::of(key.parse().expect("it is a key"));
    let commands: usize = commands.parse().expect("it is a number");
    let tell = || io::stdout().write_all(b"\n").expect("somebody listens");
    tell();
    io::stdin().read_to_end(&mut Vec::new()).expect("the word comes");
    for (command, state) in (0..commands).map(turn) {
        client.send(&question(command));
        client.hear(state);
    }
    tell();
}
