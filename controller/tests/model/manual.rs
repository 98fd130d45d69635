//! What led-controller(7) says of the same messages, read from the page and not from the code.

use std::{collections::VecDeque, fs, process, str};

use crate::steps::Text;

/// Its type, and its text.
pub(crate) type Answer = (i64, String);

const BLANKS: &[char] = &[' ', '\t', '\r', '\n', '\x0c'];

#[derive(Default)]
pub(crate) struct Model {
    lit: bool,
    /// Milliseconds lit, milliseconds dark, how many times yet.
    blink: Option<(u64, u64, Option<u64>)>,
    /// What the LED was told.
    pub(crate) written: Vec<&'static str>,
    applied: u64,
    refused: u64,
    answers_dropped: u64,
    /// What waits in the reply queue; none where that was removed.
    pub(crate) answers: Option<VecDeque<Answer>>,
    /// How many bytes the reply queue takes.
    pub(crate) limit: usize,
}

impl Model {
    pub(crate) fn new() -> Model {
        let mut model = Model::default();
        model.make_replies();
        model
    }

    pub(crate) fn make_replies(&mut self) {
        self.answers = Some(VecDeque::new());
        self.limit = fs::read_to_string("/proc/sys/kernel/msgmnb").unwrap().trim().parse().unwrap();
    }

    fn state(&self) -> String {
        match self.blink {
            Some((on, off, Some(left))) => format!("BLINK {on} {off} {left}"),
            Some((on, off, None)) => format!("BLINK {on} {off}"),
            None => if self.lit { "ON" } else { "OFF" }.to_owned(),
        }
    }

    fn write(&mut self, lit: bool) {
        self.lit = lit;
        self.written.push(if lit { "on" } else { "off" });
    }

    /// One message, other than one that ends it.
    pub(crate) fn receive(&mut self, kind: i64, text: &[u8], led_fails: bool) {
        let wish = wish(text);
        let done = match kind {
            _ if text.len() > 256 => Err("the text is longer than 256 bytes"),
            1 if wish == Some(None) => Err("nobody is told"),
            1 => self.command(text.split(|&byte| byte == 0).next().unwrap(), led_fails),
            _ => Err("unknown message type; known are 1 (LED) and 2 (exit)"),
        };
        self.refused += u64::from(done.is_err());
        if let Some(Some(reply_to)) = wish {
            self.answer(reply_to, done.map_or_else(|reason| format!("ERR {reason}"), |told| format!("OK {told}")));
        }
    }

    fn command(&mut self, text: &[u8], led_fails: bool) -> Result<String, &'static str> {
        let text = str::from_utf8(text).map_err(|_| "the text is not UTF-8")?.trim_end_matches(BLANKS);
        let text = text.to_ascii_uppercase();
        let (verb, rest) = text.split_once(BLANKS).unwrap_or((&text, ""));
        let numbers: Vec<&str> = rest.split(BLANKS).filter(|word| !word.is_empty()).collect();
        let number = |at: usize, most| digits(numbers.get(at)?).filter(|number| (1..=most).contains(number));
        let (on, off, count) = (number(0, 3_600_000), number(1, 3_600_000), number(2, 1_000_000));
        let (lit, blink) = match (verb, numbers.len(), on, off) {
            ("ON", 0, ..) => (true, None),
            ("OFF", 0, ..) => (false, None),
            ("TOGGLE", 0, ..) => (!self.lit && self.blink.is_none(), None),
            ("STATUS", 0, ..) => return Ok(self.status()),
            ("BLINK", 2, Some(on), Some(off)) => (true, Some((on, off, None))),
            ("BLINK", 3, Some(on), Some(off)) if count.is_some() => (true, Some((on, off, count))),
            ("BLINK", ..) => {
                return Err("BLINK takes two numbers of milliseconds, 1 to 3600000, \
                            and an optional count, 1 to 1000000");
            }
            _ if text.is_empty() => return Err("there is no text"),
            _ => return Err("unknown command; known are ON, OFF, TOGGLE, STATUS, BLINK"),
        };
        // Even if the line does not take it.
        self.blink = None;
        if led_fails {
            return Err("cannot set the LED: broken");
        }
        self.write(lit);
        self.blink = blink;
        self.applied += 1;
        Ok(self.state())
    }

    fn status(&self) -> String {
        let (state, pid, version) = (self.state(), process::id(), env!("CARGO_PKG_VERSION"));
        let Model { applied, refused, answers_dropped, .. } = self;
        format!(
            "{state}\npid {pid}\nversion {version}\nuptime 0\n\
             applied {applied}\nrefused {refused}\nanswers_dropped {answers_dropped}\n"
        )
    }

    fn answer(&mut self, reply_to: i64, text: String) {
        // One that finds its queue removed goes into a new one.
        if self.answers.is_none() {
            self.make_replies();
        }
        let answers = self.answers.as_mut().unwrap();
        while answers.iter().map(|(_, text)| text.len()).sum::<usize>() + text.len() > self.limit {
            answers.pop_front();
            self.answers_dropped += 1;
        }
        answers.push_back((reply_to, text));
    }

    /// Phases of 1 ms go by, up to one that lasts; whether there are any.
    pub(crate) fn pass_time(&mut self) -> bool {
        let before = self.written.len();
        while let (true, Some((1, off, left))) = (self.lit, self.blink) {
            self.write(false);
            self.blink = Some((1, off, left.map(|left| left - 1))).filter(|_| left != Some(1));
            if off == 1 && self.blink.is_some() {
                self.write(true);
            }
        }
        self.written.len() > before
    }

    /// What clients are told at the end, which this text asked for, while these commands waited; none where the reply queue
    /// was removed.
    pub(crate) fn end(&mut self, text: &[u8], waiting: &[Text], led_fails: bool) -> Option<Vec<Answer>> {
        if !led_fails {
            self.write(false);
        }
        self.written.push("released");
        let told = if led_fails { "ERR cannot turn the LED off, it may be on: broken" } else { "OK OFF" };
        self.answers.as_ref()?;
        let mut answers = not_applied(waiting);
        answers.extend(wish(text).flatten().map(|reply_to| (reply_to, told.to_owned())));
        Some(answers)
    }
}

/// What the senders of these commands are told of a controller that ended before it came to them.
pub(crate) fn not_applied<'a>(waiting: impl IntoIterator<Item = &'a Text>) -> Vec<Answer> {
    let told = "ERR not applied: the controller ended before it came to this command";
    let wishes = waiting.into_iter().filter_map(|text| wish(&text.0).flatten());
    wishes.map(|reply_to| (reply_to, told.to_owned())).collect()
}

/// The type for the answer; an inner none if `reply=` is followed by no type.
fn wish(text: &[u8]) -> Option<Option<i64>> {
    let fields: Vec<&[u8]> = text[..text.len().min(257)].split(|&byte| byte == 0).collect();
    let field = match fields[..] {
        // The number may be cut.
        [_, _] if text.len() > 256 => return None,
        [_, field, ..] => field,
        _ => return None,
    };
    let number = str::from_utf8(field.strip_prefix(b"reply=")?).ok();
    let number = number.and_then(digits).and_then(|number| i64::try_from(number).ok());
    Some(number.filter(|&number| number > 0))
}

/// The number in decimal digits alone; the greatest one where it is beyond all bounds.
fn digits(word: &str) -> Option<u64> {
    let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| word.parse().unwrap_or(u64::MAX))
}
