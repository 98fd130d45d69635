//! Each recipe of docs/recipes.md, on a machine with a simulated LED and without the programs and devices of a Pi.

use super::blocks::{Block, blocks};
use crate::{machine::Machine, manual::document};

/// A heading, a program of the recipe and what it does here, and the lines that are printed: what the recipe prints, and then
/// the state of the LED.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const FAST: &str = "blink 100ms 100ms";

const CASES: &[Case] = &[
    ("On at boot", "", "", &["OPTIONS=\"--initial on\"", "on"]),
    ("On in the evening", "", "", &["on", "off"]),
    (
        "The processor is hot",
        "vcgencmd",
        "echo \"temp=48.3'C\"",
        &["off", "off"],
    ),
    (
        "The processor is hot",
        "vcgencmd",
        "echo \"temp=75.0'C\"",
        &[FAST, FAST],
    ),
    (
        "The network is down",
        "ping",
        "echo 64 bytes",
        &["off", "off"],
    ),
    (
        "The network is down",
        "ping",
        "exit 1",
        &["blink 1s 1s", "blink 1s 1s"],
    ),
    (
        "A backup runs, and its result",
        "rsync",
        "state",
        &["blink 1s 1s", "blink 1s 1s", "on", "on"],
    ),
    (
        "A backup runs, and its result",
        "rsync",
        "exit 23",
        &["blink 1s 1s", FAST, FAST],
    ),
    (
        "Unread mail",
        "curl",
        "printf '* SEARCH\\r\\n'",
        &["off", "off"],
    ),
    (
        "Unread mail",
        "curl",
        "printf '* SEARCH 3 17\\r\\n'",
        &["blink 100ms 2s", "blink 100ms 2s"],
    ),
    ("A door", "gpiomon", "echo rising", &["on", "on"]),
    (
        "A door",
        "gpiomon",
        "echo rising; echo falling",
        &["on", "off", "off"],
    ),
    (
        "Two LEDs by name",
        "",
        "",
        &[
            "on",
            "blink 200ms 800ms",
            "KEY ",
            "1234 ",
            "door ",
            "gate ",
            "off",
        ],
    ),
    ("Several LEDs at once", "", "", &["on", "on", "on", "on"]),
    ("A button, in Python", "", "", &["on", "on"]),
];

/// The library of Raspberry Pi OS, with a button that is pressed once.
const GPIOZERO: &str = "
import os, signal

class Button:
    def __init__(self, pin):
        pass

    def __setattr__(self, name, function):
        assert name == 'when_pressed'
        function()
        os.kill(os.getpid(), signal.SIGTERM)
";

/// The command that runs a recipe as its reader would.
fn command(block: &Block) -> String {
    match block.text.split_once(' ') {
        _ if block.language == "python" => "python3 recipe || [ $? = 143 ]".into(),
        // Lines of crontab(5): five fields, and a command.
        Some((minute, _)) if minute.parse::<u8>().is_ok() => block
            .text
            .lines()
            .map(|line| line.splitn(6, ' ').nth(5).unwrap().to_owned() + "\nstate\n")
            .collect(),
        _ => "sh -e recipe".into(),
    }
}

#[test]
fn each_recipe_has_at_most_ten_lines_and_a_case() {
    let recipes = blocks("docs/recipes.md");
    for recipe in &recipes {
        assert!(recipe.text.lines().count() <= 10, "{recipe:?}");
        assert!(
            CASES.iter().any(|case| case.0 == recipe.heading),
            "{recipe:?}"
        );
    }
    let headings = document("docs/recipes.md");
    let headings = headings.lines().filter(|line| line.starts_with("## "));
    assert_eq!(headings.count(), recipes.len());
}

#[test]
#[ignore = "needs root, unshare, python3 and jq"]
fn each_recipe_does_what_it_says() {
    let recipes = blocks("docs/recipes.md");
    for (heading, program, script, printed) in CASES {
        let recipe = recipes.iter().find(|block| block.heading == *heading);
        let recipe = recipe.unwrap_or_else(|| panic!("no recipe {heading}"));
        let machine = Machine::new();
        machine.write("recipe", &recipe.text);
        machine.write("bin/gpiozero.py", GPIOZERO);
        if !program.is_empty() {
            machine.add_program(program, script);
        }
        let several = "for name in door gate; do
            : >/etc/default/led-controller-$name
            systemctl enable --now led-controller@$name
        done\n";
        let several = if heading.contains("LEDs") {
            several
        } else {
            ""
        };
        let last = if command(recipe).ends_with("state\n") {
            ""
        } else {
            "\nstate"
        };
        let outcome = machine.run(&(several.to_owned() + &command(recipe) + last));
        outcome.assert_code(0);
        let lines: Vec<&str> = outcome.out.lines().collect();
        assert_eq!(lines.len(), printed.len(), "{heading}: {outcome:?}");
        for (line, begin) in lines.iter().zip(*printed) {
            assert!(
                line.starts_with(begin),
                "{heading}: {line:?}, not {begin:?}"
            );
        }
    }
}

#[test]
#[ignore = "needs root, unshare, python3 and jq"]
fn the_led_stays_as_it_is_if_the_mail_server_cannot_be_reached() {
    let recipes = blocks("docs/recipes.md");
    let recipe = recipes.iter().find(|block| block.heading == "Unread mail");
    let machine = Machine::new();
    machine.write("recipe", &recipe.unwrap().text);
    machine.add_program("curl", "exit 7");
    let outcome = machine.run("led on\nsh recipe || state");
    outcome.assert_printed("on\non");
}
