//! The programs for arm64.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use super::run;
use crate::Error;

const CC: &str = "aarch64-linux-gnu-gcc";

pub(crate) struct Programs {
    pub(crate) controller: PathBuf,
    pub(crate) command: PathBuf,
}

/// Builds both programs as the package has them: the Makefile knows how.
pub(crate) fn programs(workspace: &Path) -> Result<Programs, Error> {
    println!("building controller and command for arm64");
    let mut make = Command::new("make");
    make.current_dir(workspace).args(["--no-print-directory", "arm64"]);
    // What rustup, cargo and an outer make leave behind would lead to other compilers and options.
    let foreign =
        |name: &str| name.starts_with("RUSTUP_") || name.starts_with("CARGO_PKG_") || name.starts_with("MAKE");
    for (name, _) in env::vars().filter(|(name, _)| foreign(name)) {
        make.env_remove(name);
    }
    run(&mut make)?;
    let folder = workspace.join("target/arm64");
    Ok(Programs { controller: folder.join("controller"), command: folder.join("command") })
}

/// Builds the textbook's client in C.
pub(crate) fn textbook_client(workspace: &Path, cache: &Path) -> Result<PathBuf, Error> {
    let program = cache.join("textbook");
    run(Command::new(CC)
        .args(["-static", "-O2", "-Wall", "-Werror", "-o"])
        .arg(&program)
        .arg(workspace.join("acceptance/textbook.c")))?;
    Ok(program)
}
