//! Whatever is typed, the command line is understood or refused with a reason.

mod properties;

use std::{ffi::OsString, os::unix::ffi::OsStringExt};

use proptest::{collection::vec, prelude::*, sample::select};

const WORDS: &str = "on off toggle blink status exit doctor --key --key=0x4d2 --no-wait --timeout 1s --timeout=2s \
                     --count 3 --json --watch --help --version -- -1 0";

fn words() -> impl Strategy<Value = Vec<OsString>> {
    let known = select(WORDS.split(' ').collect::<Vec<_>>()).prop_map(OsString::from);
    let other = vec(1..=u8::MAX, 0..8).prop_map(OsString::from_vec);
    vec(prop_oneof![4 => known, 1 => other], 0..6)
}

proptest! {
    #[test]
    fn any_words_are_understood_or_refused(words in words()) {
        properties::options(words);
    }

    #[test]
    fn a_duration_is_what_it_says(text in r"[0-9]{0,7}\.?[0-9]{0,6}(|ms|s|m|min|h|d)|.{0,8}") {
        properties::duration(&text);
    }

    #[test]
    fn a_count_is_what_it_says(text in "[-+]?[0-9]{0,8}|.{0,8}") {
        properties::count(&text);
    }
}
