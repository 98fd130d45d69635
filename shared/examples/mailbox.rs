//! A process that mails itself: it makes a queue, sends a message there, reads it back, and removes the queue.
//!
//! The queue has no key (`IPC_PRIVATE`), so nobody finds it by one. That does not make it private: the identifier is an
//! ordinary number, which ipcs(1) shows to everybody, and whoever has the right by owner, group and mode reaches the queue by
//! it, as the second half of this program does. What is private is the mode 0600.
//!
//! ```text
//! $ cargo run --quiet --package shared --example mailbox
//! queue 32768, which has no key
//! sent: type 1, 11 bytes, "to whom...?"
//! received by its number alone: type 1, 11 bytes, "to whom...?"
//! queue removed
//! ```

use std::error::Error;

use shared::{Message, MessageType, Mode, Oversize, Queue, Select};

fn main() -> Result<(), Box<dyn Error>> {
    let queue = Queue::private(Mode::new(0o600).ok_or("not a mode")?)?;
    println!("queue {}, which has no key", queue.id());

    let letter: Message = Message::new(MessageType::LED, b"to whom...?").ok_or("too long")?;
    queue.send(&letter)?;
    println!("sent: {letter}");

    // As another process might, that has read the number in the list of ipcs(1).
    let found = Queue::from_id(queue.id());
    let received: Message = found.receive(Select::Any, Oversize::Truncate)?;
    println!("received by its number alone: {received}");

    // Dropping it would do, but could not say what went wrong.
    queue.remove()?;
    println!("queue removed");
    Ok(())
}
