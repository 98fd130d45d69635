//! A client that runs through a whole measurement, the same for both sides.

use std::{
    io::{self, Read, Write},
    process,
};

use shared::{
    Access, Command, Key, Message, MessageType, Oversize, Queue, Reply, Request, Select, State,
};

/// A client that has opened both queues.
pub(crate) struct Client {
    commands: Queue,
    replies: Queue,
}

impl Client {
    pub(crate) fn open(key: Key) -> Client {
        let open = |key, access| Queue::open(key, access).expect("a controller serves the key");
        Client {
            commands: open(key, Access::Send),
            replies: open(key.reply(), Access::Receive),
        }
    }

    /// Sends, and sleeps while the queue is full.
    pub(crate) fn send(&self, message: &Message) {
        self.commands.send(message).expect("the queue exists");
    }

    /// Waits for the reply, which must have this state.
    pub(crate) fn expect_reply(&self, state: State) {
        let reply: Message = self
            .replies
            .receive(Select::Type(MessageType::own_pid()), Oversize::Truncate)
            .expect("the queue exists");
        assert_eq!(
            Reply::decode(&reply),
            Some(Reply::Ok(state)),
            "process {}",
            process::id()
        );
    }

    /// Waits for one reply of each type, which must have this state.
    pub(crate) fn expect_replies(&self, types: impl Iterator<Item = MessageType>, state: State) {
        for reply_type in types {
            let reply: Message = self
                .replies
                .receive(Select::Type(reply_type), Oversize::Truncate)
                .expect("the queue exists");
            assert_eq!(
                Reply::decode(&reply),
                Some(Reply::Ok(state)),
                "type {reply_type}"
            );
        }
    }
}

/// The nth command, on and off by turns so that each changes the LED, and the state after it.
pub(crate) fn nth_command(number: usize) -> (Command, State) {
    if number.is_multiple_of(2) {
        (Command::On, State::On)
    } else {
        (Command::Off, State::Off)
    }
}

/// A request for a reply with the type of this process.
pub(crate) fn request(command: Command) -> Message {
    Request {
        command,
        reply_to: Some(MessageType::own_pid()),
    }
    .encode()
}

/// Runs this process as one of many clients: reports that it is ready, waits for the end of its input, sends its commands,
/// and reports that it is done.
pub(crate) fn run(key: &str, commands: &str) {
    let client = Client::open(key.parse().expect("the first argument is a key"));
    let commands: usize = commands.parse().expect("the second argument is a number");
    let report = || {
        io::stdout()
            .write_all(b"\n")
            .expect("standard output can be written")
    };
    report();
    io::stdin()
        .read_to_end(&mut Vec::new())
        .expect("standard input can be read");
    for (command, state) in (0..commands).map(nth_command) {
        client.send(&request(command));
        client.expect_reply(state);
    }
    report();
}
