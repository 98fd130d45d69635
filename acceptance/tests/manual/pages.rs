//! Reading the manual pages.

use std::{collections::BTreeSet, fs};

pub(crate) type Words = BTreeSet<String>;

pub(crate) fn document(name: &str) -> String {
    let path = format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn page(name: &str) -> String {
    document(&format!("man/{name}"))
}

/// The text without the escapes of groff_char(7).
pub(crate) fn plain(text: &str) -> String {
    let escapes = [("\\-", "-"), ("\\(aq", "'"), ("\\(dq", "\""), ("\\e", "\\")];
    escapes
        .iter()
        .fold(text.to_owned(), |text, (escape, character)| {
            text.replace(escape, character)
        })
}

/// The words that mdoc(7) marks with this macro.
pub(crate) fn marked_words(page: &str, macro_name: &str) -> Words {
    let is_macro = |word: &str| {
        word.len() == 2
            && word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.ends_with(|c: char| c.is_ascii_lowercase())
    };
    let mut found = Words::new();
    for line in page.lines().filter_map(|line| line.strip_prefix('.')) {
        let mut last = "";
        for word in line.split_ascii_whitespace() {
            if is_macro(word) {
                last = word;
            } else if last == macro_name && word.contains(|c: char| c.is_ascii_alphanumeric()) {
                found.insert(plain(word));
            }
        }
    }
    found
}

/// mdoc writes `--key` as `Fl -key`.
pub(crate) fn options_in(page: &str) -> Words {
    marked_words(page, "Fl")
        .iter()
        .map(|option| format!("-{option}"))
        .collect()
}

/// The lines from a heading to the next one.
pub(crate) fn section<'a>(page: &'a str, heading: &str) -> impl Iterator<Item = &'a str> {
    let mut lines = page.lines();
    assert!(lines.any(|line| line == heading), "no {heading}");
    lines.take_while(|line| !line.starts_with(".S"))
}

/// The items of a list in a section.
pub(crate) fn items(page: &str, heading: &str) -> Words {
    section(page, heading)
        .filter_map(|line| line.strip_prefix(".It "))
        .map(plain)
        .collect()
}

/// The first column of the table whose head begins with this word.
pub(crate) fn column(page: &str, head: &str) -> Words {
    let mut lines = page.lines();
    assert!(
        lines.any(|line| line.split('\t').next() == Some(head)),
        "no table with the head {head}"
    );
    lines
        .take_while(|line| *line != ".TE")
        .filter_map(|line| line.split('\t').next())
        .map(str::to_owned)
        .collect()
}

/// The code block of a page that contains this part.
pub(crate) fn code(page: &str, part: &str) -> String {
    let mut blocks = page
        .split(".Bd -literal")
        .skip(1)
        .filter_map(|block| block.split_once('\n')?.1.split(".Ed\n").next());
    plain(
        blocks
            .find(|block| block.contains(part))
            .expect("the page has the code"),
    )
}
