//! Clients that watch: WATCH, and its replies.

use std::mem;

use super::{BLANKS, Model, digits};

const TAKES_A_STATE: &str = "WATCH takes a state: ON, OFF or BLINK with its numbers";

impl Model {
    pub(super) fn forget_watchers(&mut self) {
        self.watchers.clear();
        self.replied.clear();
    }

    /// What a client that watches is told.
    fn news(&self) -> String {
        let brightness = self.brightness;
        match self.state() {
            state if state == "ON" => format!("ON {brightness}"),
            state if state == "OFF" => state,
            blink => format!("{blink} {brightness}%"),
        }
    }

    /// Whether a change of the state makes the controller reply to clients that watch.
    pub(crate) fn has_watchers(&self) -> bool {
        !self.watchers.is_empty() || self.replied.iter().any(|&(_, is_owed)| is_owed)
    }

    pub(super) fn reply_to_watchers(&mut self) {
        if is_known(&self.told, &self.news()) {
            return;
        }
        let news = self.news();
        let told = mem::replace(&mut self.told, news);
        let mut watchers = mem::take(&mut self.watchers);
        let (owed, replied) = self.replied.iter().partition(|(_, is_owed)| *is_owed);
        self.replied = replied;
        watchers.extend(
            Vec::into_iter(owed).map(|(reply_to, _): (i64, bool)| (reply_to, told.clone())),
        );
        for (reply_to, known) in watchers {
            if is_known(&known, &self.told) {
                self.watchers.push((reply_to, known));
                continue;
            }
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

    pub(super) fn watch(
        &mut self,
        state: &str,
        reply_to: Option<i64>,
    ) -> Result<Option<String>, &'static str> {
        let words: Vec<&str> = state
            .split(BLANKS)
            .filter(|word| !word.is_empty())
            .collect();
        let number = |word: &str, most| digits(word).filter(|number| (1..=most).contains(number));
        let phase = |word| number(word, 3_600_000).is_some();
        let is_count = |word| number(word, 1_000_000).is_some();
        let is_percent = |word: &str| {
            word.strip_suffix('%')
                .is_some_and(|word| number(word, 100).is_some())
        };
        match words[..] {
            [] | ["ON" | "OFF"] => {}
            ["ON", percent] if number(percent, 100).is_some() => {}
            ["BLINK", on, off, ref rest @ ..] if phase(on) && phase(off) => match rest {
                [] => {}
                [last] if is_count(last) || is_percent(last) => {}
                [count, percent] if is_count(count) && is_percent(percent) => {}
                _ => return Err(TAKES_A_STATE),
            },
            _ => return Err(TAKES_A_STATE),
        }
        let plain = |word: &&str| match word.strip_suffix('%') {
            Some(percent) => format!("{}%", digits(percent).unwrap()),
            None => digits(word).map_or((*word).to_owned(), |number| number.to_string()),
        };
        let state = words.iter().map(plain).collect::<Vec<_>>().join(" ");
        let Some(reply_to) = reply_to else {
            return Ok(None);
        };
        // It replaces an earlier WATCH with the same type.
        self.watchers.retain(|(watcher, _)| *watcher != reply_to);
        self.replied.retain(|&(replied, _)| replied != reply_to);
        if state.is_empty() || !is_known(&state, &self.news()) {
            self.reply_to_watcher(reply_to);
        } else {
            self.watchers.push((reply_to, state));
        }
        Ok(None)
    }
}

/// Whether a client that knows this has no news. One that knows no brightness wants none.
fn is_known(known: &str, news: &str) -> bool {
    let ((known, known_brightness), (state, brightness)) = (parts(known), parts(news));
    known == state && known_brightness.is_none_or(|known| Some(known) == brightness)
}

/// A state without the number of flashes left, but with whether there is one; and its brightness.
fn parts(text: &str) -> ((Vec<&str>, bool), Option<&str>) {
    let mut words: Vec<&str> = text.split(' ').collect();
    let brightness = match words[..] {
        ["ON", percent] => Some(percent),
        [.., last] => last.strip_suffix('%'),
        [] => None,
    };
    words.truncate(words.len() - usize::from(brightness.is_some()));
    let has_left = words.len() > 3;
    words.truncate(3);
    ((words, has_left), brightness)
}
