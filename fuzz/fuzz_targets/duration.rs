//! Durations and counts on the client's command line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use testing::command_line::{check_count, check_duration};

fuzz_target!(|text: &str| {
    check_duration(text);
    check_count(text);
});
