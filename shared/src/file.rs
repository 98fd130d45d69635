//! Small text files in directories that other users may write to, such as /tmp.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Reads up to `longest` bytes of a regular file.
///
/// # Errors
///
/// Those of open(2) and read(2); [`io::ErrorKind::InvalidInput`] if it is not a regular file, [`io::ErrorKind::InvalidData`] if
/// it is not UTF-8. A symbolic link is not followed (ELOOP), and a pipe does not block.
pub fn read(path: &Path, longest: u64) -> io::Result<(Metadata, String)> {
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    let mut text = String::new();
    file.take(longest).read_to_string(&mut text)?;
    Ok((found, text))
}

/// Replaces a file atomically: writes a new one beside it, and renames that. `finish` is called before the rename.
///
/// # Errors
///
/// Those of open(2), write(2), `finish` and rename(2). The old file is unchanged then.
pub fn replace(
    path: &Path,
    text: &str,
    finish: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut options = File::options();
    options.write(true).create_new(true);
    let mut file = match options.open(&new) {
        // A killed process left the temporary file.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(&new)?;
            options.open(&new)?
        }
        opened => opened?,
    };
    let written = file.write_all(text.as_bytes()).and_then(|()| finish(&file));
    written
        .and_then(|()| fs::rename(&new, path))
        .inspect_err(|_| drop(fs::remove_file(&new)))
}
