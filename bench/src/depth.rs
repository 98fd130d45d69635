//! Whether a command takes longer where more of them wait, or more clients are at it.

use std::{
    env,
    io::{self, Read},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use shared::Request;
use testing::Signal;

use crate::{
    client::{question, turn},
    side::{Controller, Side},
    table::{Goal, MICROSECONDS, Table, alternately},
};

/// How often the queue is filled in one sample.
const ROUNDS: usize = 20;
/// Commands of all clients together in one sample.
const COMMANDS: usize = 10_000;

pub(crate) fn measure(sides: &[Side; 2], table: &mut Table) {
    let mut both = sides.each_ref().map(Side::start);
    grow("waiting in the queue, time of each", [1, 10, 100, 1000], &mut both, table, waiting);
    grow("clients at once, time per command", [1, 10, 100], &mut both, table, at_once);
    both.into_iter().for_each(Controller::end);
}

fn grow<const N: usize>(
    what: &str,
    depths: [usize; N],
    both: &mut [Controller<'_>; 2],
    table: &mut Table,
    measure: fn(&Controller<'_>, usize) -> f64,
) {
    let mut least = f64::INFINITY;
    for depth in depths {
        let took = alternately(both, |controller| measure(controller, depth));
        let goal = match took.ours() / least {
            0. => Goal::None,
            factor => Goal::Grows { factor, at_most: 1.2 },
        };
        least = least.min(took.ours());
        table.row(&format!("{what}: {depth}"), &MICROSECONDS, &took, &goal);
    }
}

/// So many wait while the controller is stopped, the last of them for an answer; the time is from when it goes on until that.
fn waiting(controller: &Controller<'_>, depth: usize) -> f64 {
    let rounds = (0..ROUNDS).map(|round| {
        controller.process.stop();
        let mut turns = (0..depth).map(|number| turn(round * depth + number));
        let (command, state) = turns.next_back().expect("one waits at least");
        for (command, _) in turns {
            controller.client.send(&Request { command, reply_to: None }.encode());
        }
        controller.client.send(&question(command));
        let start = Instant::now();
        controller.process.signal(Signal::CONT);
        controller.client.hear(state);
        start.elapsed()
    });
    rounds.sum::<Duration>().as_secs_f64() / (ROUNDS * depth) as f64
}

/// So many processes, each with its part of the commands; the time is from the word to all until the last one is done.
fn at_once(controller: &Controller<'_>, clients: usize) -> f64 {
    let each = COMMANDS / clients;
    let ((word, give_word), (mut told, tell)) = (io::pipe().expect("a pipe"), io::pipe().expect("a pipe"));
    let mut client = Command::new(env::current_exe().expect("this process has a program"));
    client.arg("client").arg(controller.fixture.key.to_string()).arg(each.to_string());
    let start = |_| {
        client.stdin(word.try_clone().expect("a descriptor")).stdout(tell.try_clone().expect("a descriptor"));
        client.spawn().expect("a client starts")
    };
    let children: Vec<Child> = (0..clients).map(start).collect();
    // Also the ends of the pipes that it holds for the next client: the word is that the last one is closed.
    client.stdin(Stdio::null()).stdout(Stdio::null());
    drop((word, tell));
    let mut wait_for_all = || told.read_exact(&mut vec![0; clients]).expect("all clients tell");
    wait_for_all();
    let start = Instant::now();
    drop(give_word);
    wait_for_all();
    let took = start.elapsed();
    for mut child in children {
        assert!(child.wait().is_ok_and(|status| status.success()), "a client failed");
    }
    took.as_secs_f64() / (each * clients) as f64
}
