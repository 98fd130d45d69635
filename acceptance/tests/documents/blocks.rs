//! The code in a document.

use crate::manual::document;

/// Code in a document in Markdown: indented, or between fences.
#[derive(Debug)]
pub(super) struct Block {
    /// The heading above it.
    pub(super) heading: String,
    /// The word after the fence; none for indented code.
    pub(super) language: String,
    /// Its lines, without the indentation.
    pub(super) text: String,
}

/// The blocks of code in a document.
pub(super) fn blocks(name: &str) -> Vec<Block> {
    let text = document(name);
    let mut lines = text.lines().peekable();
    let (mut heading, mut before, mut found) = ("", "", Vec::new());
    while let Some(line) = lines.next() {
        let block = if let Some(language) = line.strip_prefix("```") {
            let code: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            Some((language, code.join("\n")))
        } else if before.is_empty() && line.starts_with("    ") {
            let mut code = vec![line];
            while let Some(line) = lines.next_if(|line| line.starts_with("    ") || line.is_empty())
            {
                code.push(line);
            }
            let code: Vec<&str> = code
                .iter()
                .map(|line| line.get(4..).unwrap_or(""))
                .collect();
            Some(("", code.join("\n").trim_end().to_owned()))
        } else {
            None
        };
        if let Some((language, text)) = block {
            found.push(Block {
                heading: heading.to_owned(),
                language: language.to_owned(),
                text,
            });
            before = "";
        } else {
            heading = line.strip_prefix("## ").unwrap_or(heading);
            before = line;
        }
    }
    found
}
