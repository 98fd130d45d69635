//! A client: opens the queue that `server` created, and sends a message of type 1.
//!
//! Start `server` first, in another terminal. The key is 1234, or the first argument.
//!
//! ```text
//! $ cargo run --quiet --package shared --example client
//! sent: type 1, "Hello from process 4711"
//! ```

mod failure;

use std::{env, process};

use shared::{Access, Key, Message, MessageType, Queue};

use failure::Failure;

const TEXT: MessageType = MessageType::new(1).unwrap();

fn main() -> Result<(), Failure> {
    let key = env::args()
        .nth(1)
        .map_or(Ok(Key::DEFAULT), |key| key.parse())?;
    let queue = Queue::open(key, Access::Send)?;

    let text = format!("Hello from process {}", process::id());
    let message: Message = Message::new(TEXT, text.as_bytes()).ok_or("too long")?;
    queue.send(&message)?;
    println!("sent: type {}, {text:?}", message.message_type());
    Ok(())
}
