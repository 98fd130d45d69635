//! The text of messages on the reply queue.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::{Message, MessageType};

#[path = "../../shared/tests/decoding/properties.rs"]
#[allow(dead_code, reason = "the other half is for the target request")]
mod properties;

fuzz_target!(|text: &[u8]| {
    if let Some(message) = Message::new(MessageType::LED, text) {
        properties::reply(&message);
    }
});
