//! Programs of this machine.

use std::{
    env,
    fs::File,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use crate::{Error, steps::say};

/// Runs a command to its end. Its output is shown only if it fails.
pub(crate) fn run(command: &mut Command) -> Result<String, Error> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?}: {}\n{said}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs a command whose output is the input of another.
pub(crate) fn pipe(from: &mut Command, to: &mut Command) -> Result<(), Error> {
    let mut first = from
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{from:?}: {error}"))?;
    let output = first.stdout.take().ok_or("the output is a pipe")?;
    let ran = run(to.stdin(output));
    let status = first.wait()?;
    ran?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{from:?}: {status}").into())
    }
}

/// Packs a folder as an initramfs.
pub(crate) fn archive(root: &Path, file: &Path) -> Result<(), Error> {
    pipe(
        Command::new("find").current_dir(root).arg("."),
        Command::new("cpio")
            .current_dir(root)
            .args(["--quiet", "--create", "--format=newc", "--owner=+0:+0"])
            .arg("--file")
            .arg(file),
    )
}

pub(crate) fn text(path: &Path) -> Result<&str, Error> {
    path.to_str()
        .ok_or_else(|| format!("{} is not UTF-8", path.display()).into())
}

/// Reports that something could not be checked: on standard output, and in the file that `LED_NOT_CHECKED` names.
pub(crate) fn not_checked(what: &str) -> Result<(), Error> {
    say(&format!("not checked: {what}"));
    if let Some(file) = env::var_os("LED_NOT_CHECKED") {
        writeln!(
            File::options().append(true).create(true).open(file)?,
            "{what}"
        )?;
    }
    Ok(())
}
