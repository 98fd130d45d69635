//! A property of all command lines of the controller: for random ones, and for those of the fuzzer.

use std::ffi::OsString;

use clap::Parser;
use controller::Options;
use testing::command_line::check_refusal;

/// Any command line is accepted with a mode that the controller itself can use, or refused. The words follow the program's name.
pub(crate) fn check_controller(words: impl IntoIterator<Item = OsString>) {
    match Options::try_parse_from([OsString::from("controller")].into_iter().chain(words)) {
        Ok(options) => assert_eq!(options.mode.bits() & 0o600, 0o600),
        Err(error) => check_refusal(&error),
    }
}
