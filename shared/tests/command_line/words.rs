//! Command lines for the tests of both programs.

use std::{ffi::OsString, os::unix::ffi::OsStringExt};

use proptest::{collection::vec, prelude::*, sample::select};

/// Up to five words: most of them of these, the others any bytes that a word can have.
pub(crate) fn words(known: &'static str) -> impl Strategy<Value = Vec<OsString>> {
    let known = select(known.split(' ').collect::<Vec<_>>()).prop_map(OsString::from);
    let other = vec(1..=u8::MAX, 0..8).prop_map(OsString::from_vec);
    vec(prop_oneof![4 => known, 1 => other], 0..6)
}
