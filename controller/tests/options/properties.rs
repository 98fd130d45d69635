//! What holds for any command line: held here against random ones, and in fuzz/ against those that coverage leads to.

#[path = "../../../shared/tests/command_line/refusal.rs"]
mod refusal;

use std::ffi::OsString;

use clap::Parser;
use controller::Options;

/// Any words after the program's name.
pub(crate) fn options(words: impl IntoIterator<Item = OsString>) {
    match Options::try_parse_from([OsString::from("controller")].into_iter().chain(words)) {
        Ok(options) => assert_eq!(options.mode.bits() & 0o600, 0o600),
        Err(error) => refusal::holds(&error),
    }
}
