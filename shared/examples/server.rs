//! A server: creates a queue, waits for a message of type 1, prints it, and removes the queue.
//!
//! Start it first, and then `client` in another terminal. The key is 1234, or the first argument. If Ctrl-C ends it, it leaves the
//! queue: ipcrm(1) removes it.
//!
//! ```text
//! $ cargo run --quiet --package shared --example server
//! waiting at key 1234
//! received: type 1, "Hello from process 4711"
//! queue removed
//! ```

mod failure;

use std::env;

use shared::{Key, Message, MessageType, Mode, Oversize, Queue, Select};

use failure::Failure;

const TEXT: MessageType = MessageType::new(1).unwrap();
/// All users may send and receive.
const ALL: Mode = Mode::new(0o666).unwrap();

fn main() -> Result<(), Failure> {
    let key = env::args()
        .nth(1)
        .map_or(Ok(Key::DEFAULT), |key| key.parse())?;

    // IPC_EXCL: an existing queue can belong to another user, or have old messages.
    let queue = Queue::create(key, ALL)?;
    println!("waiting at key {key}");

    let message: Message = queue.receive(Select::Type(TEXT), Oversize::Truncate)?;
    // C programs often send the NUL at the end of the text.
    let text = String::from_utf8_lossy(message.text());
    println!(
        "received: type {}, {:?}",
        message.message_type(),
        text.trim_end_matches('\0')
    );

    queue.remove()?;
    println!("queue removed");
    Ok(())
}
