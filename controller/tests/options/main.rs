//! Whatever is typed, the command line is understood or refused with a reason.

mod properties;
#[path = "../../../shared/tests/command_line/words.rs"]
mod words;

use proptest::prelude::*;
use words::words;

const WORDS: &str = "--line GPIO17 --chip gpiochip0 --active-low --initial on --initial=off --key 1234 --key=0x4d2 --mode \
                     0620 --mode=0400 --group gpio --simulate --turn-off --help --version --";

proptest! {
    #[test]
    fn any_words_are_understood_or_refused(words in words(WORDS)) {
        properties::options(words);
    }
}
