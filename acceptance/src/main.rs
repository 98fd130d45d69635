//! The real programs on an emulated Raspberry Pi, whose pin is read from outside.
//!
//! `acceptance` downloads the Pi once, boots it with the programs, and plays the scenes. With two packages, of which the
//! second is an upgrade of the first, it boots a whole Debian with them and plays the scenes of the service. `acceptance
//! shell` connects the terminal to the Pi instead. The Debian is trixie, or the suite in `SUITE`. All files are in
//! `.cache/pi/SUITE`.
#![forbid(unsafe_code)]

mod pi;

use std::{
    env,
    fs::{self, File},
    io::{IsTerminal, stdin, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};

use pi::suite::Suite;

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let accepted = match &arguments[..] {
        [] => programs(),
        [word] if word == "shell" => {
            if !(stdin().is_terminal() && stdout().is_terminal()) {
                eprintln!("acceptance: shell needs a terminal as standard input and standard output");
                return ExitCode::from(2);
            }
            shell()
        }
        [word] if word == "latency" => boot("").and_then(|mut machine| pi::latency::compare(&mut machine)),
        [word, package] if word == "raspberry" => raspberry(package.as_ref()),
        [word, package] if word == "reboots" => reboots(package.as_ref()),
        [first, second] => package(first.as_ref(), second.as_ref()),
        _ => {
            eprintln!("usage: acceptance [shell | latency | raspberry PACKAGE | reboots PACKAGE | PACKAGE UPGRADE]");
            return ExitCode::from(2);
        }
    };
    match accepted {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("acceptance: {error}");
            ExitCode::FAILURE
        }
    }
}

fn programs() -> Result<(), Error> {
    let mut machine = boot("")?;
    pi::scenes::play(&mut machine)?;
    drop(machine);
    pi::person::scenes::play()
}

fn shell() -> Result<(), Error> {
    pi::person::connect_terminal(&mut boot(pi::machine::MINI_UART_CONSOLE)?)
}

/// Boots the Pi with the programs.
fn boot(arguments: &str) -> Result<pi::machine::Machine, Error> {
    let (workspace, suite, cache) = paths()?;
    // A shell and the tests can run at the same time, and both pack files in the same folder.
    fs::create_dir_all(&cache)?;
    let lock = File::open(&cache)?;
    lock.lock()?;
    let programs = pi::build::programs(&workspace)?;
    let parts = pi::parts::fetch(suite, &cache)?;
    let client = pi::build::textbook_client(&workspace, &cache)?;
    let mut files = vec![programs.controller, programs.command, client];
    match pi::build::clients_of_32_bit(&workspace, &cache) {
        Ok(clients) => files.extend(clients),
        Err(error) => pi::not_checked(&format!("32-bit clients on the Pi: {}", last_line(&error)))?,
    }
    let initramfs = pi::initramfs::pack(&cache, &parts, &files)?;
    pi::machine::Machine::boot(&parts, &parts.device_tree, &initramfs, arguments)
}

/// The last line of an error, for a program that failed.
fn last_line(error: &Error) -> String {
    error.to_string().trim_end().lines().last().unwrap_or_default().to_owned()
}

/// Plays all scenes on the chosen Debian, and the most important ones on bookworm if that is another one.
fn package(first: &Path, second: &Path) -> Result<(), Error> {
    let (workspace, suite, _) = paths()?;
    let boot = |suite| {
        let cache = cache(&workspace, suite);
        fs::create_dir_all(&cache)?;
        let parts = pi::parts::fetch(suite, &cache)?;
        let initramfs = pi::debian::pack(suite, &cache, first, second)?;
        Ok::<_, Error>((cache, parts, initramfs))
    };
    let (cache, parts, initramfs) = boot(suite)?;
    pi::service::play(&cache, &parts, &initramfs)?;
    pi::raspberry::play(&cache, &parts, first)?;
    if suite != Suite::Bookworm {
        let (_, parts, initramfs) = boot(Suite::Bookworm)?;
        pi::service::play_briefly(&parts, &initramfs)?;
    }
    Ok(())
}

/// Plays the scenes of Raspberry Pi OS only.
fn raspberry(package: &Path) -> Result<(), Error> {
    let (_, suite, cache) = paths()?;
    pi::raspberry::play(&cache, &pi::parts::fetch(suite, &cache)?, package)
}

/// Plays the scenes of reboots only.
fn reboots(package: &Path) -> Result<(), Error> {
    let (_, suite, cache) = paths()?;
    fs::create_dir_all(&cache)?;
    let parts = pi::parts::fetch(suite, &cache)?;
    let initramfs = pi::debian::pack(suite, &cache, package, package)?;
    pi::service::play_reboots(&cache, &parts, &initramfs)
}

/// The workspace, the Pi's Debian, and its cache folder.
fn paths() -> Result<(PathBuf, Suite, PathBuf), Error> {
    let workspace = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).canonicalize()?;
    let suite = Suite::chosen()?;
    let cache = cache(&workspace, suite);
    Ok((workspace, suite, cache))
}

fn cache(workspace: &Path, suite: Suite) -> PathBuf {
    workspace.join(".cache/pi").join(suite.name())
}
