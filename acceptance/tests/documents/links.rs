//! Links in the documents.

use std::path::Path;

use super::documents;
use crate::manual::document;

/// The anchors of the headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
            title
                .chars()
                .filter(kept)
                .collect::<String>()
                .replace(' ', "-")
        })
        .collect()
}

#[test]
fn each_link_leads_to_a_file_and_a_heading() {
    let others = ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
    for name in documents().into_iter().chain(others.map(str::to_owned)) {
        let text = document(&name);
        let links = text.split("](").skip(1);
        for link in links.filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = Path::new(&name).parent().unwrap();
            let path = match path {
                "" => name.clone(),
                _ => folder.join(path).display().to_string(),
            };
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&path);
            assert!(file.exists(), "{name}: {link}");
            assert!(
                anchor.is_empty()
                    || anchors(&document(&path))
                        .iter()
                        .any(|found| found == anchor),
                "{name}: {link}"
            );
        }
    }
}

/// A section can be added or moved later. A link still leads to the right one.
#[test]
fn no_document_refers_to_the_next_section() {
    for name in &documents() {
        let text = document(name).replace('\n', " ");
        for vague in [
            "next section",
            "section below",
            "section above",
            "previous section",
        ] {
            assert!(!text.contains(vague), "{name}: {vague}");
        }
    }
}
