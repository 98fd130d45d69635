//! The messages that docs/troubleshooting.md explains are those of the programs.

use std::{fs, path::Path};

use crate::manual::document;

/// The sections with messages, and the crates that write them.
const SECTIONS: [(&str, &[&str]); 5] = [
    // A reply has the words of the controller.
    (
        "Messages of the client",
        &["command", "client", "controller", "shared"],
    ),
    ("Findings of `led doctor`", &["command", "client", "shared"]),
    ("Messages of the controller", &["controller", "shared"]),
    (
        "The log of the controller",
        &["controller", "shared", "logging"],
    ),
    ("Messages of led-mqtt", &["mqtt", "client", "logging"]),
];

/// What stands for text that differs from case to case, besides numbers and paths.
const PLACEHOLDERS: [&str; 7] = [
    "mqtt:",
    "systemctl",
    "led-controller.service",
    // States of a unit.
    "failed",
    "inactive",
    // An error of the system.
    "Permission",
    "denied",
];

/// Words after `N` that name what is counted: `count` adds the s.
const COUNTED: [&str; 6] = [
    "commands",
    "bytes",
    "problems",
    "queues",
    "lines",
    "subscriptions",
];

fn source(folder: &Path) -> String {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let text = |path: std::path::PathBuf| match path.is_dir() {
        true => source(&path),
        false => without_tests(&fs::read_to_string(path).unwrap()),
    };
    entries.map(text).collect()
}

fn without_tests(text: &str) -> String {
    text.split("#[cfg(test)]").next().unwrap().to_owned()
}

/// The source of some crates, with the literals of several lines as one.
fn sources(crates: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text: String = crates
        .iter()
        .map(|name| source(&root.join(name).join("src")))
        .collect();
    let mut lines = text.split("\\\n");
    let first = lines.next().unwrap_or_default().to_owned();
    let joined = lines.fold(first, |text, line| text + line.trim_start());
    joined.replace("\\\"", "\"")
}

/// The parts of a message that do not differ from case to case.
fn constant_parts(message: &str) -> Vec<String> {
    // What is between quotes is an example.
    let outside = message.split('"').step_by(2);
    let clauses = outside.flat_map(|text| text.split(['…', '(', ')', ';']));
    let clauses = clauses.flat_map(|text| text.split(": "));
    let mut parts = Vec::new();
    for clause in clauses {
        let mut part = Vec::new();
        let mut is_counted = false;
        for word in clause.split_whitespace() {
            let is_placeholder = !word.contains(|c: char| c.is_ascii_lowercase())
                || word.starts_with(|c: char| c.is_ascii_digit() || c == '/')
                || PLACEHOLDERS.iter().any(|begin| word.starts_with(begin))
                || is_counted && COUNTED.contains(&word.trim_end_matches(','));
            is_counted = word == "N" || word.starts_with(|c: char| c.is_ascii_digit());
            if is_placeholder {
                parts.push(part.join(" "));
                part = Vec::new();
            } else {
                part.push(word);
            }
        }
        parts.push(part.join(" "));
    }
    let parts = parts
        .iter()
        .map(|part: &String| part.trim_matches([',', ' ']).to_owned());
    parts.filter(|part| !part.is_empty()).collect()
}

/// The messages of a section: before the last column of its table, or at the begin of a line.
fn messages(heading: &str) -> Vec<String> {
    let text = document("docs/troubleshooting.md");
    let mut lines = text.lines();
    let heading = format!("## {heading}");
    assert!(lines.any(|line| line == heading), "no {heading}");
    let lines = lines.take_while(|line| !line.starts_with("## "));
    lines
        .flat_map(|line| {
            let (cells, _) = line
                .trim_end_matches(" |")
                .rsplit_once(" | ")
                .unwrap_or_default();
            let at_begin = line
                .starts_with('`')
                .then_some(line.split('`').nth(1).unwrap_or(""));
            let in_table = cells.split('`').skip(1).step_by(2);
            at_begin
                .into_iter()
                .chain(in_table)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Whether the programs print this: it is in a literal, or its begin is one that another literal takes in braces.
fn is_printed(part: &str, sources: &str) -> bool {
    let spaces = part.match_indices(' ').map(|(at, _)| part.split_at(at));
    sources.contains(part) || { spaces }.any(|(begin, end)| {
        sources.contains(&format!("{begin}\"")) && sources.contains(&format!("}}{end}"))
    })
}

#[test]
fn each_message_of_the_guide_is_in_the_source() {
    let mut unknown = Vec::new();
    for (heading, crates) in SECTIONS {
        let sources = sources(crates);
        let messages = messages(heading);
        assert!(messages.len() > 5, "{heading}: {messages:?}");
        for message in messages {
            let parts = constant_parts(&message);
            unknown.extend(
                parts
                    .into_iter()
                    .filter(|part| !is_printed(part, &sources))
                    .map(|part| (part, message.clone())),
            );
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn what_differs_from_case_to_case_is_no_part_of_a_message() {
    for (message, parts) in [
        (
            "no reply within 2s: the controller (PID …) does not read",
            &["no reply within", "the controller", "does not read"][..],
        ),
        ("queue K holds only N bytes", &["queue", "holds only"]),
        ("line … is held by \"…\"", &["line", "is held by"]),
    ] {
        assert_eq!(constant_parts(message), parts);
    }
}

/// A plural after a placeholder is wrong when the number is 1: `shared::count` writes both.
#[test]
fn numbers_in_messages_agree_with_their_nouns() {
    let nouns = "bytes messages topics lines commands problems queues clients";
    let plurals: Vec<String> = nouns.split(' ').map(|noun| format!(" {noun}")).collect();
    for name in [
        "shared",
        "controller",
        "client",
        "command",
        "logging",
        "mqtt",
    ] {
        let source = sources(&[name]);
        let parts: Vec<&str> = source.split('}').collect();
        for pair in parts.windows(2) {
            let (_, placeholder) = pair[0].rsplit_once('{').unwrap_or_default();
            // Constants are not 1, and of one line it is not said that its name is not unique.
            let is_never_one = placeholder.chars().any(char::is_uppercase)
                || pair[1].starts_with(" lines are named");
            let is_plural = plurals.iter().any(|plural| pair[1].starts_with(&**plural));
            assert!(
                !is_plural || is_never_one,
                "{name}: {{{placeholder}}}{}",
                pair[1]
            );
        }
    }
}

/// Each program adds the advice to use its own options.
#[test]
fn what_several_programs_use_names_no_option_of_one() {
    for name in ["shared", "client", "logging"] {
        let source = sources(&[name]);
        let mut code = source
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let option = code.find(|line| {
            let mut after = line.split("--").skip(1);
            after.any(|text| text.starts_with(|c: char| c.is_ascii_lowercase()))
        });
        assert_eq!(option, None, "{name}");
    }
}

#[test]
fn the_guide_has_the_times_of_the_unit() {
    let unit = document("systemd/led-controller.service");
    let interval = unit
        .lines()
        .find_map(|line| line.strip_prefix("StartLimitIntervalSec="));
    let sentence = format!(
        "does not start the service again within {} seconds",
        interval.unwrap()
    );
    assert!(
        document("docs/troubleshooting.md").contains(&sentence),
        "{sentence}"
    );
}
