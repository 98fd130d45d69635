//! A server with priorities: receives messages of type 1 before all others.
//!
//! Start it after `priority_client`: it prints the message that was sent last first. The key is 1234, or the first argument.
//!
//! It first tries to receive type 1 without waiting (`IPC_NOWAIT`), and then waits for any type. `Select::UpTo`, a negative
//! type of msgrcv(2), would do both in one call: it receives the lowest type in the queue.
//!
//! ```text
//! $ cargo run --quiet --package shared --example priority_server
//! type 1: "urgent"
//! type 10: "routine 1"
//! type 10: "routine 2"
//! type 10: "routine 3"
//! type 10: "routine 4"
//! type 10: "routine 5"
//! queue removed
//! ```

mod failure;

use std::env;

use shared::{Error, Key, Message, MessageType, Mode, Oversize, Queue, Select};

use failure::Failure;

const URGENT: MessageType = MessageType::new(1).unwrap();
/// All users may send and receive.
const ALL: Mode = Mode::new(0o666).unwrap();

fn main() -> Result<(), Failure> {
    let key = env::args()
        .nth(1)
        .map_or(Ok(Key::DEFAULT), |key| key.parse())?;
    let queue = Queue::create_or_open(key, ALL)?;
    for _ in 0..6 {
        let message: Message = match queue.try_receive(Select::Type(URGENT), Oversize::Truncate) {
            Err(Error::Empty(_)) => queue.receive(Select::Any, Oversize::Truncate)?,
            received => received?,
        };
        let text = String::from_utf8_lossy(message.text());
        println!(
            "type {}: {:?}",
            message.message_type(),
            text.trim_end_matches('\0')
        );
    }
    queue.remove()?;
    println!("queue removed");
    Ok(())
}
