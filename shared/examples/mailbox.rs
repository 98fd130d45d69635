//! A process that sends a message to itself: creates a queue, sends, receives, and removes the queue.
//!
//! The queue has no key (`IPC_PRIVATE`), so no process can find it by a key. That does not make it private: ipcs(1) shows
//! its identifier to all users, and a process that owner, group and mode permit can use the queue by its identifier, as the
//! second half of this program does. The mode 0600 is what keeps other users out.
//!
//! ```text
//! $ cargo run --quiet --package shared --example mailbox
//! queue 32768, without a key
//! sent: type 1, 11 bytes, "to whom...?"
//! received by its identifier: type 1, 11 bytes, "to whom...?"
//! queue removed
//! ```

mod failure;

use shared::{Message, MessageType, Mode, Oversize, Queue, Select};

use failure::Failure;

const LETTER: MessageType = MessageType::new(1).unwrap();
/// Only its owner may send and receive.
const OWNER: Mode = Mode::new(0o600).unwrap();

fn main() -> Result<(), Failure> {
    let queue = Queue::private(OWNER)?;
    println!("queue {}, without a key", queue.id());

    let letter: Message = Message::new(LETTER, b"to whom...?").ok_or("too long")?;
    queue.send(&letter)?;
    println!("sent: {letter}");

    // Another process could read the identifier in the list of ipcs(1) and do the same.
    let found = Queue::from_id(queue.id());
    let received: Message = found.receive(Select::Any, Oversize::Truncate)?;
    println!("received by its identifier: {received}");

    // Dropping it would remove it too, but ignore errors.
    queue.remove()?;
    println!("queue removed");
    Ok(())
}
