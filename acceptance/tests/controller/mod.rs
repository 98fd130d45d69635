//! The controller alone, without its client: blinking, its start beside what others left, and those who do not answer it.

mod blinking;
mod others;
mod start;

use shared::{MessageType, Select};
use testing::Fixture;

/// Sends a command, and returns the first line of its reply.
fn ask(fixture: &Fixture, command: &str) -> String {
    let reply_to = MessageType::random();
    fixture.send(1, format!("{command}\0reply={reply_to}\0").as_bytes());
    let reply = fixture.reply(Select::Type(reply_to));
    let text = String::from_utf8_lossy(reply.text());
    text.lines().next().unwrap().to_owned()
}
