//! The real programs on an emulated Raspberry Pi, whose pin is read from outside.
//!
//! `acceptance` downloads the Pi once, boots it with the programs, and plays the scenes. With three packages, of which the
//! second is an upgrade of the first, and the third that of led-mqtt, it boots a whole Debian with them and plays the scenes of
//! the services. `acceptance
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

use pi::{debian::Packages, parts::Parts, suite::Suite};

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let accepted = match &arguments[..] {
        [] => programs(),
        [word] if word == "shell" => {
            if !(stdin().is_terminal() && stdout().is_terminal()) {
                eprintln!(
                    "acceptance: shell needs a terminal as standard input and standard output"
                );
                return ExitCode::from(2);
            }
            shell()
        }
        [word] if word == "latency" => {
            boot("").and_then(|mut machine| pi::latency::compare(&mut machine))
        }
        [word, package] if word == "raspberry" => raspberry(package.as_ref()),
        [first, second, mqtt] => package(&Packages::new(first, second, mqtt)),
        [word, first, second, mqtt] if ["reboots", "mqtt"].contains(&word.as_str()) => {
            some(word, &Packages::new(first, second, mqtt))
        }
        _ => {
            eprintln!(
                "usage: acceptance [shell | latency | raspberry PACKAGE | [reboots | mqtt] PACKAGE UPGRADE MQTT]"
            );
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
    error
        .to_string()
        .trim_end()
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned()
}

/// Plays all scenes on the chosen Debian, and the most important ones on bookworm if that is another one.
fn package(packages: &Packages<'_>) -> Result<(), Error> {
    let (cache, parts, initramfs) = debian(Suite::chosen()?, packages)?;
    pi::service::play(&cache, &parts, &initramfs)?;
    pi::raspberry::play(&cache, &parts, packages.first)?;
    if parts.suite != Suite::Bookworm {
        let (_, parts, initramfs) = debian(Suite::Bookworm, packages)?;
        pi::service::play_briefly(&parts, &initramfs)?;
    }
    Ok(())
}

/// Plays only the scenes with this name.
fn some(name: &str, packages: &Packages<'_>) -> Result<(), Error> {
    let (cache, parts, initramfs) = debian(Suite::chosen()?, packages)?;
    match name {
        "mqtt" => pi::service::play_mqtt(&parts, &initramfs),
        _ => pi::service::play_reboots(&cache, &parts, &initramfs),
    }
}

/// The cache folder of a suite, and a Pi with its Debian and the packages.
fn debian(suite: Suite, packages: &Packages<'_>) -> Result<(PathBuf, Parts, PathBuf), Error> {
    let cache = cache(&workspace()?, suite);
    fs::create_dir_all(&cache)?;
    let parts = pi::parts::fetch(suite, &cache)?;
    let initramfs = pi::debian::pack(suite, &cache, packages)?;
    Ok((cache, parts, initramfs))
}

/// Plays the scenes of Raspberry Pi OS only.
fn raspberry(package: &Path) -> Result<(), Error> {
    let (_, suite, cache) = paths()?;
    pi::raspberry::play(&cache, &pi::parts::fetch(suite, &cache)?, package)
}

/// The workspace, the Pi's Debian, and its cache folder.
fn paths() -> Result<(PathBuf, Suite, PathBuf), Error> {
    let workspace = workspace()?;
    let suite = Suite::chosen()?;
    let cache = cache(&workspace, suite);
    Ok((workspace, suite, cache))
}

fn workspace() -> Result<PathBuf, Error> {
    Ok(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).canonicalize()?)
}

fn cache(workspace: &Path, suite: Suite) -> PathBuf {
    workspace.join(".cache/pi").join(suite.name())
}
