//! The machine of the measurement.

use std::{fs, process::Command, thread};

pub(crate) fn print() {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let line = |text: String| {
        text.lines()
            .next()
            .unwrap_or_default()
            .trim_end_matches('\0')
            .to_owned()
    };
    let version = |program: &str| {
        let output = Command::new(program).arg("--version").output();
        line(
            output
                .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
                .unwrap_or_default(),
        )
    };
    let cpu = read("/proc/cpuinfo");
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map(|(_, name)| name);
    // A Pi has no model name for its processor, but one for the board.
    let cpu = cpu.map_or_else(|| line(read("/proc/device-tree/model")), str::to_owned);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{cpu}, {cores} cores, Linux {}",
        line(read("/proc/sys/kernel/osrelease"))
    );
    println!("{}, {}", version("rustc"), version("cc"));
    println!("load before: {}", line(read("/proc/loadavg")));
}
