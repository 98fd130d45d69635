//! The system calls for one command that changes the LED and requests a reply.

use std::{fs, process::Command, thread};

use shared::{Command as Verb, State};

use crate::{client::request, idle::SETTLE, side::Side};

pub(crate) fn print(sides: &[Side; 2]) {
    for side in sides {
        println!();
        println!("system calls of one command with a reply, {}:", side.name);
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut strace = Command::new("strace");
        strace.arg("-f").arg("-o").arg(file.path());
        let (controller, _) = side.start_with_wrapper(Some(strace));
        // The first command may still overlap with the start, and C allocates its output buffer for it.
        for state in [State::On, State::Off] {
            thread::sleep(SETTLE);
            controller.client.send(&request(Verb::Toggle));
            controller.client.expect_reply(state);
        }
        controller.end();
        let traced = fs::read_to_string(file.path()).expect("strace has written the file");
        // Each line begins with the thread.
        let calls = traced.lines().map(|line| {
            line.trim_start_matches(|c: char| c.is_ascii_digit())
                .trim_start()
        });
        let calls: Vec<&str> = calls.collect();
        let received = calls
            .iter()
            .rposition(|call| call.contains("TOGGLE"))
            .expect("the controller has received it");
        let (received, others) = calls[received..]
            .split_first()
            .expect("the call is in the list");
        let others = others
            .iter()
            .take_while(|call| !call.starts_with("msgrcv("));
        [received]
            .into_iter()
            .chain(others)
            .for_each(|call| println!("    {call}"));
    }
}
