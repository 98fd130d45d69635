//! The text of messages on the reply queue.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::{Message, MessageType};
use testing::decoding::check_reply;

fuzz_target!(|text: &[u8]| {
    if let Some(message) = Message::new(MessageType::LED, text) {
        check_reply(&message);
    }
});
