//! The model, written from led-controller(7).

mod activity;
mod watching;

use std::{collections::VecDeque, fs, process, str};

use super::steps::Text;
use crate::fake::Change;
use activity::{Activity, Blink};

/// Its type and text.
pub(crate) type Reply = (i64, String);

const BLANKS: &[char] = &[' ', '\t', '\r', '\n', '\x0c'];

#[derive(Default)]
pub(crate) struct Model {
    /// In percent; 0 is off.
    level: u64,
    brightness: u64,
    activity: Activity,
    /// The changes of the LED.
    pub(crate) changes: Vec<Change>,
    applied: u64,
    refused: u64,
    replies_dropped: u64,
    /// The reply types of the clients that watch, and what they know.
    watchers: Vec<(i64, String)>,
    /// Those of the last replies to WATCH, and whether each was pushed out of the reply queue.
    replied: Vec<(i64, bool)>,
    /// What all of them were told last.
    told: String,
    /// The replies in the reply queue; none if it was removed.
    pub(crate) replies: Option<VecDeque<Reply>>,
    /// The most bytes that the reply queue can hold.
    pub(crate) limit: usize,
}

impl Model {
    pub(crate) fn new() -> Model {
        let mut model = Model {
            told: "OFF".into(),
            brightness: 100,
            ..Model::default()
        };
        model.create_replies();
        model
    }

    pub(crate) fn create_replies(&mut self) {
        self.replies = Some(VecDeque::new());
        // Clients watch again on the new queue.
        self.forget_watchers();
        self.limit = default_limit();
    }

    fn state(&self) -> String {
        let level = match &self.activity {
            Activity::Blink(Blink { on, off, left, .. }) => {
                let left = left.map_or(String::new(), |left| format!(" {left}"));
                return format!("BLINK {on} {off}{left}");
            }
            Activity::Fade(to, _) => *to,
            Activity::Steady => self.level,
        };
        if level > 0 { "ON" } else { "OFF" }.to_owned()
    }

    fn write(&mut self, level: u64) {
        self.level = level;
        self.changes.push(Change::Level(level.try_into().unwrap()));
    }

    /// Handles a message, except one that ends the controller.
    pub(crate) fn receive(&mut self, message_type: i64, text: &[u8], led_fails: bool) {
        let requested = reply_type(text);
        let read = &text[..text.len().min(257)];
        let end = read.iter().position(|byte| b"\0\n".contains(byte));
        let result = match (message_type, end) {
            (_, None) if text.len() > 256 => Err("the text is longer than 256 bytes"),
            (1, _) if requested == Some(None) => Err("the sender gets no reply"),
            (1, _) => self.command(
                &read[..end.unwrap_or(read.len())],
                led_fails,
                requested.flatten(),
            ),
            _ => Err("unknown message type; known are 1 (LED) and 2 (exit)"),
        };
        self.refused += u64::from(result.is_err());
        let replied = match result {
            Ok(replied) => replied.map(|replied| format!("OK {replied}")),
            Err(reason) => Some(format!("ERR {reason}")),
        };
        if let (Some(Some(reply_to)), Some(replied)) = (requested, replied) {
            self.reply(reply_to, replied);
        }
        self.reply_to_watchers();
    }

    pub(crate) fn is_off(&self) -> bool {
        self.state() == "OFF"
    }

    /// What it replies at once, if it does.
    fn command(
        &mut self,
        text: &[u8],
        led_fails: bool,
        reply_to: Option<i64>,
    ) -> Result<Option<String>, &'static str> {
        let text = str::from_utf8(text)
            .map_err(|_| "the text is not UTF-8")?
            .trim_end_matches(BLANKS);
        let text = text.to_ascii_uppercase();
        let (verb, rest) = text.split_once(BLANKS).unwrap_or((&text, ""));
        let numbers: Vec<&str> = rest.split(BLANKS).filter(|word| !word.is_empty()).collect();
        let number =
            |at: usize, most| digits(numbers.get(at)?).filter(|number| (1..=most).contains(number));
        let (on, off, count) = (
            number(0, 3_600_000),
            number(1, 3_600_000),
            number(2, 1_000_000),
        );
        let percent = match numbers.first() {
            None | Some(&"-") => Some(self.brightness),
            Some(_) => number(0, 100),
        };
        let blink = |on, off, left, begins_lit, then| {
            let blink = Blink {
                on,
                off,
                left,
                begins_lit,
                then,
            };
            (
                if begins_lit { self.brightness } else { 0 },
                Activity::Blink(blink),
            )
        };
        let is_dark = self.level == 0;
        let (level, activity) = match (verb, numbers.len(), on, off) {
            ("ON", 0 | 1, ..) if percent.is_some() => (percent.unwrap(), Activity::Steady),
            ("ON", 2, _, Some(ms)) if percent.is_some() => self.fade(percent.unwrap(), ms),
            ("ON", ..) => {
                return Err(
                    "ON takes an optional brightness in percent, 1 to 100 or -, \
                            and then an optional fade in milliseconds, 1 to 3600000",
                );
            }
            ("OFF", 0, ..) => (0, Activity::Steady),
            ("OFF", 1, Some(ms), _) => self.fade(0, ms),
            ("OFF", ..) => return Err("OFF takes an optional fade in milliseconds, 1 to 3600000"),
            ("TOGGLE", 0, ..) if self.is_off() => (self.brightness, Activity::Steady),
            ("TOGGLE", 0, ..) => (0, Activity::Steady),
            ("STATUS", 0, ..) => return Ok(Some(self.status())),
            ("WATCH", ..) => return self.watch(rest, reply_to),
            ("BLINK", 2, Some(on), Some(off)) => blink(on, off, None, true, None),
            ("BLINK", 3, Some(on), Some(off)) if count.is_some() => {
                blink(on, off, count, true, None)
            }
            ("FLASH", 2, Some(on), Some(off)) => blink(on, off, Some(1), is_dark, self.then()),
            ("FLASH", 3, Some(on), Some(off)) if count.is_some() => {
                blink(on, off, count, is_dark, self.then())
            }
            ("FLASH", ..) => {
                return Err("FLASH takes two numbers of milliseconds, 1 to 3600000, \
                            and an optional count, 1 to 1000000");
            }
            ("BLINK", ..) => {
                return Err("BLINK takes two numbers of milliseconds, 1 to 3600000, \
                            and an optional count, 1 to 1000000");
            }
            _ if text.is_empty() => return Err("there is no text"),
            _ => {
                return Err(
                    "unknown command; known are ON, OFF, TOGGLE, STATUS, WATCH, BLINK, FLASH",
                );
            }
        };
        let is_fade = matches!(activity, Activity::Fade(..));
        if led_fails && !is_fade {
            // Blinking stops even if the LED fails. A fade stops where it is.
            if let (Activity::Fade(..), 1..) = (&self.activity, self.level) {
                self.brightness = self.level;
            }
            self.activity = Activity::Steady;
            return Err("cannot set the LED: broken");
        }
        if !is_fade {
            self.write(level);
        }
        self.activity = activity;
        if verb == "ON" {
            self.brightness = level;
        }
        self.applied += 1;
        Ok(Some(self.reply_of_state()))
    }

    fn reply_of_state(&self) -> String {
        let (state, brightness) = (self.state(), self.brightness);
        if state == "OFF" || brightness == 100 {
            state
        } else {
            format!("{state}\nbrightness {brightness}\n")
        }
    }

    fn status(&self) -> String {
        let (state, pid, version) = (self.state(), process::id(), env!("CARGO_PKG_VERSION"));
        let Model {
            applied,
            refused,
            replies_dropped,
            brightness,
            ..
        } = self;
        format!(
            "{state}\npid {pid}\nversion {version}\nuptime 0\n\
             applied {applied}\nrefused {refused}\nanswers_dropped {replies_dropped}\n\
             brightness {brightness}\nlevels 101\n"
        )
    }

    fn reply(&mut self, reply_to: i64, text: String) {
        // If the queue was removed, the reply goes to a new one.
        if self.replies.is_none() {
            self.create_replies();
        }
        let replies = self.replies.as_mut().unwrap();
        while replies.iter().map(|(_, text)| text.len()).sum::<usize>() + text.len() > self.limit {
            let (dropped, _) = replies.pop_front().unwrap();
            self.replies_dropped += 1;
            for (replied, is_owed) in &mut self.replied {
                *is_owed |= *replied == dropped;
            }
        }
        replies.push_back((reply_to, text));
    }

    /// The replies at the end, which this text requests, with these commands waiting; none if the reply queue was removed.
    pub(crate) fn end(
        &mut self,
        text: &[u8],
        waiting: &[Text],
        led_fails: bool,
    ) -> Option<Vec<Reply>> {
        if !led_fails {
            self.write(0);
        }
        self.changes.push(Change::Released);
        let replied = if led_fails {
            "ERR the LED cannot be turned off and may be on: broken"
        } else {
            "OK OFF"
        };
        self.replies.as_ref()?;
        let mut replies = not_applied(waiting);
        replies.extend(
            reply_type(text)
                .flatten()
                .map(|reply_to| (reply_to, replied.to_owned())),
        );
        Some(replies)
    }
}

/// The replies to these commands, if the controller ended before it came to them.
pub(crate) fn not_applied<'a>(waiting: impl IntoIterator<Item = &'a Text>) -> Vec<Reply> {
    let replied = "ERR not applied: the controller ended before it came to this command";
    let types = waiting
        .into_iter()
        .filter_map(|text| reply_type(&text.0).flatten());
    types
        .map(|reply_to| (reply_to, replied.to_owned()))
        .collect()
}

/// The limit of a new queue.
pub(crate) fn default_limit() -> usize {
    let limit = fs::read_to_string("/proc/sys/kernel/msgmnb").unwrap();
    limit.trim().parse().unwrap()
}

/// The type of the reply; an inner none if `reply=` has no valid type.
fn reply_type(text: &[u8]) -> Option<Option<i64>> {
    let fields: Vec<&[u8]> = text[..text.len().min(257)]
        .split(|&byte| byte == 0)
        .collect();
    let field = match fields[..] {
        // The kernel may have cut the number.
        [_, _] if text.len() > 256 => return None,
        [_, field, ..] => field,
        _ => return None,
    };
    let number = str::from_utf8(field.strip_prefix(b"reply=")?).ok();
    let number = number
        .and_then(digits)
        .and_then(|number| i64::try_from(number).ok());
    Some(number.filter(|&number| number > 0))
}

/// A number of decimal digits only; the greatest one if it is too large.
fn digits(word: &str) -> Option<u64> {
    let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| word.parse().unwrap_or(u64::MAX))
}
