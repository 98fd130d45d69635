//! Commands over MQTT.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt::payload::{PAYLOAD_MAX, decode};
use shared::Command;

fuzz_target!(|payload: &[u8]| {
    match decode(payload) {
        Ok(commands) => {
            assert!(payload.len() <= PAYLOAD_MAX && !commands.is_empty());
            for command in commands {
                assert!(!matches!(command, Command::Exit | Command::Watch(_)));
                // In the words of the queue it is the same command.
                assert_eq!(decode(command.to_string().as_bytes()), Ok(vec![command]));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
