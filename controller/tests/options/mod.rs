//! Any command line is accepted, or refused with a message.

mod properties;

use proptest::prelude::*;
use testing::command_line::words;

use properties::check_controller;

const WORDS: &str = "--line GPIO17 --chip gpiochip0 --active-low --initial on --initial=off --key 1234 --key=0x4d2 --mode \
                     0620 --mode=0400 --group gpio --simulate --led ACT --led=../x --turn-off --help --version --";

proptest! {
    #[test]
    fn any_command_line_is_accepted_or_refused(words in words(WORDS)) {
        check_controller(words);
    }
}
