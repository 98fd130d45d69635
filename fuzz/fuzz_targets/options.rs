//! Command lines of both programs: words with a NUL between them.
#![no_main]

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

use libfuzzer_sys::fuzz_target;

#[path = "../../command/tests/options/properties.rs"]
#[allow(dead_code, reason = "the rest is for the target duration")]
mod client;
#[path = "../../controller/tests/options/properties.rs"]
mod daemon;

fuzz_target!(|line: &[u8]| {
    let words = || line.split(|&byte| byte == 0).map(|word| OsString::from(OsStr::from_bytes(word)));
    client::options(words());
    daemon::options(words());
});
