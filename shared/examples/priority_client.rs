//! A client with priorities: sends five messages of type 10 and then one of type 1, which `priority_server` receives first.
//!
//! It creates the queue if it does not exist, so that all six messages are waiting when the server starts. The key is 1234,
//! or the first argument.
//!
//! ```text
//! $ cargo run --quiet --package shared --example priority_client
//! sent: type 10, "routine 1"
//! sent: type 10, "routine 2"
//! sent: type 10, "routine 3"
//! sent: type 10, "routine 4"
//! sent: type 10, "routine 5"
//! sent: type 1, "urgent"
//! ```

mod failure;

use std::env;

use shared::{Key, Message, MessageType, Mode, Queue};

use failure::Failure;

const URGENT: MessageType = MessageType::new(1).unwrap();
const ROUTINE: MessageType = MessageType::new(10).unwrap();
/// All users may send and receive.
const ALL: Mode = Mode::new(0o666).unwrap();

fn main() -> Result<(), Failure> {
    let key = env::args()
        .nth(1)
        .map_or(Ok(Key::DEFAULT), |key| key.parse())?;
    let queue = Queue::create_or_open(key, ALL)?;
    let routine = (1..=5).map(|number| (ROUTINE, format!("routine {number}")));
    for (message_type, text) in routine.chain([(URGENT, "urgent".to_owned())]) {
        let message: Message = Message::new(message_type, text.as_bytes()).ok_or("too long")?;
        queue.send(&message)?;
        println!("sent: type {message_type}, {text:?}");
    }
    Ok(())
}
