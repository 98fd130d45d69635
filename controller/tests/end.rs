//! A client that requests the end gets a reply with the result.

use std::{thread, time::Duration};

use controller::{Error, Server, Shutdown};
use shared::{Message, MessageType, Oversize, Select, State};
use testing::{Fixture, wait_until};

use crate::fake::{self, FAILS};

/// Requests the end, and receives the reply some time after the command queue was removed.
fn exit(fixture: &Fixture, server: Server) -> (Result<(), Error>, Message) {
    let (commands, replies) = (fixture.queue(), fixture.replies());
    fixture.send(2, b"\0reply=77\0");
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
fn a_late_client_learns_that_the_led_may_be_on_even_if_the_reply_queue_was_full() {
    for is_full in [false, true] {
        let fixture = Fixture::new();
        let (server, _) = fake::server(&fixture, State::On, FAILS, &Shutdown::default());
        let unreceived: Message = Message::new(MessageType::new(76).unwrap(), b"OK ON").unwrap();
        while is_full && fixture.replies().try_send(&unreceived).is_ok() {}
        let (ended, reply) = exit(&fixture, server);
        assert!(matches!(ended, Err(Error::TurnOff(_))), "{ended:?}");
        let reason = "ERR the LED cannot be turned off and may be on: broken";
        assert_eq!(reply.text(), reason.as_bytes());
    }
}

#[test]
fn an_led_that_fails_once_is_turned_off() {
    let fixture = Fixture::new();
    let (server, _) = fake::server(&fixture, State::On, 0..1, &Shutdown::default());
    fixture.send(2, b"");
    let ended = server.run();
    assert!(ended.is_ok(), "{ended:?}");
}
