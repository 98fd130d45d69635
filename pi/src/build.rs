//! Our programs for arm64 and armhf, and the textbook's client.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Error,
    cache::{Cache, workspace},
    run::run,
    steps::say,
};

/// The names of an architecture: Debian's, that of its C compiler, and what our names of its clients end in.
struct Architecture {
    name: &'static str,
    compiler: &'static str,
    suffix: &'static str,
}

const ARM64: Architecture = Architecture {
    name: "arm64",
    compiler: "aarch64-linux-gnu-gcc",
    suffix: "",
};
const ARMHF: Architecture = Architecture {
    name: "armhf",
    compiler: "arm-linux-gnueabihf-gcc",
    suffix: "32",
};

/// A program, and its name on the Pi.
pub(crate) type Program = (String, PathBuf);

/// Builds both programs as for the package, with the Makefile.
pub(crate) fn programs() -> Result<Vec<Program>, Error> {
    let folder = make(&ARM64)?;
    Ok(["controller", "command"]
        .map(|name| (name.to_owned(), folder.join(name)))
        .into())
}

/// Builds the textbook's client in C.
pub(crate) fn textbook(cache: &Cache) -> Result<Program, Error> {
    compile(cache, &ARM64)
}

/// Builds the 32-bit clients, ours and the textbook's, under names of their own.
pub(crate) fn clients_of_32_bit(cache: &Cache) -> Result<[Program; 2], Error> {
    let command = make(&ARMHF)?.join("command");
    Ok([
        (format!("command{}", ARMHF.suffix), command),
        compile(cache, &ARMHF)?,
    ])
}

/// Builds the programs, with the output of the compiler, and returns their folder.
fn make(architecture: &Architecture) -> Result<PathBuf, Error> {
    let (workspace, name) = (workspace()?, architecture.name);
    say(&format!("building controller and command for {name}"));
    let mut make = Command::new("make");
    make.current_dir(&workspace)
        .args(["--no-print-directory", name]);
    // Variables of rustup, cargo and an outer make would select other compilers and options.
    let foreign = |name: &str| {
        name.starts_with("RUSTUP_") || name.starts_with("CARGO_PKG_") || name.starts_with("MAKE")
    };
    for (name, _) in env::vars().filter(|(name, _)| foreign(name)) {
        make.env_remove(name);
    }
    let status = make.status()?;
    if !status.success() {
        return Err(format!("make {name}: {status}").into());
    }
    Ok(workspace.join("target").join(name))
}

fn compile(cache: &Cache, architecture: &Architecture) -> Result<Program, Error> {
    let name = format!("textbook{}", architecture.suffix);
    let source = workspace()?.join("acceptance/textbook.c");
    let program = cache.once(&name, &fs::read(&source)?, |program: &Path| {
        run(Command::new(architecture.compiler)
            .args(["-static", "-O2", "-Wall", "-Werror", "-o"])
            .arg(program)
            .arg(&source))
        .map(drop)
    })?;
    Ok((name, program))
}
