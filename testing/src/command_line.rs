//! What holds for the command line of each program.

use std::{ffi::OsString, os::unix::ffi::OsStringExt};

use clap::error::{Error, ErrorKind};
use proptest::{collection::vec, prelude::*, sample::select};

/// Up to five words: mostly these, which are separated by blanks, else any bytes that a word can have.
pub fn words(known: &'static str) -> impl Strategy<Value = Vec<OsString>> {
    let known = select(known.split(' ').collect::<Vec<_>>()).prop_map(OsString::from);
    let other = vec(1..=u8::MAX, 0..8).prop_map(OsString::from_vec);
    vec(prop_oneof![4 => known, 1 => other], 0..6)
}

/// A refused command line has a message, and exit status 2; one that requests help or the version has exit status 0.
pub fn check_refusal(error: &Error) {
    assert_ne!(error.render().to_string(), "");
    let is_requested = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    assert_eq!(error.exit_code(), if is_requested { 0 } else { 2 });
}
