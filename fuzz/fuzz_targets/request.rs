//! Messages to the controller: eight bytes of type, and the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::{Incoming, MessageType};
use testing::decoding::check_request;

fuzz_target!(|data: &[u8]| {
    let Some((number, text)) = data.split_first_chunk() else {
        return;
    };
    let Some(message_type) = MessageType::new(i64::from_le_bytes(*number)) else {
        return;
    };
    if let Some(message) = Incoming::new(message_type, text) {
        check_request(&message);
    }
});
