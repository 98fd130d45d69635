//! Any command line is accepted, or refused with a message.

mod properties;

use proptest::prelude::*;
use testing::command_line::words;

use properties::{check_brightness, check_client, check_count, check_duration};

const WORDS: &str = "on 40% off toggle blink flash status wait exit list doctor --key --key=0x4d2 --no-wait --timeout 1s --timeout=2s \
                     --count 3 --fade --fade=1s --json --watch --help --version -- -1 0";

proptest! {
    #[test]
    fn any_command_line_is_accepted_or_refused(words in words(WORDS)) {
        check_client(words);
    }

    #[test]
    fn a_duration_is_rounded_to_milliseconds(text in r"[0-9]{0,7}\.?[0-9]{0,6}(|ms|s|m|min|h|d)|.{0,8}") {
        check_duration(&text);
    }

    #[test]
    fn a_brightness_is_a_number_of_percent(text in "[-+]?[0-9]{0,4}%?|.{0,4}") {
        check_brightness(&text);
    }

    #[test]
    fn a_count_consists_of_digits(text in "[-+]?[0-9]{0,8}|.{0,8}") {
        check_count(&text);
    }
}
