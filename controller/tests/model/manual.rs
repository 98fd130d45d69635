//! The model, written from led-controller(7).

use std::{collections::VecDeque, fs, mem, process, str};

use super::steps::Text;

/// Its type and text.
pub(crate) type Reply = (i64, String);

const BLANKS: &[char] = &[' ', '\t', '\r', '\n', '\x0c'];

#[derive(Default)]
pub(crate) struct Model {
    is_on: bool,
    /// Milliseconds on, milliseconds off, flashes left.
    blink: Option<(u64, u64, Option<u64>)>,
    /// The changes of the LED.
    pub(crate) changes: Vec<&'static str>,
    applied: u64,
    refused: u64,
    replies_dropped: u64,
    /// The reply types of the clients that watch.
    watchers: Vec<i64>,
    /// Those of the last replies to WATCH, and whether each was pushed out of the reply queue.
    replied: Vec<(i64, bool)>,
    /// The state that all of them were told last.
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

    fn forget_watchers(&mut self) {
        self.watchers.clear();
        self.replied.clear();
    }

    fn state(&self) -> String {
        match self.blink {
            Some((on, off, Some(left))) => format!("BLINK {on} {off} {left}"),
            Some((on, off, None)) => format!("BLINK {on} {off}"),
            None => if self.is_on { "ON" } else { "OFF" }.to_owned(),
        }
    }

    fn write(&mut self, is_on: bool) {
        self.is_on = is_on;
        self.changes.push(if is_on { "on" } else { "off" });
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

    /// Whether a change of the state makes the controller reply to clients that watch.
    pub(crate) fn has_watchers(&self) -> bool {
        !self.watchers.is_empty() || self.replied.iter().any(|&(_, is_owed)| is_owed)
    }

    fn reply_to_watchers(&mut self) {
        if known_state(&self.told) == known_state(&self.state()) {
            return;
        }
        self.told = self.state();
        let mut watchers = mem::take(&mut self.watchers);
        let (owed, replied) = self.replied.iter().partition(|(_, is_owed)| *is_owed);
        self.replied = replied;
        watchers.extend(Vec::into_iter(owed).map(|(reply_to, _): (i64, bool)| reply_to));
        for reply_to in watchers {
            if self.replies.is_none() {
                // They watch again on the next queue.
                return self.forget_watchers();
            }
            self.reply_to_watcher(reply_to);
        }
    }

    fn reply_to_watcher(&mut self, reply_to: i64) {
        let status = format!("OK {}", self.status());
        self.reply(reply_to, status);
        self.replied.push((reply_to, false));
    }

    fn watch(
        &mut self,
        state: &str,
        reply_to: Option<i64>,
    ) -> Result<Option<String>, &'static str> {
        let words: Vec<&str> = state
            .split(BLANKS)
            .filter(|word| !word.is_empty())
            .collect();
        let phase = |at: usize| {
            words
                .get(at)
                .and_then(|word| digits(word))
                .is_some_and(|ms| (1..=3_600_000).contains(&ms))
        };
        match words[..] {
            [] | ["ON" | "OFF"] => {}
            ["BLINK", _, _] if phase(1) && phase(2) => {}
            _ => return Err("WATCH takes a state: ON, OFF or BLINK with its numbers"),
        }
        let numbers =
            |word: &str| digits(word).map_or(word.to_owned(), |number| number.to_string());
        let state = words
            .iter()
            .map(|word| numbers(word))
            .collect::<Vec<_>>()
            .join(" ");
        let Some(reply_to) = reply_to else {
            return Ok(None);
        };
        // It replaces an earlier WATCH with the same type.
        self.watchers.retain(|&watcher| watcher != reply_to);
        self.replied.retain(|&(replied, _)| replied != reply_to);
        if state.is_empty() || known_state(&state) != known_state(&self.state()) {
            self.reply_to_watcher(reply_to);
        } else {
            self.watchers.push(reply_to);
        }
        Ok(None)
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
        let (is_on, blink) = match (verb, numbers.len(), on, off) {
            ("ON", 0, ..) => (true, None),
            ("OFF", 0, ..) => (false, None),
            ("TOGGLE", 0, ..) => (!self.is_on && self.blink.is_none(), None),
            ("STATUS", 0, ..) => return Ok(Some(self.status())),
            ("WATCH", ..) => return self.watch(rest, reply_to),
            ("BLINK", 2, Some(on), Some(off)) => (true, Some((on, off, None))),
            ("BLINK", 3, Some(on), Some(off)) if count.is_some() => (true, Some((on, off, count))),
            ("BLINK", ..) => {
                return Err("BLINK takes two numbers of milliseconds, 1 to 3600000, \
                            and an optional count, 1 to 1000000");
            }
            _ if text.is_empty() => return Err("there is no text"),
            _ => return Err("unknown command; known are ON, OFF, TOGGLE, STATUS, WATCH, BLINK"),
        };
        // Blinking stops even if the LED fails.
        self.blink = None;
        if led_fails {
            return Err("cannot set the LED: broken");
        }
        self.write(is_on);
        self.blink = blink;
        self.applied += 1;
        Ok(Some(self.state()))
    }

    fn status(&self) -> String {
        let (state, pid, version) = (self.state(), process::id(), env!("CARGO_PKG_VERSION"));
        let Model {
            applied,
            refused,
            replies_dropped,
            ..
        } = self;
        format!(
            "{state}\npid {pid}\nversion {version}\nuptime 0\n\
             applied {applied}\nrefused {refused}\nanswers_dropped {replies_dropped}\n"
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

    /// Lets phases of 1 ms pass, up to a longer one. Returns whether there were any.
    pub(crate) fn pass_time(&mut self) -> bool {
        let before = self.changes.len();
        while let (true, Some((1, off, left))) = (self.is_on, self.blink) {
            self.write(false);
            self.blink = Some((1, off, left.map(|left| left - 1))).filter(|_| left != Some(1));
            if off == 1 && self.blink.is_some() {
                self.write(true);
            }
        }
        self.changes.len() > before
    }

    /// The replies at the end, which this text requests, with these commands waiting; none if the reply queue was removed.
    pub(crate) fn end(
        &mut self,
        text: &[u8],
        waiting: &[Text],
        led_fails: bool,
    ) -> Option<Vec<Reply>> {
        if !led_fails {
            self.write(false);
        }
        self.changes.push("released");
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

/// A state without the number of flashes left.
fn known_state(state: &str) -> (Vec<&str>, bool) {
    let words: Vec<&str> = state.split(' ').collect();
    (words.iter().take(3).copied().collect(), words.len() > 3)
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
