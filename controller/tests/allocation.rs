//! The command path allocates nothing, except for log lines: a controller that runs for years neither grows nor fragments
//! its memory.

use std::io;

use controller::{Led, Locks, OnOff, Output, QueueOptions, QueuePair, Server, Shutdown};
use shared::{Access, Incoming, Key, Message, MessageType, Mode, Oversize, Queue, Select};

#[derive(Debug)]
struct NoOutput;

impl Output for NoOutput {
    fn set(&mut self, _: OnOff) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn applying_refusing_and_replying_allocate_nothing() {
    let key = Key::new(0x3000_0000 | std::process::id()).unwrap();
    let options = QueueOptions {
        key,
        mode: Mode::new(0o600).unwrap(),
        group: None,
    };
    let queues = QueuePair::create(options, Locks::none()).unwrap();
    let replies = Queue::open(key.reply(), Access::Receive).unwrap();
    let mut server = Server::new(
        Led::new(Box::new(NoOutput), OnOff::Off),
        None,
        queues,
        Shutdown::default(),
    );
    let (pid, version) = (std::process::id(), env!("CARGO_PKG_VERSION"));
    let status = format!(
        "OK OFF\npid {pid}\nversion {version}\nuptime 0\napplied 2\nrefused 0\nanswers_dropped 0\n"
    );
    for (text, expected) in [
        (&b"ON\0reply=77\0"[..], &b"OK ON"[..]),
        (b"toggle\n\0reply=77\0", b"OK OFF"),
        (b"STATUS\0reply=77\0", status.as_bytes()),
        (b"WATCH ON\0reply=77\0", status.as_bytes()),
        (
            b"FLASH\0reply=77\0",
            b"ERR unknown command; known are ON, OFF, TOGGLE, STATUS, WATCH, BLINK",
        ),
    ] {
        let message = Incoming::new(MessageType::LED, text).unwrap();
        let counted =
            allocation_counter::measure(|| assert!(server.handle(&message).unwrap().is_continue()));
        assert_eq!(counted.count_total, 0, "{}", text.escape_ascii());
        let reply: Message = replies.try_receive(Select::Any, Oversize::Keep).unwrap();
        assert_eq!(reply.text(), expected);
    }
}
