//! Who asks for the end is told how it went.

use std::{
    fs, io,
    path::Path,
    process,
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant},
};

use controller::{Lamp, Led, Light, Queues, Server, Settings, Stop};
use shared::{Access, Key, Message, MessageType, Mode, Oversize, Queue, Select};

#[derive(Debug)]
struct Broken;

impl Led for Broken {
    fn set(&mut self, _: Light) -> io::Result<()> {
        Err(io::Error::other("broken"))
    }
}

#[test]
fn answers_that_nobody_collects_do_not_keep_back_that_the_led_may_be_lit() {
    let key = Key::new(0x5000_0000 | process::id() << 1).unwrap();
    let settings = Settings { key, mode: Mode::new(0o600).unwrap(), group: None };
    let server = Server::new(
        Lamp::new(Box::new(Broken), Light::On),
        None,
        Queues::create(&settings).unwrap(),
        settings,
        Stop::default(),
    );
    let replies = Queue::open(key.reply(), Access::SendAndReceive).unwrap();
    let uncollected: Message = Message::new(MessageType::new(76).unwrap(), b"OK ON").unwrap();
    while replies.try_send(&uncollected).is_ok() {}
    let own = MessageType::new(77).unwrap();
    let (sender, task) = channel();
    let client = thread::spawn(move || {
        sender.send(fs::read_link("/proc/thread-self").unwrap()).unwrap();
        replies.receive::<256>(Select::Type(own), Oversize::Truncate)
    });
    let stat = Path::new("/proc").join(task.recv().unwrap()).join("stat");
    let start = Instant::now();
    while !fs::read_to_string(&stat).unwrap().contains(") S ") {
        assert!(start.elapsed() < Duration::from_secs(60), "the client never sleeps");
        thread::yield_now();
    }
    let exit: Message = Message::new(MessageType::EXIT, b"\x0077\0").unwrap();
    Queue::open(key, Access::Send).unwrap().try_send(&exit).unwrap();
    assert!(server.run().is_err());
    let answer = client.join().unwrap().expect("it is answered before the queue goes");
    assert_eq!(answer.text(), b"ERR the LED could not be turned off, and may be lit: broken");
}
