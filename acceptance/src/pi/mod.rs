//! A Raspberry Pi in QEMU: `raspi3b`, with the kernel, the pin controller and the character device of the real one.

mod apt;
pub(crate) mod build;
mod card;
pub(crate) mod debian;
pub(crate) mod device_tree;
mod gpiod;
pub(crate) mod initramfs;
pub(crate) mod latency;
pub(crate) mod machine;
pub(crate) mod parts;
pub(crate) mod person;
pub(crate) mod raspberry;
pub(crate) mod scenes;
pub(crate) mod service;
mod simulator;
mod stage;
pub(crate) mod suite;

use std::{
    env,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::Error;

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
