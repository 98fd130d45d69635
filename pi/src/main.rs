//! The real programs on an emulated Raspberry Pi, whose pin is read from outside.
//!
//! `pi` downloads the Pi once, boots it with the programs, and plays the scenes. With three packages, of which the second is
//! an upgrade of the first, and the third that of led-mqtt, it boots a whole Debian with them and plays the scenes of the
//! services, or only those of one group. `pi shell` connects the terminal to the Pi instead. The Debian is trixie, or the suite
//! in `SUITE`. All files are in `.cache/pi/SUITE`.
//!
//! The Pi is a `raspi3b` of QEMU, with the kernel, the pin controller and the character device of the real one.
#![forbid(unsafe_code)]

mod apt;
mod build;
mod cache;
mod card;
mod debian;
mod device_tree;
mod gpiod;
mod groups;
mod initramfs;
mod latency;
mod machine;
mod parts;
mod programs;
mod run;
mod service;
mod shell;
mod simulator;
mod stage;
mod steps;
mod suite;

use std::{
    env,
    io::{IsTerminal, stdin, stdout},
    process::ExitCode,
};

use crate::service::Packages;

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    steps::watch();
    let accepted = match arguments[..] {
        ["shell"] if !(stdin().is_terminal() && stdout().is_terminal()) => {
            eprintln!("pi: shell needs a terminal as standard input and standard output");
            return ExitCode::from(2);
        }
        ["shell"] => shell::connect_terminal(),
        [] => programs::play(),
        ["latency"] => programs::boot().and_then(|mut machine| latency::compare(&mut machine)),
        [ref group @ .., first, second, mqtt] if group.len() <= 1 => service::play(
            &Packages {
                first,
                second,
                mqtt,
            },
            group.first().copied(),
        ),
        _ => {
            eprintln!("usage: pi [shell | latency | [GROUP] PACKAGE UPGRADE MQTT]");
            return ExitCode::from(2);
        }
    };
    match accepted {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pi: {error}");
            ExitCode::FAILURE
        }
    }
}
