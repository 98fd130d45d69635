//! The real programs beside the same exercise in C, in one run: `make bench`.
#![forbid(unsafe_code)]

mod calls;
mod client;
mod depth;
mod flow;
mod idle;
mod instructions;
mod machine;
mod mqtt;
mod process;
mod process_status;
mod side;
mod size;
mod table;

use std::{env, path::PathBuf};

use side::Side;
use table::Table;

fn main() {
    let arguments: Vec<String> = env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["client", key, commands] => client::run(key, commands),
        ["mqtt", programs] => mqtt::run(programs),
        [programs, dynamic, reference, package] => compare(programs, dynamic, reference, package),
        _ => panic!("run this with `make bench`, which passes the folders and the package"),
    }
}

fn compare(programs: &str, dynamic: &str, reference: &str, package: &str) {
    let [programs, dynamic, reference, package] =
        [programs, dynamic, reference, package].map(PathBuf::from);
    let sides = [Side::ours(&programs), Side::reference(&reference)];
    machine::print();
    let mut table = Table::begin();
    flow::measure(&sides, &mut table);
    process::measure(&sides, &mut table);
    let with_static = [
        Side::ours(&programs),
        Side::reference(&reference.join("static")),
    ];
    process::measure_static(&with_static, &mut table);
    instructions::measure(&sides, &mut table);
    idle::measure(&sides, &mut table);
    depth::measure(&sides, &mut table);
    size::measure(&sides, &dynamic, &package, &mut table);
    table.end();
    calls::print(&sides);
}
