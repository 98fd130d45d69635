//! Whatever is typed, the command line is understood or refused with a reason.

mod properties;
#[path = "../../../shared/tests/command_line/words.rs"]
mod words;

use proptest::prelude::*;
use words::words;

const WORDS: &str = "on off toggle blink status exit doctor --key --key=0x4d2 --no-wait --timeout 1s --timeout=2s \
                     --count 3 --json --watch --help --version -- -1 0";

proptest! {
    #[test]
    fn any_words_are_understood_or_refused(words in words(WORDS)) {
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
