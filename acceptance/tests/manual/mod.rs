//! The manual pages list exactly what the programs have.

mod clients;
mod help;
mod pages;

use std::{iter, time::Duration};

use serde_json::Value;
use shared::{Brightness, Info, Line, MessageType, Place, Refusal, State};
use testing::Fixture;

use help::{help, help_of_command, listed_words, options_of, values};
use pages::{Words, column, items, marked_words, options_in, plain};
pub(crate) use pages::{code, document, page};

fn assert_defaults(page: &str, help: &str) {
    let defaults: Words = help
        .split("[default: ")
        .skip(1)
        .filter_map(|text| text.split([',', ']']).next())
        .map(str::to_owned)
        .collect();
    assert!(!defaults.is_empty());
    for default in defaults {
        assert!(
            page.contains(&format!("{default} by default")),
            "{default} by default"
        );
    }
}

#[test]
fn command_has_the_verbs_and_options_of_its_page() {
    let (page, help) = (page("command.1"), help_of_command());
    assert_eq!(marked_words(&page, "Cm"), listed_words(&help, "Verbs:"));
    assert_eq!(options_in(&page), options_of(&help));
    // The values of `wait` are verbs too.
    assert!(values(&help).is_subset(&listed_words(&help, "Verbs:")));
    assert_defaults(&page, &help);
}

#[test]
fn controller_has_the_options_and_values_of_its_page() {
    let (page, help) = (page("controller.8"), help("controller", None));
    assert_eq!(options_in(&page), options_of(&help));
    assert_eq!(marked_words(&page, "Cm"), values(&help));
    assert_defaults(&page, &help);
}

#[test]
fn the_options_in_the_examples_exist() {
    let known: Words = [help_of_command(), help("controller", None)]
        .iter()
        .flat_map(|help| options_of(help))
        .collect();
    for name in ["command.1", "controller.8", "led-controller.7"] {
        let text = plain(&page(name));
        for option in text
            .split_ascii_whitespace()
            .filter(|word| word.starts_with("--"))
        {
            assert!(known.contains(option), "{name}: {option}");
        }
    }
}

#[test]
fn exit_statuses_are_the_same_everywhere() {
    let help = listed_words(&help("command", None), "Exit status:");
    assert_eq!(items(&page("command.1"), ".Sh EXIT STATUS"), help);
}

#[test]
fn json_has_the_names_of_the_page() {
    fn names(above: &str, value: &Value, all: &mut Words) {
        for (name, value) in value.as_object().into_iter().flatten() {
            let path = format!("{above}{name}");
            names(&format!("{path}."), value, all);
            all.insert(path);
        }
    }
    let fixture = Fixture::new();
    let _controller = fixture.controller(&[]);
    fixture
        .command(&["blink", "1h"])
        .assert_printed("blink 3600s 500ms");
    let mut all = Words::new();
    names(
        "",
        &serde_json::from_str(&fixture.command(&["status", "--json"]).out).unwrap(),
        &mut all,
    );
    assert_eq!(column(&page("command.1"), "Name"), all);
}

#[test]
fn doctor_checks_what_the_page_lists() {
    let outcome = Fixture::new().command(&["doctor"]);
    let checks = outcome
        .out
        .lines()
        .filter_map(|line| line.split_ascii_whitespace().nth(1));
    assert_eq!(
        items(&page("command.1"), ".Ss Doctor"),
        checks.map(str::to_owned).collect()
    );
}

#[test]
fn the_protocol_has_the_verbs_of_its_page() {
    let refusal = Refusal::UnknownVerb.to_string();
    let (_, verbs) = refusal.split_once("known are ").unwrap();
    assert_eq!(
        marked_words(&page("led-controller.7"), "Cm"),
        verbs.split(", ").map(str::to_owned).collect()
    );
}

#[test]
fn the_reply_to_status_has_the_names_of_the_page() {
    let line = Line {
        name: "GPIO17".into(),
        offset: 17,
        chip: "gpiochip0".into(),
        label: "pinctrl-rp1".into(),
    };
    let places = [Place::Line(line), Place::Led("ACT".into())];
    let infos = places.map(|place| Info {
        state: State::Off,
        pid: 1,
        version: "1".into(),
        uptime: Duration::ZERO,
        applied: 0,
        refused: 0,
        replies_dropped: 0,
        brightness: Some(Brightness::FULL),
        levels: Some(256),
        place,
    });
    let replies = infos.map(|info| {
        let reply = info.encode(MessageType::LED);
        String::from_utf8(reply.text().to_vec()).unwrap()
    });
    let lines = replies.iter().flat_map(|reply| reply.lines().skip(1));
    let names = lines
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned);
    assert_eq!(column(&page("led-controller.7"), "Name"), names.collect());
}

#[test]
fn every_refusal_is_on_the_page() {
    let next = |refusal: &Refusal| match refusal {
        Refusal::TooLong => Some(Refusal::UnknownType),
        Refusal::UnknownType => Some(Refusal::NotText),
        Refusal::NotText => Some(Refusal::Empty),
        Refusal::Empty => Some(Refusal::UnknownVerb),
        Refusal::UnknownVerb => Some(Refusal::Serialized),
        Refusal::Serialized => Some(Refusal::On),
        Refusal::On => Some(Refusal::Off),
        Refusal::Off => Some(Refusal::Blink),
        Refusal::Blink => Some(Refusal::Flash),
        Refusal::Flash => Some(Refusal::Watch),
        Refusal::Watch => Some(Refusal::ReplyType),
        Refusal::ReplyType => Some(Refusal::TwoLevels),
        Refusal::TwoLevels => Some(Refusal::Ended),
        Refusal::Ended => None,
    };
    let all: Words = iter::successors(Some(Refusal::TooLong), next)
        .map(|refusal| refusal.to_string())
        .collect();
    assert_eq!(items(&page("led-controller.7"), ".Ss Refusals"), all);
}

/// A quotation mark in the argument of a macro begins or ends one.
#[test]
fn json_in_the_pages_is_shown_as_json() {
    let mut found = 0;
    for name in [
        "command.1",
        "controller.8",
        "led-controller.7",
        "led-mqtt.8",
    ] {
        for line in page(name).lines().filter(|line| line.contains('{')) {
            if line.starts_with('.') {
                assert!(!line.contains("{\""), "{name}: {line}");
            }
            let text = line.replace(r"\(dq", "\"");
            if let (Some(start), Some(end)) = (text.find("{\""), text.rfind('}')) {
                let json = serde_json::from_str::<Value>(&text[start..=end]);
                assert!(json.is_ok(), "{name}: {line}: {json:?}");
                found += 1;
            }
        }
    }
    assert!(found >= 4, "{found}");
}
