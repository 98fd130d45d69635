//! The command path allocates nothing, except for log lines: a controller that runs for years neither grows nor fragments
//! its memory.

use std::process;

use controller::{OnOff, Shutdown};
use shared::{Incoming, Message, MessageType, Oversize, Select};
use testing::Fixture;

use crate::fake::{WORKS, lock, server};

#[test]
fn applying_refusing_and_replying_allocate_nothing() {
    let fixture = Fixture::new();
    let (mut server, recording) = server(&fixture, OnOff::Off, WORKS, &Shutdown::default());
    lock(&recording).changes.reserve(8);
    lock(&recording).times.reserve(8);
    let (pid, version) = (process::id(), env!("CARGO_PKG_VERSION"));
    let status = format!(
        "OK OFF\npid {pid}\nversion {version}\nuptime 0\napplied 2\nrefused 0\nanswers_dropped 0\n"
    );
    let refused = "ERR unknown command; known are ON, OFF, TOGGLE, STATUS, WATCH, BLINK";
    for (text, expected) in [
        ("ON\0reply=77\0", "OK ON"),
        ("toggle\n\0reply=77\0", "OK OFF"),
        ("STATUS\0reply=77\0", &status),
        ("WATCH ON\0reply=77\0", &status),
        ("FLASH\0reply=77\0", refused),
    ] {
        let message = Incoming::new(MessageType::LED, text.as_bytes()).unwrap();
        let counted =
            allocation_counter::measure(|| assert!(server.handle(&message).unwrap().is_continue()));
        assert_eq!(counted.count_total, 0, "{text:?}");
        let reply = fixture.replies().try_receive(Select::Any, Oversize::Keep);
        let reply: Message = reply.unwrap();
        assert_eq!(reply.text(), expected.as_bytes());
    }
}
