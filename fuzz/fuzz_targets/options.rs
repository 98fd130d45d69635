//! Command lines of both programs: words separated by NUL.
#![no_main]

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

use libfuzzer_sys::fuzz_target;

#[path = "../../command/tests/options/properties.rs"]
#[expect(dead_code, reason = "the target `duration` uses the others")]
mod client;
#[path = "../../controller/tests/options/properties.rs"]
mod controller;

use client::check_client;
use controller::check_controller;

fuzz_target!(|line: &[u8]| {
    let words = || {
        line.split(|&byte| byte == 0)
            .map(|word| OsString::from(OsStr::from_bytes(word)))
    };
    check_client(words());
    check_controller(words());
});
