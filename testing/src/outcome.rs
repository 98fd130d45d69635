//! The result of a program that has ended.

use std::process::{Command, Output, Stdio};

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
    #[must_use]
    pub fn of(command: &mut Command) -> Outcome {
        // perl and bash warn of a locale that is not installed.
        let output = command
            .stdin(Stdio::null())
            .env("LC_ALL", "C.UTF-8")
            .output();
        output.expect("the program starts").into()
    }

    /// Asserts this exit status.
    #[track_caller]
    pub fn assert_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
    }

    /// Asserts exit status 0 and this line of output.
    #[track_caller]
    pub fn assert_printed(&self, line: &str) {
        self.assert_code(0);
        let expected = (format!("{line}\n"), String::new());
        assert_eq!((&self.out, &self.err), (&expected.0, &expected.1));
    }

    /// Asserts this exit status, no standard output, and an error that contains all of these parts.
    #[track_caller]
    pub fn assert_failed(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.out, "");
        self.assert_failed_after(code, "", parts);
    }

    /// Asserts this exit status, standard output that begins with `begin`, and an error that contains all of these parts.
    #[track_caller]
    pub fn assert_failed_after(&self, code: i32, begin: &str, parts: &[&str]) {
        self.assert_code(code);
        assert!(self.out.starts_with(begin), "{}", self.out);
        self.assert_logged(parts);
    }

    /// Asserts that standard error contains all of these parts.
    #[track_caller]
    pub fn assert_logged(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is not in {:?}", self.err);
        }
    }
}
