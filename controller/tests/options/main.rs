//! Whatever is typed, the command line is understood or refused with a reason.

mod properties;

use std::{ffi::OsString, os::unix::ffi::OsStringExt};

use proptest::{collection::vec, prelude::*, sample::select};

const WORDS: &str = "--line GPIO17 --chip gpiochip0 --active-low --initial on --initial=off --key 1234 --key=0x4d2 --mode \
                     0620 --mode=0400 --group gpio --simulate --turn-off --help --version --";

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
}
