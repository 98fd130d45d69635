//! Durations, counts and brightnesses on the client's command line.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../command/tests/options/properties.rs"]
#[expect(dead_code, reason = "the target `options` uses the others")]
mod client;

use client::{check_brightness, check_count, check_duration};

fuzz_target!(|text: &str| {
    check_duration(text);
    check_count(text);
    check_brightness(text);
});
