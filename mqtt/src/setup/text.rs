//! Settings in the text of a configuration, whose comments and other settings stay as they are.

use std::{collections::BTreeMap, ops::Range};

use toml::{Spanned, Value};

use crate::config::Config;

/// The text of a configuration, and where the values of its settings are.
pub(super) struct Text {
    text: String,
    values: BTreeMap<String, Spanned<Value>>,
}

impl Text {
    /// # Errors
    ///
    /// The line that cannot be parsed.
    pub(super) fn parse(text: &str) -> Result<Text, String> {
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        let values = Config::parse_as(&text)?;
        Ok(Text { text, values })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The value of a setting, if it is a text.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.get_ref().as_str()
    }

    /// Sets a setting to this text, or makes a comment of it. A new setting takes the place of the comment that has its name.
    ///
    /// # Errors
    ///
    /// Those of [`Text::parse`].
    pub(super) fn set(self, name: &str, value: Option<&str>) -> Result<Text, String> {
        if value.is_some() && self.get(name) == value {
            return Ok(self);
        }
        let Text { mut text, values } = self;
        // A string of JSON is one of TOML.
        let new = value.map(|value| serde_json::Value::from(value).to_string());
        match (values.get(name).map(Spanned::span), new) {
            (Some(span), Some(new)) => text.replace_range(span, &new),
            (Some(span), None) => {
                let line = text[..span.start].rfind('\n').map_or(0, |end| end + 1);
                text.insert(line, '#');
            }
            (None, Some(new)) => {
                let (place, end) = match commented(&text, name) {
                    Some(place) => (place, ""),
                    None => (0..0, "\n"),
                };
                text.replace_range(place, &format!("{name} = {new}{end}"));
            }
            (None, None) => {}
        }
        Text::parse(&text)
    }
}

/// Where a comment has this setting, above the first section.
fn commented(text: &str, name: &str) -> Option<Range<usize>> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('[') {
            return None;
        }
        let rest = line
            .strip_prefix('#')
            .and_then(|line| line.strip_prefix(name));
        if rest.is_some_and(|rest| rest.trim_start().starts_with('=')) {
            return Some(start..start + line.trim_end().len());
        }
        start += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str, name: &str, value: Option<&str>) -> String {
        Text::parse(text).unwrap().set(name, value).unwrap().text
    }

    #[test]
    fn a_setting_is_changed_however_it_is_written_and_nothing_else() {
        for (text, value, expected) in [
            ("", Some("a\"b\n"), "node = \"a\\\"b\\n\"\n"),
            ("# comment\n", Some("x"), "node = \"x\"\n# comment\n"),
            (
                "#node = \"%H\"\nuser = 'a'\n",
                Some("x"),
                "node = \"x\"\nuser = 'a'\n",
            ),
            // Beside the comment that the package has installed.
            (
                "#node = \"%H\"\nnode = \"a\"\n",
                Some("x"),
                "#node = \"%H\"\nnode = \"x\"\n",
            ),
            (
                "#node = \"%H\"\nnode = \"a\"\n",
                None,
                "#node = \"%H\"\n#node = \"a\"\n",
            ),
            (
                "#[[led]]\nnode = 'a'\n",
                Some("x"),
                "#[[led]]\nnode = \"x\"\n",
            ),
            ("  node='a' # why\n", Some("x"), "  node=\"x\" # why\n"),
            ("\"node\" = 'a'", Some("x"), "\"node\" = \"x\""),
            (
                "node = \"a\"\r\nuser = 'b'\r\n",
                Some("x"),
                "node = \"x\"\r\nuser = 'b'\r\n",
            ),
            (
                "#node = 1\r\nuser = 'b'\r\n",
                Some("x"),
                "node = \"x\"\r\nuser = 'b'\r\n",
            ),
            (
                "\u{feff}user = 'b'\n",
                Some("x"),
                "node = \"x\"\nuser = 'b'\n",
            ),
            (
                "[[led]]\n#node = 'a'\n",
                Some("x"),
                "node = \"x\"\n[[led]]\n#node = 'a'\n",
            ),
            ("[[led]]\nnode = 'a'\n", None, "[[led]]\nnode = 'a'\n"),
            (
                "groups = [\n  'a',\n]\nnode = 'a'\n",
                Some("x"),
                "groups = [\n  'a',\n]\nnode = \"x\"\n",
            ),
        ] {
            assert_eq!(changed(text, "node", value), expected, "{text:?}");
        }
    }

    #[test]
    fn a_value_is_read_however_it_is_written() {
        for (text, expected) in [
            ("node = \"a\\\"b\"", Some("a\"b")),
            ("node = 'a'", Some("a")),
            (" node=\"\"\"a\"\"\"", Some("a")),
            ("#node = 'a'", None),
            ("[[led]]\nnode = 'a'", None),
            ("node = 1", None),
        ] {
            assert_eq!(Text::parse(text).unwrap().get("node"), expected, "{text:?}");
        }
        let error = Text::parse("\nnode = 'secret\n").err().unwrap();
        assert!(
            error.starts_with("line 2: ") && !error.contains("secret"),
            "{error}"
        );
    }
}
