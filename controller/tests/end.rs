//! A client that requests the end gets a reply with the result.

use std::{
    io, process,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use controller::{Error, Led, Locks, OnOff, Output, QueueOptions, QueuePair, Server, Shutdown};
use shared::{Access, Key, Message, MessageType, Mode, Oversize, Queue, Select};
use testing::wait_until;

/// Fails this many times, then works.
struct Failing(u32);

impl Output for Failing {
    fn set(&mut self, _: OnOff) -> io::Result<()> {
        match self.0.checked_sub(1) {
            Some(left) => {
                self.0 = left;
                Err(io::Error::other("broken"))
            }
            None => Ok(()),
        }
    }
}

/// A server with a key that no other test has.
fn server(led: Failing) -> (Key, Server) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(4, Ordering::Relaxed);
    let key = Key::new(0x5000_0000 | process::id() << 4 | number).unwrap();
    let options = QueueOptions {
        key,
        mode: Mode::new(0o600).unwrap(),
        group: None,
    };
    let queues = QueuePair::create(options, Locks::none()).unwrap();
    (
        key,
        Server::new(
            Led::new(Box::new(led), OnOff::On),
            None,
            queues,
            Shutdown::default(),
        ),
    )
}

/// Requests the end, and receives the reply some time after the command queue was removed.
fn exit(key: Key, server: Server) -> (Result<(), Error>, Message) {
    let replies = Queue::open(key.reply(), Access::Receive).unwrap();
    let commands = Queue::open(key, Access::Send).unwrap();
    let exit: Message = Message::new(MessageType::EXIT, b"\0reply=77\0").unwrap();
    commands.try_send(&exit).unwrap();
    let client = thread::spawn(move || {
        wait_until("the command queue is removed", || {
            commands.status().is_err()
        });
        thread::sleep(Duration::from_millis(50));
        let own = Select::Type(MessageType::new(77).unwrap());
        replies
            .receive(own, Oversize::Truncate)
            .expect("the reply comes before the queue is removed")
    });
    (server.run(), client.join().unwrap())
}

#[test]
fn a_late_client_learns_that_the_led_may_be_on() {
    let (key, server) = server(Failing(u32::MAX));
    let (ended, reply) = exit(key, server);
    assert!(matches!(ended, Err(Error::TurnOff(_))), "{ended:?}");
    assert_eq!(
        reply.text(),
        b"ERR the LED cannot be turned off and may be on: broken"
    );
}

#[test]
fn that_reply_is_sent_even_if_the_reply_queue_is_full() {
    let (key, server) = server(Failing(u32::MAX));
    let replies = Queue::open(key.reply(), Access::Send).unwrap();
    let unreceived: Message = Message::new(MessageType::new(76).unwrap(), b"OK ON").unwrap();
    while replies.try_send(&unreceived).is_ok() {}
    let (ended, reply) = exit(key, server);
    assert!(
        ended.is_err() && reply.text().starts_with(b"ERR "),
        "{ended:?} {reply}"
    );
}

#[test]
fn an_led_that_fails_once_is_turned_off() {
    let (key, server) = server(Failing(1));
    Queue::open(key, Access::Send)
        .unwrap()
        .try_send(&Message::<0>::empty(MessageType::EXIT))
        .unwrap();
    let ended = server.run();
    assert!(ended.is_ok(), "{ended:?}");
}
