//! `scripts/release`, in a copy of this project, and the places of the version.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;
use testing::Outcome;

use crate::manual::document;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A repository with a copy of this project.
struct Copy(TempDir);

impl Copy {
    fn new() -> Copy {
        let copy = Copy(TempDir::new().unwrap());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let not_copied = [
            "./.git",
            "./.cache",
            "./target",
            "./fuzz/target",
            "./fuzz/corpus",
        ];
        let mut tar = Command::new("sh");
        tar.args(["-c", r#"tar -C "$1" -cf - $3 . | tar -C "$2" -xf -"#, "sh"])
            .args([&root, copy.0.path()])
            .arg(not_copied.map(|path| format!("--exclude={path}")).join(" "));
        Outcome::of(&mut tar).assert_code(0);
        // A tagged commit has no changes that are not released.
        let changes = copy.read("CHANGELOG.md");
        let (title, sections) = changes.split_once("\n## ").unwrap();
        let (_, sections) = sections.split_once('\n').unwrap();
        let changes = format!("{title}\n## 0.0.0, not released yet\n{sections}");
        fs::write(copy.0.path().join("CHANGELOG.md"), changes).unwrap();
        for arguments in ["init --quiet", "add .", "commit --quiet --message Start"] {
            copy.git(arguments).assert_code(0);
        }
        copy
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.0.path())
            // Not the settings and hooks of this user.
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null");
        // git exports them to its hooks: this is not their repository.
        for name in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"] {
            command.env_remove(name);
        }
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "somebody");
            command.env(format!("GIT_{role}_EMAIL"), "somebody@example.org");
        }
        command
    }

    fn git(&self, arguments: &str) -> Outcome {
        Outcome::of(self.command("git").args(arguments.split(' ')))
    }

    fn release(&self, version: &str) -> Outcome {
        Outcome::of(self.command("scripts/release").arg(version))
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }
}

#[test]
#[ignore = "needs git and perl"]
fn a_release_writes_the_version_everywhere_and_tags_it() {
    let copy = Copy::new();
    let outcome = copy.release("7.8.9");
    outcome.assert_code(0);
    let next = "== v7.8.9 is committed and tagged; to publish it: git push --follow-tags\n";
    assert_eq!(outcome.out, next);
    assert_eq!(copy.git("describe --dirty").out, "v7.8.9\n");
    assert_eq!(copy.git("log -1 --format=%s").out, "Release 7.8.9\n");
    assert!(copy.read("Cargo.toml").contains("\nversion = \"7.8.9\"\n"));
    let lock = copy.read("Cargo.lock");
    assert!(lock.contains("name = \"shared\"\nversion = \"7.8.9\"\n"));
    let packages = lock
        .split("\n\n")
        .filter(|package| !package.contains("source = "));
    assert!(!packages.collect::<String>().contains(VERSION));
    let changes = copy.read("CHANGELOG.md");
    assert!(changes.contains("\n## 7.8.9, 2") && !changes.contains("not released yet"));
    let debian = copy.read("debian/changelog");
    assert!(debian.starts_with("led-controller (7.8.9-1) unstable; urgency=medium\n\n  * "));
    let entries = |changelog: &str| changelog.matches("\n -- ").count();
    assert_eq!(entries(&debian), entries(&document("debian/changelog")) + 1);
    let places = copy.git(&format!(
        "grep --fixed-strings --name-only {VERSION}-1 -- *.md"
    ));
    assert_eq!(places.out, "");
    // What is released is not released again.
    copy.release("7.8.9")
        .assert_failed(1, &["the tag v7.8.9 exists"]);
    copy.release("7.8.10")
        .assert_failed(1, &["the first section of CHANGELOG.md"]);
}

#[test]
#[ignore = "needs git and perl"]
fn what_is_no_release_changes_nothing() {
    let copy = Copy::new();
    copy.release("1.0")
        .assert_failed(1, &["1.0 is not a version"]);
    copy.release("0.0.1")
        .assert_failed(1, &["0.0.1 is older than"]);
    fs::write(copy.0.path().join("README.md"), "changed").unwrap();
    copy.release("7.8.9").assert_failed(1, &["not committed"]);
    copy.git("checkout README.md").assert_code(0);
    // The lock file does not fit.
    fs::write(copy.0.path().join("Cargo.lock"), "version = 4\n").unwrap();
    copy.git("commit --quiet --all --message Broken")
        .assert_code(0);
    copy.release("7.8.9")
        .assert_failed_after(1, "", &["Cargo.lock does not fit"]);
    assert_eq!(copy.git("status --porcelain").out, "");
    assert_eq!(copy.git("tag").out, "");
}

#[test]
fn the_version_is_the_same_in_all_places() {
    let debian = document("debian/changelog");
    assert!(
        debian.starts_with(&format!("led-controller ({VERSION}-1) ")),
        "{debian}"
    );
    let guides = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")).unwrap();
    let guides = guides.map(|file| format!("docs/{}", file.unwrap().file_name().display()));
    let guides = guides.filter(|name| name.ends_with(".md"));
    for name in guides.chain(["README.md".to_owned()]) {
        for package in document(&name).split("/led-controller").skip(1) {
            let package = package.trim_start_matches("-mqtt");
            let named = package
                .strip_prefix('_')
                .and_then(|rest| rest.split('_').next());
            let fits = named.is_none_or(|found| found == "NEW" || found == format!("{VERSION}-1"));
            assert!(fits, "{name}: {named:?}");
        }
    }
}
