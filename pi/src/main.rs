//! The real programs on an emulated Raspberry Pi, whose pin is read from outside.
//!
//! `pi` downloads the Pi once, boots it with the programs, and plays the scenes. With three packages, of which the second is
//! an upgrade of the first, and the third that of led-mqtt, it boots a whole Debian with them and plays the scenes of the
//! services. `pi shell` connects the terminal to the Pi instead. The Debian is trixie, or the suite in `SUITE`. All files are
//! in `.cache/pi/SUITE`.
//!
//! The Pi is a `raspi3b` of QEMU, with the kernel, the pin controller and the character device of the real one.
#![forbid(unsafe_code)]

mod apt;
mod build;
mod card;
mod debian;
mod device_tree;
mod gpiod;
mod initramfs;
mod latency;
mod machine;
mod parts;
mod person;
mod raspberry;
mod scenes;
mod service;
mod simulator;
mod stage;
mod suite;

use std::{
    env,
    fs::{self, File},
    io::{IsTerminal, Write, stdin, stdout},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use crate::{debian::Packages, parts::Parts, suite::Suite};

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let accepted = match &arguments[..] {
        [] => programs(),
        [word] if word == "shell" => {
            if !(stdin().is_terminal() && stdout().is_terminal()) {
                eprintln!("pi: shell needs a terminal as standard input and standard output");
                return ExitCode::from(2);
            }
            shell()
        }
        [word] if word == "latency" => {
            boot("").and_then(|mut machine| latency::compare(&mut machine))
        }
        [word, package] if word == "raspberry" => raspberry(package.as_ref()),
        [first, second, mqtt] => package(&Packages::new(first, second, mqtt)),
        [word, first, second, mqtt] if ["reboots", "mqtt"].contains(&word.as_str()) => {
            some(word, &Packages::new(first, second, mqtt))
        }
        _ => {
            eprintln!(
                "usage: pi [shell | latency | raspberry PACKAGE | [reboots | mqtt] PACKAGE UPGRADE MQTT]"
            );
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

fn programs() -> Result<(), Error> {
    let mut machine = boot("")?;
    scenes::play(&mut machine)?;
    drop(machine);
    person::scenes::play()
}

fn shell() -> Result<(), Error> {
    person::connect_terminal(&mut boot(machine::MINI_UART_CONSOLE)?)
}

/// Boots the Pi with the programs.
fn boot(arguments: &str) -> Result<machine::Machine, Error> {
    let (workspace, suite, cache) = paths()?;
    // A shell and the tests can run at the same time, and both pack files in the same folder.
    fs::create_dir_all(&cache)?;
    let lock = File::open(&cache)?;
    lock.lock()?;
    let programs = build::programs(&workspace)?;
    let parts = parts::fetch(suite, &cache)?;
    let client = build::textbook_client(&workspace, &cache)?;
    let mut files = vec![programs.controller, programs.command, client];
    match build::clients_of_32_bit(&workspace, &cache) {
        Ok(clients) => files.extend(clients),
        Err(error) => not_checked(&format!("32-bit clients on the Pi: {}", last_line(&error)))?,
    }
    let initramfs = initramfs::pack(&cache, &parts, &files)?;
    machine::Machine::boot(&parts, &parts.device_tree, &initramfs, arguments)
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
    service::play(&cache, &parts, &initramfs)?;
    raspberry::play(&cache, &parts, packages.first)?;
    if parts.suite != Suite::Bookworm {
        let (_, parts, initramfs) = debian(Suite::Bookworm, packages)?;
        service::play_briefly(&parts, &initramfs)?;
    }
    Ok(())
}

/// Plays only the scenes with this name.
fn some(name: &str, packages: &Packages<'_>) -> Result<(), Error> {
    let (cache, parts, initramfs) = debian(Suite::chosen()?, packages)?;
    match name {
        "mqtt" => service::play_mqtt(&parts, &initramfs),
        _ => service::play_reboots(&cache, &parts, &initramfs),
    }
}

/// The cache folder of a suite, and a Pi with its Debian and the packages.
fn debian(suite: Suite, packages: &Packages<'_>) -> Result<(PathBuf, Parts, PathBuf), Error> {
    let cache = cache(&workspace()?, suite);
    fs::create_dir_all(&cache)?;
    let parts = parts::fetch(suite, &cache)?;
    let initramfs = debian::pack(suite, &cache, packages)?;
    Ok((cache, parts, initramfs))
}

/// Plays the scenes of Raspberry Pi OS only.
fn raspberry(package: &Path) -> Result<(), Error> {
    let (_, suite, cache) = paths()?;
    raspberry::play(&cache, &parts::fetch(suite, &cache)?, package)
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

/// Runs a command to its end. Its output is shown only if it fails.
fn run(command: &mut Command) -> Result<String, Error> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?}: {}\n{said}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn text(path: &Path) -> Result<&str, Error> {
    path.to_str()
        .ok_or_else(|| format!("{} is not UTF-8", path.display()).into())
}

/// Reports that something could not be checked: on standard output, and in the file that `LED_NOT_CHECKED` names.
pub(crate) fn not_checked(what: &str) -> Result<(), Error> {
    println!("not checked: {what}");
    if let Some(file) = env::var_os("LED_NOT_CHECKED") {
        writeln!(
            File::options().append(true).create(true).open(file)?,
            "{what}"
        )?;
    }
    Ok(())
}

/// Packs a folder as an initramfs.
fn archive(root: &Path, file: &Path) -> Result<PathBuf, Error> {
    let mut find = Command::new("find")
        .current_dir(root)
        .arg(".")
        .stdout(Stdio::piped())
        .spawn()?;
    let names = find.stdout.take().ok_or("the output of find is a pipe")?;
    let mut cpio = Command::new("cpio");
    cpio.current_dir(root)
        .args(["--quiet", "--create", "--format=newc", "--owner=+0:+0"]);
    run(cpio.stdin(names).arg("--file").arg(file))?;
    find.wait()?;
    Ok(file.to_owned())
}
