//! The programs for arm64, and clients for armhf.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::run;
use crate::Error;

const CC: &str = "aarch64-linux-gnu-gcc";
const CC_OF_32_BIT: &str = "arm-linux-gnueabihf-gcc";

pub(crate) struct Programs {
    pub(crate) controller: PathBuf,
    pub(crate) command: PathBuf,
}

/// Builds both programs as for the package, with the Makefile.
pub(crate) fn programs(workspace: &Path) -> Result<Programs, Error> {
    println!("building controller and command for arm64");
    make(workspace, "arm64")?;
    let folder = workspace.join("target/arm64");
    Ok(Programs {
        controller: folder.join("controller"),
        command: folder.join("command"),
    })
}

fn make(workspace: &Path, target: &str) -> Result<(), Error> {
    let mut make = Command::new("make");
    make.current_dir(workspace)
        .args(["--no-print-directory", target]);
    // Variables of rustup, cargo and an outer make would select other compilers and options.
    let foreign = |name: &str| {
        name.starts_with("RUSTUP_") || name.starts_with("CARGO_PKG_") || name.starts_with("MAKE")
    };
    for (name, _) in env::vars().filter(|(name, _)| foreign(name)) {
        make.env_remove(name);
    }
    run(&mut make).map(drop)
}

/// Builds the textbook's client in C.
pub(crate) fn textbook_client(workspace: &Path, cache: &Path) -> Result<PathBuf, Error> {
    textbook(workspace, cache.join("textbook"), CC)
}

/// Builds the 32-bit clients, ours and the textbook's, under names of their own.
pub(crate) fn clients_of_32_bit(workspace: &Path, cache: &Path) -> Result<[PathBuf; 2], Error> {
    println!("building command for armhf");
    make(workspace, "armhf")?;
    let command = cache.join("command32");
    fs::copy(workspace.join("target/armhf/command"), &command)?;
    Ok([
        command,
        textbook(workspace, cache.join("textbook32"), CC_OF_32_BIT)?,
    ])
}

fn textbook(workspace: &Path, program: PathBuf, compiler: &str) -> Result<PathBuf, Error> {
    run(Command::new(compiler)
        .args(["-static", "-O2", "-Wall", "-Werror", "-o"])
        .arg(&program)
        .arg(workspace.join("acceptance/textbook.c")))?;
    Ok(program)
}
