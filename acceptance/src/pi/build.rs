//! The programs for arm64, built with Debian's cross toolchain.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::run;
use crate::Error;

const TARGET: &str = "aarch64-unknown-linux-gnu";
const CC: &str = "aarch64-linux-gnu-gcc";

pub(crate) struct Programs {
    pub(crate) controller: PathBuf,
    pub(crate) command: PathBuf,
}

/// Builds both programs with Debian's rustc, whose standard library for arm64 is a package like any other.
pub(crate) fn programs(workspace: &Path) -> Result<Programs, Error> {
    println!("building controller and command for {TARGET}");
    // A folder of its own: another compiler than the one that built this program.
    let target = workspace.join("target/debian");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(workspace).args([
        "build",
        "--release",
        "--quiet",
        "--package",
        "controller",
        "--package",
        "command",
    ]);
    cargo.args(["--target", TARGET, "--target-dir"]).arg(&target);
    // What rustup and an outer cargo leave behind would lead to the other compiler.
    for (name, _) in env::vars().filter(|(name, _)| name.starts_with("RUSTUP_") || name.starts_with("CARGO_PKG_")) {
        cargo.env_remove(name);
    }
    cargo.env("RUSTC", "/usr/bin/rustc").env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", CC);
    run(&mut cargo)?;
    let folder = target.join(TARGET).join("release");
    Ok(Programs { controller: folder.join("controller"), command: folder.join("command") })
}

/// Builds the textbook's client in C.
pub(crate) fn textbook_client(workspace: &Path, cache: &Path) -> Result<PathBuf, Error> {
    fs::create_dir_all(cache)?;
    let program = cache.join("textbook");
    run(Command::new(CC)
        .args(["-static", "-O2", "-Wall", "-Werror", "-o"])
        .arg(&program)
        .arg(workspace.join("acceptance/textbook.c")))?;
    Ok(program)
}
