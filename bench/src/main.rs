//! The real programs beside the same exercise in C, in one run: `make bench`.
#![forbid(unsafe_code)]

mod client;
mod controller;
mod count;
mod idle;
mod mqtt;
mod process_status;
mod table;
mod time;

use std::env;

use controller::Side;
use count::{of_client, of_exchange, of_flood};
use idle::{context_switches, followed_context_switches, peak_memory};
use table::Table;
use time::{at_once, clients, edges, flood, round_trips, starts, waiting};

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // cargo adds --bench.
    match arguments[1..] {
        ["mqtt", programs, "--bench"] => mqtt::run(programs),
        [ours, dynamic, c, c_static, "--bench"] => {
            let sides = [ours, dynamic, c, c_static].map(|folder| Side(folder.into()));
            compare(sides.each_ref());
        }
        _ => panic!("run this with `make bench`, which passes the folders"),
    }
}

/// Each row has a name with the unit, the sides that are compared, how one of them is measured, and the goal.
fn compare([ours, dynamic, c, c_static]: [&Side; 4]) {
    let (both, both_static) = (&[ours, c], &[ours, c_static]);
    let mut rows = Table::begin();
    rows.sample("commands per second, without replies, k/s", both, flood)
        .at_least(0.95);
    rows.sample("commands per second, with replies, k/s", both, round_trips)
        .at_least(0.95);
    rows.sample("command on, µs", both, clients("on"))
        .at_most(0.8);
    rows.sample("command --no-wait on, µs", both, clients("--no-wait on"))
        .at_most(0.8);
    rows.sample("controller, start to queue, µs", both, starts)
        .at_most(1.2);
    rows.sample("command on, C static, µs", both_static, clients("on"))
        .at_most(1.9);
    rows.count("command on, instructions, k", both, of_client("on"))
        .limit(150.);
    rows.count("command in a flood, instructions", both, of_flood)
        .limit(250.);
    rows.count("command with a reply, system calls", both, of_exchange)
        .at_most(1.);
    rows.sample("idle controller, VmHWM, KiB", both, peak_memory)
        .at_most(0.8);
    rows.count("10 idle, context switches in 10 s", both, context_switches)
        .limit(0.);
    let followed = followed_context_switches;
    rows.count("10 idle and followed, the same", &[ours], followed)
        .limit(0.);
    rows.count("changes of a blinking LED, late, µs", &[ours], edges)
        .limit(200.);
    let what = "commands in the queue, time of each";
    rows.growth(what, both, &[1, 10, 100, 1000], waiting);
    let what = "clients at once, time per command";
    rows.growth(what, both, &[1, 10, 100], at_once);
    for (link, side) in [("static", ours), ("dynamic", dynamic)] {
        for name in ["controller", "command"] {
            let what = format!("{name}, {link}, KiB");
            rows.count(&what, &[side], |side| side.size(name))
                .limit(1536.);
        }
    }
    rows.end();
}
