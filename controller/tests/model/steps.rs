//! Random steps.

use std::fmt;

use proptest::{collection::vec, prelude::*, string::bytes_regex};

/// Waiting commands are sent while the controller is blocked, before the removal or the end.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Send {
        message_type: i64,
        text: Text,
        led_fails: bool,
    },
    Collect,
    LimitReplies(usize),
    Remove {
        commands: bool,
        replies: bool,
        waiting: Vec<Text>,
    },
    End {
        by: By,
        waiting: Vec<Text>,
        led_fails: bool,
    },
}

/// A kill leaves both queues, or only the reply queue: that is created first and removed last.
#[derive(Clone, Debug)]
pub(crate) enum By {
    Exit(Text),
    Signal,
    Kill { leaves_commands: bool },
}

#[derive(Clone)]
pub(crate) struct Text(pub(crate) Vec<u8>);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

fn text(regex: &str) -> impl Strategy<Value = Text> + use<> {
    bytes_regex(regex).unwrap().prop_map(Text)
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Phases of an hour do not end during the test. The end of those of 1 ms is awaited.
    let hours = r"blink +3[0-5][0-9]{5}[ \t]0{0,2}(1|3[0-5][0-9]{5})( [1-9][0-9]{0,5})?";
    // Equal ones, of which a client knows the other.
    let fixed = "blink 3000000 3000000";
    let short =
        r"(?i-u:blink|flash) 1 (1 [1-3]|3600000( [1-3])?)|on (-|[1-9][0-9]?) 1|off 1|flash 1 1";
    let long = r"3[0-5][0-9]{5}";
    let blanks = r"[ \t\r\n]{0,3}";
    let flash = format!("flash {long} +{long}( [1-9][0-9]{{0,5}})?");
    let dim = format!(r"on[ \t]+(-|100|0?[1-9][0-9]?)( {long})?|off {long}");
    let command = format!(
        r"(?i-u:on|off|toggle|status|watch( +(on( 0?[1-9]0?)?|off|{fixed}( [1-9]?)?( 0?[1-9]0%)?))?|{fixed}|{hours}|{flash}|{dim}){blanks}"
    );
    let requested = r"\x00reply=(0{0,2}[1-9][0-9]{0,2}|9223372036854775807)(\x00(?s-u:.{0,4}))?";
    let no_reply_type = r"(\x00((?i-u:gle)\x00|(?-u:\xff)\x00|\x00\x00|7\x00|Reply=7\x00| reply=7|reply 7\x00|reply|-1\x00)?)?";
    let bad_reply_type =
        r"\x00reply=(0|-1|\+7|7 7| 7|x|9223372036854775808|99999999999999999999)?\x00";
    let odd = [
        r" on|on off|onx|o|exit|info|status 1|watch dim|watch on off|watch blink 1|watch watch|\tblink 1 1|blinker 1 1|blink|blink 7|blink 1 1 1 1|blink 0 1|blink 1 0",
        r"on 0|on 101|on 40%|on 40 0|on 40 3600001|on - - 1|on 40 40 40|off 0|off off|off 1 1|flash|flash 1|flash 0 1|flash 1 1 0|watch on 0|watch on 101|watch on 40%|watch blink 1 1 0%|watch blink 1 1 1 101%|watch blink 1 40%|watch off 40|watch on 40 40",
        r"blink 3600001 1|blink 1 3600001|blink 4294967297 1|blink 1 1 0|blink 1 1 1000001|blink \+7 7|blink 7 -7",
        r"blink 7,7|blink 7ms 7|[ \t\r\n]{0,3}|\x0b|(?-u:\xff)on|on(?-u:\xc3)|on(?-u:\xc3\xa9)",
    ];
    let refused = format!(
        "((?i-u:{})({requested}|{no_reply_type})|{command}{bad_reply_type})",
        odd.join("|")
    );
    let valid = format!("{command}({requested}|{no_reply_type})");
    let message = prop_oneof![
        12 => (Just(1), text(&valid)),
        1 => (Just(1), text(short)),
        4 => (Just(1), text(&refused)),
        1 => (3..=i64::MAX, text(&valid)),
        1 => (Just(1), text(r"(?s-u:.{0,16})")),
        // 256 bytes are the most, and a second field is read within the first 257.
        1 => (Just(1), text(&format!("on {{235,258}}({requested}|{no_reply_type}|{bad_reply_type})"))),
        // A whole buffer, with the remains of other commands.
        1 => (Just(1), text(&format!("(?i-u:{blanks}{command}|odd)\n?({requested}|{no_reply_type})x{{0,400}}"))),
        1 => (Just(2), text(r" {257,259}")),
    ];
    let by = prop_oneof![
        text(&format!(
            r"(?s-u:[^\x00]{{0,8}})({requested}|{no_reply_type}|{bad_reply_type})|[\n\x00]x{{256,400}}|\x00reply=7\x00 {{248,254}}"
        ))
        .prop_map(By::Exit),
        Just(By::Signal),
        any::<bool>().prop_map(|leaves_commands| By::Kill { leaves_commands }),
    ];
    let (waiting, fails) = (|| vec(text(&valid), 0..3), || prop::bool::weighted(0.1));
    let step = prop_oneof![
        20 => (message, fails()).prop_map(|((message_type, text), led_fails)| Step::Send { message_type, text, led_fails }),
        3 => Just(Step::Collect),
        // The longest reply here has 136 bytes.
        2 => (150..300usize).prop_map(Step::LimitReplies),
        2 => (any::<bool>(), any::<bool>(), waiting())
            .prop_map(|(commands, replies, waiting)| Step::Remove { commands, replies, waiting }),
        2 => (by, waiting(), fails()).prop_map(|(by, waiting, led_fails)| Step::End { by, waiting, led_fails }),
    ];
    vec(step, 1..24)
}
