//! A client that waits for a reply: sends its PID in the request, and receives only messages of that type.
//!
//! Start `reply_server` first, in another terminal. The key is 1234, or the first argument.
//!
//! ```text
//! $ cargo run --quiet --package shared --example reply_client
//! 4711 asks: "How many letters are in this?"
//! answer: 23
//! ```

mod failure;

use std::env;

use shared::{Access, Key, Message, MessageType, Oversize, Queue, Select};

use failure::Failure;

const REQUEST: MessageType = MessageType::new(1).unwrap();

fn main() -> Result<(), Failure> {
    let key = env::args()
        .nth(1)
        .map_or(Ok(Key::DEFAULT), |key| key.parse())?;
    let queue = Queue::open(key, Access::SendAndReceive)?;
    let own_pid = MessageType::own_pid();

    // Discard replies to an earlier process with this PID.
    while queue
        .try_receive::<256>(Select::Type(own_pid), Oversize::Truncate)
        .is_ok()
    {}

    let question = "How many letters are in this?";
    let request: Message =
        Message::new(REQUEST, format!("{own_pid} {question}").as_bytes()).ok_or("too long")?;
    queue.send(&request)?;
    println!("{own_pid} asks: {question:?}");

    let answer: Message = queue.receive(Select::Type(own_pid), Oversize::Truncate)?;
    println!(
        "answer: {}",
        String::from_utf8_lossy(answer.text()).trim_end_matches('\0')
    );
    Ok(())
}
