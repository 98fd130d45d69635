//! What the documentation of an example shows.

use std::fs;

use crate::FOLDER;

/// The output of an example, from its documentation.
fn transcript(name: &str) -> Vec<String> {
    let source = fs::read_to_string(format!("{FOLDER}/examples/{name}.rs")).unwrap();
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let mut lines = lines
        .map(str::trim_start)
        .skip_while(|line| *line != "```text");
    let command = format!("$ cargo run --quiet --package shared --example {name}");
    assert_eq!(lines.nth(1), Some(command.as_str()));
    let lines = lines.take_while(|line| *line != "```");
    lines.map(str::to_owned).collect()
}

/// Asserts that an example printed what its documentation shows. In lines with a varying part the numbers may differ.
#[track_caller]
pub(crate) fn assert_printed(name: &str, printed: &str, varying: &[&str]) {
    let lines: Vec<&str> = printed.lines().collect();
    let mut expected = transcript(name);
    for (line, expected) in lines.iter().zip(&mut expected) {
        if varying.iter().any(|part| expected.contains(part)) {
            *expected = replace_numbers(expected, line);
        }
    }
    assert_eq!(lines, expected);
}

/// A text with its numbers replaced by those of another text.
fn replace_numbers(text: &str, other: &str) -> String {
    let mut numbers = other
        .split(|c: char| !c.is_ascii_digit())
        .filter(|number| !number.is_empty());
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let end = rest[start..]
            .find(|c: char| !c.is_ascii_digit())
            .map_or(rest.len(), |length| start + length);
        result += &rest[..start];
        result += numbers.next().unwrap_or_default();
        rest = &rest[end..];
    }
    result + rest
}
