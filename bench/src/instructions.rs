//! Instructions of a client, with its loader and C library, as callgrind counts them.

use std::{fs, process::Command};

use crate::{
    side::{Controller, Side},
    table::{Goal, THOUSANDS, Table, alternately},
};

pub(crate) fn measure(sides: &[Side; 2], table: &mut Table) {
    let mut both = sides.each_ref().map(Side::start);
    let executed = alternately(&mut both, |controller| count(controller));
    table.row(
        "command on, instructions",
        &THOUSANDS,
        &executed,
        &Goal::AtMost(1.6),
    );
    both.into_iter().for_each(Controller::end);
}

fn count(controller: &Controller<'_>) -> f64 {
    let file = controller.fixture.path().join("callgrind");
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", file.display()));
    let status = controller
        .command(Some(valgrind), &["on"])
        .status()
        .expect("valgrind starts");
    assert!(
        status.success(),
        "valgrind with the client of {}: {status}",
        controller.side.name
    );
    let counted = fs::read_to_string(file).expect("callgrind has written the file");
    let total = counted
        .lines()
        .find_map(|line| line.strip_prefix("totals: "));
    total
        .and_then(|total| total.trim().parse().ok())
        .expect("callgrind writes the total")
}
