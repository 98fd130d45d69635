//! Durations and counts as the client takes them.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../command/tests/options/properties.rs"]
#[allow(dead_code, reason = "the rest is for the target options")]
mod properties;

fuzz_target!(|text: &str| {
    properties::duration(text);
    properties::count(text);
});
