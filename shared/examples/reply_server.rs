//! A server that replies: requests have type 1 and begin with the client's PID; the reply has that PID as its type, so that
//! each client receives its own.
//!
//! It serves until its queue is removed, for example with `ipcrm -Q 1234`. The key is 1234, or the first argument.
//!
//! Requests and replies share one queue here, as in textbooks. This has disadvantages: a user who may receive replies may
//! also receive requests; a client with PID 1 would receive a request as its reply; and replies that no client receives
//! fill the queue until requests block. The controller of this project has a queue for each direction.
//!
//! ```text
//! $ cargo run --quiet --package shared --example reply_server
//! serving key 1234
//! 4711 asks: "How many letters are in this?"
//! queue removed
//! ```

mod failure;

use std::env;

use shared::{Error, Key, Message, MessageType, Mode, Oversize, Queue, Select};

use failure::Failure;

const REQUEST: MessageType = MessageType::new(1).unwrap();
/// All users may send and receive.
const ALL: Mode = Mode::new(0o666).unwrap();

fn main() -> Result<(), Failure> {
    let key = env::args()
        .nth(1)
        .map_or(Ok(Key::DEFAULT), |key| key.parse())?;
    let queue = Queue::create(key, ALL)?;
    println!("serving key {key}");
    loop {
        let request: Message = match queue.receive(Select::Type(REQUEST), Oversize::Truncate) {
            Err(Error::Removed(_)) => break,
            received => received?,
        };
        let text = String::from_utf8_lossy(request.text());
        let Some((client, question)) = client_and_question(text.trim_end_matches('\0')) else {
            println!("no request: {request}");
            continue;
        };
        println!("{client} asks: {question:?}");

        let letters = question.chars().filter(|c| c.is_alphabetic()).count();
        let reply: Message =
            Message::new(client, letters.to_string().as_bytes()).ok_or("too long")?;
        // Never wait: a client that does not receive its replies would block all others.
        if let Err(error) = queue.try_send(&reply) {
            println!("no reply to {client}: {error}");
        }
    }
    println!("queue removed");
    Ok(())
}

/// `4711 How many...?`
fn client_and_question(text: &str) -> Option<(MessageType, &str)> {
    let (pid, question) = text.split_once(' ')?;
    Some((MessageType::new(pid.parse().ok()?)?, question))
}
