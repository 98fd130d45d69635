//! The result of a program that has ended.

use std::process::{Command, Output};

/// The exit status and the output of a program that has ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The exit status; none after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Outcome {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

impl Outcome {
    /// Runs a program and waits for its end.
    ///
    /// # Panics
    ///
    /// It does not start.
    #[must_use]
    pub fn of(command: &mut Command) -> Outcome {
        command.output().expect("the program starts").into()
    }

    /// Asserts exit status 0 and this line of output.
    ///
    /// # Panics
    ///
    /// The exit status or the output differs.
    #[track_caller]
    pub fn assert_printed(&self, line: &str) {
        assert_eq!(
            (self.code, self.out.as_str(), self.err.as_str()),
            (Some(0), format!("{line}\n").as_str(), "")
        );
    }

    /// Asserts this exit status, no standard output, and an error that contains all of these parts.
    ///
    /// # Panics
    ///
    /// One of them differs.
    #[track_caller]
    pub fn assert_failed(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.out, "");
        self.assert_failed_after(code, "", parts);
    }

    /// Asserts this exit status, standard output that begins with `begin`, and an error that contains all of these parts.
    ///
    /// # Panics
    ///
    /// One of them differs.
    #[track_caller]
    pub fn assert_failed_after(&self, code: i32, begin: &str, parts: &[&str]) {
        assert_eq!(
            (self.code, self.out.starts_with(begin)),
            (Some(code), true),
            "{}{}",
            self.out,
            self.err
        );
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is not in {:?}", self.err);
        }
    }
}
