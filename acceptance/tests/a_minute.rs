//! Tests that take a minute. Here, because a client that follows the state confirms it once a minute.
//!
//! Tests run in the order of their names: these begin first, and the others run beside them.

mod mqtt;

use std::time::Duration;

use shared::{Oversize, Select};
use testing::{Fixture, PATIENCE, Running, Signal};

use crate::watch::WATCH;

#[test]
#[ignore = "takes a minute"]
fn a_follower_whose_question_another_process_received_asks_again() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    controller.stop();
    let watch = fixture.client(&["status", "--watch", "--timeout", "20s"]);
    fixture.wait_until_sent(1);
    let taken = fixture
        .queue()
        .try_receive::<256>(Select::Any, Oversize::Keep);
    assert!(taken.unwrap().text().starts_with(b"WATCH"));
    watch.wait_for_log("no reply within 20s");
    controller.signal(Signal::CONT);
    fixture.command(&["on"]).assert_printed("on");
    assert_eq!(watch.line(), "on");
}

#[test]
#[ignore = "takes a minute"]
fn a_client_whose_reply_was_lost_learns_of_the_change_within_a_minute() {
    let fixture = Fixture::new();
    let controller = Running::start(fixture.simulated(&[]).env("RUST_LOG", "debug")).when_ready();
    let status = fixture.client(&WATCH);
    assert_eq!(status.line(), "off");
    // To the question without a state it had a reply.
    for _ in 0..2 {
        controller.wait_for_log("WATCH: LED OFF");
    }
    status.stop();
    fixture.command(&["on"]).assert_printed("on");
    // It comes after the reply to the command.
    let lost = fixture.reply(Select::Any);
    assert!(lost.text().starts_with(b"OK ON\n"), "{lost}");
    status.signal(Signal::CONT);
    controller.wait_for_log_within("WATCH: LED ON", Duration::from_secs(60) + PATIENCE);
    assert_eq!(status.line(), "on");
}
