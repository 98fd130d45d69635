//! CONTRIBUTING.md names what exists, and each source file.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use super::manual::document;

const CRATES: [&str; 6] = [
    "controller",
    "client",
    "command",
    "shared",
    "logging",
    "mqtt",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The lines of a section.
fn section(heading: &str) -> Vec<String> {
    let text = document("CONTRIBUTING.md");
    let mut lines = text.lines();
    assert!(lines.any(|line| line == heading), "no {heading}");
    let lines = lines.take_while(|line| !line.starts_with("## "));
    lines.map(str::to_owned).collect()
}

/// The source files of a crate, relative to the root.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let paths = entries.map(|entry| folder.join(entry.unwrap().file_name()));
    paths
        .flat_map(|path| match root().join(&path).is_dir() {
            true => sources(&path),
            false => vec![path],
        })
        .collect()
}

/// The paths that the layout names, relative to the root.
///
/// A line has a path, or several, and what is there. It is in the directory of the last line that is indented less; in a crate, that
/// is `src`. Lines that are indented further than any path continue the one before.
fn named() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    let mut places = Vec::new();
    for line in section("## Layout") {
        let Some(text) = line.strip_prefix("    ") else {
            continue;
        };
        let words = text.split([' ', ',', ';', ':', '(', ')']);
        let paths = words.filter(|word| word.ends_with(".rs") || word.ends_with('/'));
        let depth = (text.len() - text.trim_start().len()) / 2;
        if depth < 3 {
            let first = folders[depth].join(paths.clone().next().expect(text));
            let inside = if depth == 0 && root().join(&first).join("src").exists() {
                first.join("src")
            } else {
                first.clone()
            };
            places = vec![folders[depth].clone(), inside.clone(), first];
            folders.truncate(depth + 1);
            folders.push(inside);
        }
        found.extend(paths.map(|path| {
            let mut candidates = places.iter().map(|place| place.join(path));
            let exists = candidates.find(|candidate| root().join(candidate).exists());
            exists.unwrap_or_else(|| panic!("{path} does not exist: {text}"))
        }));
    }
    found
}

#[test]
fn the_layout_names_each_source_file_or_its_directory_and_nothing_else() {
    let named = named();
    for name in CRATES {
        for path in sources(&Path::new(name).join("src")) {
            let folder = path.parent().unwrap();
            // The files of a module are found from it.
            let is_named = [&path, folder, &folder.with_extension("rs")]
                .iter()
                .any(|path| named.iter().any(|named| named == path));
            assert!(is_named, "{} is not in the layout", path.display());
        }
    }
}

#[test]
fn the_names_of_the_glossary_are_those_of_the_code() {
    let code: String = CRATES
        .iter()
        .flat_map(|name| sources(&Path::new(name).join("src")))
        .map(|path| fs::read_to_string(root().join(path)).unwrap())
        .collect();
    let words: Vec<&str> = code
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .collect();
    let defined: HashSet<&str> = words
        .windows(2)
        .filter(|pair| ["struct", "enum", "trait", "fn"].contains(&pair[0]))
        .map(|pair| pair[1])
        .collect();
    let glossary = section("## Glossary").join("\n");
    let names: Vec<&str> = glossary.split('`').skip(1).step_by(2).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(defined.contains(name), "there is no {name}");
    }
}
