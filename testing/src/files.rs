//! Files of a fixture: code from a document, programs in C, locks and records.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{Fixture, Outcome};

impl Fixture {
    /// Code from a document, with the keys of this fixture instead of the default ones.
    ///
    /// # Panics
    ///
    /// The code does not contain the default key.
    #[must_use]
    pub fn replace_keys(&self, code: &str) -> String {
        assert!(code.contains("1234"), "{code}");
        code.replace("1234", &self.key.to_string())
            .replace("1235", &self.key.reply().to_string())
    }

    /// Writes a file into the directory, and returns its path.
    ///
    /// # Panics
    ///
    /// It cannot be written.
    #[must_use]
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).expect("the directory is ours");
        path
    }

    /// Compiles a program in C, with all warnings as errors, and returns its path.
    ///
    /// # Panics
    ///
    /// There is no compiler, or it reports an error or a warning.
    #[must_use]
    pub fn compile(&self, code: &str) -> PathBuf {
        let (source, program) = (self.write("client.c", code), self.path().join("client"));
        let mut compiler = Command::new("cc");
        compiler
            .args(["-Wall", "-Wextra", "-Werror", "-o"])
            .arg(&program)
            .arg(source);
        let compiled = Outcome::of(compiler.stdin(Stdio::null()));
        assert_eq!(compiled.code, Some(0), "{}", compiled.err);
        program
    }

    /// The path of the command queue's lock (`lock`) or record (`record`).
    ///
    /// # Panics
    ///
    /// /proc is not mounted.
    #[must_use]
    pub fn lock_file(&self, extension: &str) -> PathBuf {
        let namespace = fs::metadata("/proc/self/ns/ipc")
            .expect("/proc is mounted")
            .ino();
        self.path()
            .join(format!("{}-{namespace}.{extension}", self.key))
    }
}
