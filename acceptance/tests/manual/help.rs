//! Reading the output of `--help`.

use std::{iter, process::Command};

use testing::{Outcome, programs};

use super::pages::Words;

pub(crate) fn help(program: &str, verb: Option<&str>) -> String {
    let mut command = Command::new(programs().join(program));
    let outcome = Outcome::of(command.args(verb).arg("--help"));
    assert_eq!((outcome.code, &*outcome.err), (Some(0), ""));
    outcome.out
}

/// The output of `--help` of the client, and of all its verbs.
pub(crate) fn help_of_command() -> String {
    let main = help("command", None);
    let verbs = listed_words(&main, "Verbs:")
        .into_iter()
        .map(|verb| help("command", Some(&verb)));
    iter::once(main.clone())
        .chain(verbs)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The first words of the lines below a heading.
pub(crate) fn listed_words(help: &str, heading: &str) -> Words {
    let mut lines = help.lines();
    assert!(lines.any(|line| line == heading), "no {heading}");
    lines
        .map_while(|line| line.split_ascii_whitespace().next())
        .map(str::to_owned)
        .collect()
}

pub(crate) fn options_of(help: &str) -> Words {
    let lines = help
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with('-') && !line.starts_with("- "));
    let options = lines.flat_map(|line| {
        line.split([' ', ','])
            .filter(|word| !word.is_empty())
            .take_while(|word| word.starts_with('-'))
    });
    options.map(str::to_owned).collect()
}

/// The values of an option that are listed on lines of their own.
pub(crate) fn values(help: &str) -> Words {
    let lines = help
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- "));
    lines
        .map(|line| line.split(':').next().unwrap_or(line).to_owned())
        .collect()
}
