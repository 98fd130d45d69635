//! Files of a fixture: code from a document, programs in C, locks and records.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Fixture, Outcome};

impl Fixture {
    /// Code from a document, with the keys of this fixture instead of the default ones.
    #[must_use]
    pub fn replace_keys(&self, code: &str) -> String {
        assert!(code.contains("1234"), "{code}");
        code.replace("1234", &self.key.to_string())
            .replace("1235", &self.key.reply().to_string())
    }

    /// Writes a file into the directory, and returns its path.
    #[must_use]
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).expect("the directory is ours");
        path
    }

    /// Compiles a file in C, with all warnings as errors, and returns the path of the program.
    #[must_use]
    pub fn compile(&self, source: &Path) -> PathBuf {
        let program = self.path().join(source.file_stem().expect("a file"));
        let mut compiler = Command::new("cc");
        compiler
            .args(["-Wall", "-Wextra", "-Werror", "-o"])
            .args([&program, source]);
        Outcome::of(&mut compiler).assert_code(0);
        program
    }

    /// The path of the command queue's lock (`lock`) or record (`record`).
    #[must_use]
    pub fn lock_file(&self, extension: &str) -> PathBuf {
        let namespace = fs::metadata("/proc/self/ns/ipc")
            .expect("/proc is mounted")
            .ino();
        self.path()
            .join(format!("{}-{namespace}.{extension}", self.key))
    }
}

/// How many inotify instances of this process watch a file, see proc_pid_fdinfo(5).
///
/// # Panics
///
/// The file does not exist.
#[must_use]
pub fn watches(path: &Path) -> usize {
    let inode = fs::metadata(path).expect("the file").ino();
    let line = format!(" ino:{inode:x} ");
    let files = fs::read_dir("/proc/self/fdinfo").expect("proc(5)");
    let texts = files
        .flatten()
        .filter_map(|file| fs::read_to_string(file.path()).ok());
    texts
        .filter(|text| text.contains("inotify ") && text.contains(&line))
        .count()
}
