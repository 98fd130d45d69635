//! What holds for any command line: held here against random ones, and in fuzz/ against those that coverage leads to.

use std::ffi::OsString;

use clap::{Parser, error::ErrorKind};
use controller::Options;

/// Any words after the program's name.
pub(crate) fn options(words: impl IntoIterator<Item = OsString>) {
    match Options::try_parse_from([OsString::from("controller")].into_iter().chain(words)) {
        Ok(options) => assert_eq!(options.mode.bits() & 0o600, 0o600),
        Err(error) => {
            assert_ne!(error.render().to_string(), "");
            let is_asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            assert_eq!(error.exit_code(), if is_asked_for { 0 } else { 2 });
        }
    }
}
