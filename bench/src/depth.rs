//! Whether a command takes longer with more commands in the queue, or with more clients.

use std::{
    env,
    io::{self, Read},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use shared::Request;
use testing::Signal;

use crate::{
    client::{nth_command, request},
    side::{Controller, Side},
    table::{Goal, MICROSECONDS, Table, alternately},
};

/// How often the queue is filled in a sample.
const ROUNDS: usize = 20;
/// Commands of all clients in a sample.
const COMMANDS: usize = 10_000;

pub(crate) fn measure(sides: &[Side; 2], table: &mut Table) {
    let mut both = sides.each_ref().map(Side::start);
    grow(
        "commands in the queue, time of each",
        [1, 10, 100, 1000],
        &mut both,
        table,
        waiting,
    );
    grow(
        "clients at once, time per command",
        [1, 10, 100],
        &mut both,
        table,
        at_once,
    );
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
        let elapsed = alternately(both, |controller| measure(controller, depth));
        let goal = match elapsed.ours() / least {
            0. => Goal::None,
            factor => Goal::Grows {
                factor,
                at_most: 1.2,
            },
        };
        least = least.min(elapsed.ours());
        table.row(&format!("{what}: {depth}"), &MICROSECONDS, &elapsed, &goal);
    }
}

/// Fills the queue of a stopped controller with this many commands; the last requests a reply. Measures from SIGCONT to the
/// reply.
fn waiting(controller: &Controller<'_>, depth: usize) -> f64 {
    let rounds = (0..ROUNDS).map(|round| {
        controller.process.stop();
        let mut commands = (0..depth).map(|number| nth_command(round * depth + number));
        let (command, state) = commands.next_back().expect("the depth is at least 1");
        for (command, _) in commands {
            controller.client.send(
                &Request {
                    command,
                    reply_to: None,
                }
                .encode(),
            );
        }
        controller.client.send(&request(command));
        let start = Instant::now();
        controller.process.signal(Signal::CONT);
        controller.client.expect_reply(state);
        start.elapsed()
    });
    rounds.sum::<Duration>().as_secs_f64() / (ROUNDS * depth) as f64
}

/// Starts this many processes, which share the commands. Measures from their common start to the last one's end.
fn at_once(controller: &Controller<'_>, clients: usize) -> f64 {
    let each = COMMANDS / clients;
    let ((start_signal, start_signal_writer), (mut reported, report)) =
        (io::pipe().expect("a pipe"), io::pipe().expect("a pipe"));
    let mut client =
        Command::new(env::current_exe().expect("the path of this program is readable"));
    client
        .arg("client")
        .arg(controller.fixture.key.to_string())
        .arg(each.to_string());
    let start = |_| {
        client
            .stdin(
                start_signal
                    .try_clone()
                    .expect("a descriptor can be duplicated"),
            )
            .stdout(report.try_clone().expect("a descriptor can be duplicated"));
        client.spawn().expect("a client starts")
    };
    let children: Vec<Child> = (0..clients).map(start).collect();
    // Close also the ends that it holds for the next client: closing the last one starts the clients.
    client.stdin(Stdio::null()).stdout(Stdio::null());
    drop((start_signal, report));
    let mut wait_for_all = || {
        reported
            .read_exact(&mut vec![0; clients])
            .expect("all clients report")
    };
    wait_for_all();
    let start = Instant::now();
    drop(start_signal_writer);
    wait_for_all();
    let elapsed = start.elapsed();
    for mut child in children {
        assert!(
            child.wait().is_ok_and(|status| status.success()),
            "a client failed"
        );
    }
    elapsed.as_secs_f64() / (each * clients) as f64
}
