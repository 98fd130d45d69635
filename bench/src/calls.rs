//! The system calls of one command that changes the LED and is answered.

use std::{fs, process::Command, thread};

use shared::{Command as Verb, State};

use crate::{client::question, idle::SETTLE, side::Side};

pub(crate) fn print(sides: &[Side; 2]) {
    for side in sides {
        println!();
        println!("system calls of one answered command, {}:", side.name);
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut strace = Command::new("strace");
        strace.arg("-f").arg("-o").arg(file.path());
        let (controller, _) = side.start_below(Some(strace));
        // The first one is still among what the start does, and C's output makes its buffer for it.
        for state in [State::On, State::Off] {
            thread::sleep(SETTLE);
            controller.client.send(&question(Verb::Toggle));
            controller.client.hear(state);
        }
        controller.end();
        let traced = fs::read_to_string(file.path()).expect("strace has written");
        // Each line begins with the thread.
        let calls = traced.lines().map(|line| line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start());
        let calls: Vec<&str> = calls.collect();
        let received = calls.iter().rposition(|call| call.contains("TOGGLE")).expect("the controller has received it");
        let (received, others) = calls[received..].split_first().expect("it is there");
        let others = others.iter().take_while(|call| !call.starts_with("msgrcv("));
        [received].into_iter().chain(others).for_each(|call| println!("    {call}"));
    }
}
