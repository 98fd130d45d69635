//! Why the program ends.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Why the program ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}; run this with sudo, if you are not root", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `--setup` cannot read an answer.
    #[error("no answer: {0}; nothing was written")]
    Answer(#[source] io::Error),
    /// An answer to `--setup` is wrong.
    #[error("{0}; nothing was written")]
    Setup(String),
    /// The configuration is wrong.
    #[error("{}: {problem}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The setting and what is wrong with it.
        problem: String,
    },
    /// A thread or the runtime cannot be started.
    #[error("cannot start: {0}")]
    Start(#[source] io::Error),
    /// `--forget` has no connection.
    #[error("{0}")]
    Broker(String),
    /// `--check` found so many problems.
    #[error("{} found", shared::count(*.0 as u64, "problem"))]
    Problems(usize),
}

impl Error {
    pub(crate) fn read(path: &Path, source: io::Error) -> Error {
        Error::Read {
            path: path.into(),
            source,
        }
    }

    pub(crate) fn write(path: &Path, source: io::Error) -> Error {
        Error::Write {
            path: path.into(),
            source,
        }
    }

    pub(crate) fn config(path: &Path, problem: impl Into<String>) -> Error {
        Error::Config {
            path: path.into(),
            problem: problem.into(),
        }
    }

    /// The exit status: 78, `EX_CONFIG` of sysexits(3), if a restart cannot help; otherwise 1.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Error::Read { .. } | Error::Config { .. } | Error::Setup(_) => 78.into(),
            Error::Write { .. }
            | Error::Answer(_)
            | Error::Start(_)
            | Error::Broker(_)
            | Error::Problems(_) => 1.into(),
        }
    }
}
