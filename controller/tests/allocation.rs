//! The command path allocates nothing, but for lines of the log: a controller that runs for years neither grows nor fragments.

use std::io;

use controller::{Lamp, Led, Light, Locks, Queues, Server, Settings, Stop};
use shared::{Access, Incoming, Key, Message, MessageType, Mode, Oversize, Queue, Select};

#[derive(Debug)]
struct Nothing;

impl Led for Nothing {
    fn set(&mut self, _: Light) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn applying_refusing_and_answering_allocate_nothing() {
    let key = Key::new(0x3000_0000 | std::process::id()).unwrap();
    let settings = Settings { key, mode: Mode::new(0o600).unwrap(), group: None };
    let queues = Queues::create(settings, Locks::none()).unwrap();
    let replies = Queue::open(key.reply(), Access::Receive).unwrap();
    let mut server = Server::new(Lamp::new(Box::new(Nothing), Light::Off), None, queues, Stop::default());
    for (text, answer) in [
        (&b"ON\0reply=77\0"[..], &b"OK ON"[..]),
        (b"toggle\n\0reply=77\0", b"OK OFF"),
        (b"STATUS\0reply=77\0", b"OK OFF"),
        (b"FLASH\0reply=77\0", b"ERR unknown command; known are ON, OFF, TOGGLE, STATUS, INFO, BLINK"),
    ] {
        let message = Incoming::new(MessageType::LED, text).unwrap();
        let counted = allocation_counter::measure(|| assert!(server.handle(&message).unwrap().is_continue()));
        assert_eq!(counted.count_total, 0, "{}", text.escape_ascii());
        let reply: Message = replies.try_receive(Select::Any, Oversize::Keep).unwrap();
        assert_eq!(reply.text(), answer);
    }
}
