//! The server with an LED of the test: blinking, and clients that watch.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use controller::{Led, Locks, Output, QueueOptions, QueuePair, Server, Shutdown};
use nix::sys::signal::Signal;
use shared::{
    Access, Error, Incoming, Key, Message, MessageType, Mode, Oversize, Place, Queue, Select,
    State, lock::Lock,
};
use testing::{key, wait_until};

/// Takes its time for each change, and fails at the one with this number, from 0.
#[derive(Default)]
struct Slow {
    takes: Duration,
    fails_at: Option<u32>,
    count: Arc<AtomicU32>,
}

impl Output for Slow {
    fn set(&mut self, _: u32) -> io::Result<()> {
        thread::sleep(self.takes);
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        if Some(number) == self.fails_at {
            return Err(io::Error::other("broken"));
        }
        Ok(())
    }
}

fn queues(key: Key) -> QueuePair {
    let options = QueueOptions {
        key,
        mode: Mode::new(0o600).unwrap(),
        group: None,
    };
    QueuePair::create(options, Locks::none()).unwrap()
}

/// A server that is not run, and its reply queue.
fn server(output: Slow) -> (Server, Queue) {
    let (key, led) = (key(), Led::new(Box::new(output), State::Off));
    let server = Server::new(led, Place::Simulated, queues(key), Shutdown::default());
    let replies = Queue::open(key.reply(), Access::SendAndReceive).unwrap();
    (server, replies)
}

fn handle(server: &mut Server, text: &str) {
    let message = Incoming::new(MessageType::LED, text.as_bytes()).unwrap();
    assert!(server.handle(&message).unwrap().is_continue());
}

/// The first line of the next reply of this type.
fn reply(replies: &Queue, reply_to: i64) -> Option<String> {
    let own = Select::Type(MessageType::new(reply_to).unwrap());
    let reply: Message = match replies.try_receive(own, Oversize::Truncate) {
        Err(Error::Empty(_)) => return None,
        reply => reply.unwrap(),
    };
    let text = String::from_utf8_lossy(reply.text()).into_owned();
    text.lines().next().map(str::to_owned)
}

#[test]
fn a_watcher_whose_reply_was_not_sent_is_told_at_the_next_change() {
    let (mut server, replies) = server(Slow::default());
    let limit = replies.status().unwrap().limit;
    handle(&mut server, "WATCH OFF\0reply=77\0");
    handle(&mut server, "WATCH\0reply=78\0");
    assert_eq!(reply(&replies, 78).as_deref(), Some("OK OFF"));
    // Not one reply fits.
    replies.set_limit(1).unwrap();
    handle(&mut server, "ON");
    handle(&mut server, "WATCH\0reply=78\0");
    replies.set_limit(limit).unwrap();
    handle(&mut server, "STATUS");
    assert_eq!(replies.status().unwrap().messages, 0, "never at once");
    handle(&mut server, "BLINK 1 1");
    for reply_to in [77, 78] {
        assert_eq!(reply(&replies, reply_to).as_deref(), Some("OK BLINK 1 1"));
    }
    handle(&mut server, "OFF");
    assert_eq!(replies.status().unwrap().messages, 0, "once");
}

#[test]
fn a_watcher_whose_reply_was_pushed_out_is_told_at_the_next_change() {
    let (mut server, replies) = server(Slow::default());
    handle(&mut server, "WATCH OFF\0reply=77\0");
    handle(&mut server, "ON");
    replies.set_limit(1000).unwrap();
    for _ in 0..20 {
        handle(&mut server, "STATUS\0reply=9\0");
    }
    assert_eq!(reply(&replies, 77), None);
    while reply(&replies, 9).is_some() {}
    handle(&mut server, "ON");
    assert_eq!(reply(&replies, 77), None, "never at once");
    handle(&mut server, "OFF");
    assert_eq!(reply(&replies, 77).as_deref(), Some("OK OFF"));
    handle(&mut server, "ON");
    assert_eq!(reply(&replies, 77), None, "once");
}

#[test]
fn a_watch_without_a_state_takes_the_place_of_the_one_that_waits() {
    let (mut server, replies) = server(Slow::default());
    handle(&mut server, "WATCH OFF\0reply=77\0");
    handle(&mut server, "WATCH\0reply=77\0");
    assert_eq!(reply(&replies, 77).as_deref(), Some("OK OFF"));
    handle(&mut server, "ON");
    assert_eq!(reply(&replies, 77), None);
}

#[test]
fn who_watches_the_blinking_of_the_start_learns_the_first_change() {
    let (key, blink) = (key(), State::from_text("BLINK 3600000 1").unwrap());
    let led = Led::new(Box::new(Slow::default()), blink);
    let mut server = Server::new(led, Place::Simulated, queues(key), Shutdown::default());
    let replies = Queue::open(key.reply(), Access::Receive).unwrap();
    handle(&mut server, "WATCH BLINK 3600000 1\0reply=77\0");
    assert_eq!(reply(&replies, 77), None, "it is known");
    handle(&mut server, "ON");
    assert_eq!(reply(&replies, 77).as_deref(), Some("OK ON"));
}

/// Sends these commands to a server that runs, and then ends it. Returns the replies of type 77 to them.
fn run(output: Slow, commands: &[&str]) -> Vec<String> {
    let (key, led) = (key(), Led::new(Box::new(output), State::Off));
    let (queues, shutdown) = (queues(key), Shutdown::default());
    let (commands_queue, replies) = [key, key.reply()]
        .map(|key| Queue::open(key, Access::SendAndReceive).unwrap())
        .into();
    let of_thread = shutdown.clone();
    let thread = thread::spawn(|| Server::new(led, Place::Simulated, queues, of_thread).run());
    let replied = commands.iter().map(|text| {
        let message = Incoming::new(MessageType::LED, text.as_bytes()).unwrap();
        commands_queue.try_send(&message).unwrap();
        let mut replied = None;
        wait_until("the reply comes", || {
            replied = reply(&replies, 77);
            replied.is_some()
        });
        replied.unwrap()
    });
    let replied = replied.collect();
    shutdown.request(Signal::SIGTERM);
    thread.join().unwrap().unwrap();
    replied
}

#[test]
fn an_output_that_is_slower_than_the_led_blinks_does_not_keep_commands_waiting() {
    let output = Slow {
        takes: Duration::from_millis(5),
        ..Slow::default()
    };
    let count = Arc::clone(&output.count);
    let commands = [&["BLINK 1 1\0reply=77\0"][..], &["STATUS\0reply=77\0"; 20]].concat();
    let replied = run(output, &commands);
    assert!(replied.iter().all(|state| state == "OK BLINK 1 1"));
    assert!(count.load(Ordering::SeqCst) > 10, "it blinks");
}

#[test]
fn who_watches_learns_that_blinking_has_ended() {
    let commands = ["BLINK 1 1 2\0reply=77\0", "WATCH BLINK 1 1 2\0reply=77\0"];
    let replied = run(Slow::default(), &commands);
    assert_eq!(replied, ["OK BLINK 1 1 2", "OK OFF"]);
}

#[test]
fn after_an_error_of_the_output_blinking_has_ended_and_who_watches_learns_it() {
    let output = Slow {
        fails_at: Some(3),
        ..Slow::default()
    };
    let commands = [
        "BLINK 1 1\0reply=77\0",
        "WATCH BLINK 1 1\0reply=77\0",
        // The error of one BLINK does not end the next.
        "BLINK 1 3600000\0reply=77\0",
        "STATUS\0reply=77\0",
    ];
    let replied = run(output, &commands);
    let expected = ["BLINK 1 1", "ON", "BLINK 1 3600000", "BLINK 1 3600000"];
    assert_eq!(replied, expected.map(|state| format!("OK {state}")));
}

#[test]
fn a_lock_whose_holder_has_no_open_queue_is_waited_for() {
    let (key, directory) = (key(), tempfile::tempdir().unwrap());
    let acquire = || Locks::acquire(key, Some(directory.path()));
    let lock = Lock::acquire_in(directory.path(), key).unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| acquire().map(drop));
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(100) {
            assert!(!waiting.is_finished());
            thread::yield_now();
        }
        drop(lock);
        waiting.join().unwrap().unwrap();
    });
    let _lock = Lock::acquire_in(directory.path(), key).unwrap();
    let start = Instant::now();
    let held = acquire().unwrap_err();
    assert!(held.to_string().contains("another controller"), "{held}");
    assert!(start.elapsed() >= Duration::from_secs(1));
    // One that closes its queue.
    let queue = Queue::create(key, Mode::new(0o600).unwrap()).unwrap();
    queue.set_limit(0).unwrap();
    let start = Instant::now();
    assert!(acquire().is_err());
    assert!(start.elapsed() >= Duration::from_secs(1));
}
