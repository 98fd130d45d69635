//! The command path allocates nothing, except for log lines: a controller that runs for years neither grows nor fragments
//! its memory.

use std::process;

use controller::Shutdown;
use shared::{Incoming, Message, MessageType, Oversize, Select, State};
use testing::Fixture;

use crate::fake::{WORKS, lock, server};

#[test]
fn applying_refusing_and_replying_allocate_nothing() {
    let fixture = Fixture::new();
    let (mut server, recording) = server(&fixture, State::Off, WORKS, &Shutdown::default());
    lock(&recording).changes.reserve(16);
    lock(&recording).times.reserve(16);
    let (pid, version) = (process::id(), env!("CARGO_PKG_VERSION"));
    let status = format!(
        "OK OFF\npid {pid}\nversion {version}\nuptime 0\napplied 2\nrefused 0\nanswers_dropped 0\nbrightness 100\nlevels 101\n"
    );
    let dimmed = status
        .replace("OK OFF", "OK ON")
        .replace("applied 2", "applied 4")
        .replace("100", "40")
        .replace("refused 0", "refused 1");
    let refused = "ERR unknown command; known are ON, OFF, TOGGLE, STATUS, WATCH, BLINK, FLASH";
    for (text, expected) in [
        ("ON\0reply=77\0", "OK ON"),
        ("toggle\n\0reply=77\0", "OK OFF"),
        ("STATUS\0reply=77\0", &status),
        ("WATCH ON\0reply=77\0", &status),
        ("SHINE\0reply=77\0", refused),
        ("ON 40\0reply=77\0", "OK ON\nbrightness 40\n"),
        ("ON - 1000\0reply=77\0", "OK ON\nbrightness 40\n"),
        ("WATCH ON 41\0reply=77\0", &dimmed),
        (
            "FLASH 500 500\0reply=77\0",
            "OK BLINK 500 500 1\nbrightness 40\n",
        ),
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
