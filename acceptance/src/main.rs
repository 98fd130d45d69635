//! The real programs on an emulated Raspberry Pi, its LED's pin read from outside.
//!
//! `acceptance build` only builds the programs for arm64; `acceptance` also fetches the rest of the Pi once, boots it, and
//! plays the scenes. Everything is kept in `.cache/pi`.
#![forbid(unsafe_code)]

mod pi;

use std::{env, path::Path, process::ExitCode};

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let only_build = match env::args().nth(1).as_deref() {
        None => false,
        Some("build") => true,
        Some(_) => {
            eprintln!("usage: acceptance [build]");
            return ExitCode::from(2);
        }
    };
    match accept(only_build) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("acceptance: {error}");
            ExitCode::FAILURE
        }
    }
}

fn accept(only_build: bool) -> Result<(), Error> {
    let workspace = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).canonicalize()?;
    let programs = pi::build::programs(&workspace)?;
    for program in [&programs.controller, &programs.command] {
        println!("built {}, {} bytes", program.display(), program.metadata()?.len());
    }
    if only_build {
        return Ok(());
    }
    let cache = workspace.join(".cache/pi");
    let parts = pi::parts::fetch(&cache)?;
    let client = pi::build::textbook_client(&workspace, &cache)?;
    let initramfs = pi::initramfs::pack(&cache, &parts, &[&programs.controller, &programs.command, &client])?;
    let mut machine = pi::machine::Machine::boot(&cache, &parts, &initramfs)?;
    pi::scenes::play(&mut machine)
}
