//! What README.md and docs/*.md show is run here, or the table says why not.

mod blocks;
mod links;
mod messages;
mod recipes;

use std::{collections::BTreeSet, fs, process::Command};

use testing::{Outcome, Running, programs};

use crate::machine::Machine;
use crate::manual::document;
use blocks::{Block, blocks};

/// Blocks that this test does not run: the document, the begin of the block, and the reason.
const NOT_RUN: &[(&str, &str, &str)] = &[
    (
        "README.md",
        "make demo",
        "it builds; scripts/demo is run below",
    ),
    (
        "README.md",
        "make deb",
        "needs apt and a Pi; `make accept` installs the package",
    ),
    (
        "README.md",
        "sudo target/release/controller",
        "needs the LED of a Pi; `make accept` has one",
    ),
    (
        "README.md",
        "sudo target/release/led",
        "needs the controller of the block before",
    ),
    ("README.md", "make test", "it runs this test"),
    (
        "README.md",
        "sudo apt install",
        "needs apt; `make accept` installs the package",
    ),
    (
        "docs/install.md",
        "sudo apt install",
        "needs apt; `make accept` installs the package",
    ),
    (
        "docs/install.md",
        "echo 'OPTIONS=\"--led ACT\"'",
        "needs the LED of a Pi; `make accept` has one",
    ),
    (
        "docs/install.md",
        "sudo cp /usr/lib/led-controller/overlays",
        "needs a board",
    ),
    (
        "docs/install.md",
        "make build",
        "`make installed` runs it, and systemd is needed",
    ),
    (
        "docs/install.md",
        "sudo systemctl disable --now led-controller",
        "`make installed` runs it",
    ),
    ("docs/performance.md", "", "output of `make bench`"),
    ("docs/reliability.md", "", "output of `make home-assistant`"),
    ("docs/recipes.md", "", "recipes.rs runs each"),
    (
        "docs/mqtt.md",
        "",
        "mqtt/guide.rs and the other tests of led-mqtt run them",
    ),
];

/// Blocks that serve until they are ended, in a terminal of their own. They are ready when there is another queue.
const SERVERS: &[(&str, &str)] = &[
    ("docs/textbook.md", "./controller --simulate"),
    (
        "docs/textbook.md",
        "cargo run --quiet --package shared --example server",
    ),
];

fn documents() -> Vec<String> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let guides = fs::read_dir(format!("{root}/docs")).unwrap();
    let guides = guides.map(|file| format!("docs/{}", file.unwrap().file_name().display()));
    let mut all: Vec<String> = guides.filter(|name| name.ends_with(".md")).collect();
    all.push("README.md".into());
    all.sort();
    all
}

/// The blocks of a document that are commands: code in a language has a test of its own.
fn commands(name: &str) -> impl Iterator<Item = Block> {
    blocks(name)
        .into_iter()
        .filter(|block| block.language.is_empty())
}

fn is_not_run(name: &str, block: &Block) -> bool {
    let mut rows = NOT_RUN.iter().filter(|row| row.0 == name);
    rows.any(|(_, begin, _)| block.text.starts_with(begin))
}

/// The blocks of a document as one script. Each runs in a shell of its own, and must succeed.
fn script(name: &str, machine: &Machine) -> String {
    let mut script = String::new();
    for (number, block) in commands(name).enumerate() {
        if is_not_run(name, &block) {
            continue;
        }
        let file = format!("block{number}");
        machine.write(&file, &block.text);
        // A controller that is started by hand has the key of the service.
        if block.text.contains("./controller") {
            script += "systemctl stop led-controller\n";
        }
        script += &format!("echo '== {name}: {file}' >&2\n");
        let is_server = SERVERS
            .iter()
            .any(|(document, begin)| *document == name && block.text.starts_with(begin));
        script += &if is_server {
            format!(
                "queues=$(wc -l </proc/sysvipc/msg)
                sh -e {file} &
                until [ $(wc -l </proc/sysvipc/msg) -gt $queues ]; do kill -0 $!; sleep 0.01; done\n"
            )
        } else {
            format!("sh -e {file}\n")
        };
    }
    script
}

#[test]
fn each_reason_belongs_to_a_block() {
    for (name, begin, reason) in NOT_RUN {
        let found = commands(name).any(|block| block.text.starts_with(begin));
        assert!(found, "{name} has no block {begin:?} ({reason})");
    }
    for (name, begin) in SERVERS {
        let mut found = commands(name).filter(|block| block.text.starts_with(begin));
        assert!(found.next().is_some(), "{name} has no block {begin:?}");
    }
}

/// Longer lines are cut off on GitHub and in a terminal of 80 columns.
#[test]
fn the_code_in_the_readme_has_at_most_76_columns() {
    for line in blocks("README.md")
        .iter()
        .flat_map(|block| block.text.lines())
    {
        assert!(line.chars().count() <= 76, "{line}");
    }
}

#[test]
fn the_targets_of_make_in_the_documents_exist() {
    let makefile = document("Makefile");
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter(|line| !line.starts_with([' ', '\t', '#']))
        .filter_map(|line| line.split_once(':'))
        .flat_map(|(targets, _)| targets.split_whitespace())
        .collect();
    for name in documents() {
        for block in commands(&name) {
            let lines = block
                .text
                .lines()
                .map(|line| line.trim_start_matches("sudo "));
            for target in lines.filter_map(|line| line.strip_prefix("make ")) {
                let target = target.split_whitespace().next().unwrap();
                assert!(targets.contains(target), "{name}: make {target}");
            }
        }
    }
}

#[test]
#[ignore = "needs root, unshare and cc"]
fn the_commands_in_the_documents_succeed() {
    // docs/textbook.md runs them by cargo: what it compiles takes as long as the machine needs.
    let mut cargo = Command::new("cargo");
    cargo.args("build --quiet --locked --package shared --examples".split(' '));
    Outcome::of(&mut cargo).assert_code(0);
    for name in documents() {
        let machine = Machine::new();
        if let Some(sender) = blocks(&name).iter().find(|block| block.language == "c") {
            machine.write("send.c", &sender.text);
        }
        let script = script(&name, &machine);
        if !script.is_empty() {
            machine.run(&script).assert_code(0);
        }
    }
}

#[test]
#[ignore = "needs root and unshare"]
fn a_command_in_a_document_cannot_change_this_machine() {
    let outcome = Machine::new().run(": >>/etc/passwd");
    outcome.assert_failed(2, &["/etc/passwd: Read-only file system"]);
}

#[test]
fn the_demo_shows_each_command() {
    let mut demo = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/demo"));
    let outcome = Running::start(demo.env("LED_PROGRAMS", programs())).wait();
    outcome.assert_code(0);
    for verb in [
        "on",
        "status",
        "toggle",
        "blink 200ms 200ms --count 3",
        "doctor",
        "exit",
    ] {
        assert!(
            outcome.out.contains(&format!("$ ./led {verb}\n")),
            "{outcome:?}"
        );
    }
    assert!(
        outcome.out.contains("\nended\n== both programs are in "),
        "{outcome:?}"
    );
}
