//! Escapes text from outside for the log and for a terminal.

use std::borrow::Cow;

/// The text with escapes for control characters, which could begin another line or command the terminal, and for Unicode characters
/// that are invisible, change the direction of text, or break the line.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_escaped(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

fn is_escaped(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_shown_as_it_is_written_is_escaped() {
        for (text, escaped) in [
            ("Küche: \"on\" \\ 100 %", "Küche: \"on\" \\ 100 %"),
            ("\n<0>forged\r", "\\n<0>forged\\r"),
            ("\u{1b}[2J\u{9b}\0", "\\u{1b}[2J\\u{9b}\\u{0}"),
            ("\u{202e}\u{2028}\u{feff}", "\\u{202e}\\u{2028}\\u{feff}"),
        ] {
            assert_eq!(escape(text), escaped);
        }
    }
}
