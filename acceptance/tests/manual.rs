//! The manual pages list exactly what the programs have.

use std::{collections::BTreeSet, fs, iter, process::Command, time::Duration};

use serde_json::Value;
use shared::{Access, Info, Line, MessageType, Queue, Refusal, State};
use testing::{Fixture, Outcome, Running, Signal, programs, wait_until};

type Words = BTreeSet<String>;

fn document(name: &str) -> String {
    let path = format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn page(name: &str) -> String {
    document(&format!("man/{name}"))
}

/// The text without the escapes of groff_char(7).
fn plain(text: &str) -> String {
    let escapes = [("\\-", "-"), ("\\(aq", "'"), ("\\(dq", "\""), ("\\e", "\\")];
    escapes.iter().fold(text.to_owned(), |text, (escape, character)| text.replace(escape, character))
}

/// The words that mdoc(7) marks with this macro.
fn marked_words(page: &str, macro_name: &str) -> Words {
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
fn options_in(page: &str) -> Words {
    marked_words(page, "Fl").iter().map(|option| format!("-{option}")).collect()
}

/// The lines from a heading to the next one.
fn section<'a>(page: &'a str, heading: &str) -> impl Iterator<Item = &'a str> {
    let mut lines = page.lines();
    assert!(lines.any(|line| line == heading), "no {heading}");
    lines.take_while(|line| !line.starts_with(".S"))
}

/// The items of a list in a section.
fn items(page: &str, heading: &str) -> Words {
    section(page, heading).filter_map(|line| line.strip_prefix(".It ")).map(plain).collect()
}

/// The first column of the table whose head begins with this word.
fn column(page: &str, head: &str) -> Words {
    let mut lines = page.lines();
    assert!(lines.any(|line| line.split('\t').next() == Some(head)), "no table with the head {head}");
    lines.take_while(|line| *line != ".TE").filter_map(|line| line.split('\t').next()).map(str::to_owned).collect()
}

/// The code block of a page that contains this part.
fn code(page: &str, part: &str) -> String {
    let mut blocks =
        page.split(".Bd -literal").skip(1).filter_map(|block| block.split_once('\n')?.1.split(".Ed\n").next());
    plain(blocks.find(|block| block.contains(part)).expect("the page has the code"))
}

fn help(program: &str, verb: Option<&str>) -> String {
    let mut command = Command::new(programs().join(program));
    let outcome: Outcome = command.args(verb).arg("--help").output().unwrap().into();
    assert_eq!((outcome.code, outcome.err.as_str()), (Some(0), ""));
    outcome.out
}

/// The output of `--help` of the client, and of all its verbs.
fn help_of_command() -> String {
    let main = help("command", None);
    let verbs = listed_words(&main, "Verbs:").into_iter().map(|verb| help("command", Some(&verb)));
    iter::once(main.clone()).chain(verbs).collect::<Vec<_>>().join("\n")
}

/// The first words of the lines below a heading.
fn listed_words(help: &str, heading: &str) -> Words {
    let mut lines = help.lines();
    assert!(lines.any(|line| line == heading), "no {heading}");
    lines.map_while(|line| line.split_ascii_whitespace().next()).map(str::to_owned).collect()
}

fn options_of(help: &str) -> Words {
    let lines = help.lines().map(str::trim).filter(|line| line.starts_with('-') && !line.starts_with("- "));
    let options = lines.flat_map(|line| {
        line.split([' ', ',']).filter(|word| !word.is_empty()).take_while(|word| word.starts_with('-'))
    });
    options.map(str::to_owned).collect()
}

/// The values of an option that are listed on lines of their own.
fn values(help: &str) -> Words {
    let lines = help.lines().filter_map(|line| line.trim().strip_prefix("- "));
    lines.map(|line| line.split(':').next().unwrap_or(line).to_owned()).collect()
}

fn assert_defaults(page: &str, help: &str) {
    let defaults: Words =
        help.split("[default: ").skip(1).filter_map(|text| text.split([',', ']']).next()).map(str::to_owned).collect();
    assert!(!defaults.is_empty());
    for default in defaults {
        assert!(page.contains(&format!("{default} by default")), "{default} by default");
    }
}

#[test]
fn command_has_the_verbs_and_options_of_its_page() {
    let (page, help) = (page("command.1"), help_of_command());
    assert_eq!(marked_words(&page, "Cm"), listed_words(&help, "Verbs:"));
    assert_eq!(options_in(&page), options_of(&help));
    assert_eq!(values(&help), Words::new());
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
    let known: Words = [help_of_command(), help("controller", None)].iter().flat_map(|help| options_of(help)).collect();
    for name in ["command.1", "controller.8", "led-controller.7"] {
        let text = plain(&page(name));
        for option in text.split_ascii_whitespace().filter(|word| word.starts_with("--")) {
            assert!(known.contains(option), "{name}: {option}");
        }
    }
}

#[test]
fn exit_statuses_are_the_same_everywhere() {
    let help = listed_words(&help("command", None), "Exit status:");
    assert_eq!(items(&page("command.1"), ".Sh EXIT STATUS"), help);
    let readme = document("README.md");
    let rows = readme.lines().skip_while(|line| !line.starts_with("| status |")).skip(2);
    let rows = rows.map_while(|line| line.strip_prefix("| ")?.split(" |").next());
    assert_eq!(rows.map(str::to_owned).collect::<Words>(), help);
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
    fixture.command(&["blink", "1h"]).assert_printed("blink 3600s 500ms");
    let mut all = Words::new();
    names("", &serde_json::from_str(&fixture.command(&["status", "--json"]).out).unwrap(), &mut all);
    assert_eq!(column(&page("command.1"), "Name"), all);
}

#[test]
fn doctor_checks_what_the_page_lists() {
    let outcome = Fixture::new().command(&["doctor"]);
    let checks = outcome.out.lines().filter_map(|line| line.split_ascii_whitespace().nth(1));
    assert_eq!(items(&page("command.1"), ".Ss Doctor"), checks.map(str::to_owned).collect());
}

#[test]
fn the_protocol_has_the_verbs_of_its_page() {
    let refusal = Refusal::UnknownVerb.to_string();
    let (_, verbs) = refusal.split_once("known are ").unwrap();
    assert_eq!(marked_words(&page("led-controller.7"), "Cm"), verbs.split(", ").map(str::to_owned).collect());
}

#[test]
fn the_reply_to_status_has_the_names_of_the_page() {
    let line = Line { name: "GPIO17".into(), offset: 17, chip: "gpiochip0".into(), label: "pinctrl-rp1".into() };
    let info = Info {
        state: State::Off,
        pid: 1,
        version: "1".into(),
        uptime: Duration::ZERO,
        applied: 0,
        refused: 0,
        answers_dropped: 0,
        line: Some(line),
    };
    let reply = info.encode(MessageType::LED);
    let lines = str::from_utf8(reply.text()).unwrap().lines().skip(1);
    let names = lines.filter_map(|line| line.split(' ').next()).map(str::to_owned);
    assert_eq!(column(&page("led-controller.7"), "Name"), names.collect());
}

#[test]
fn every_refusal_is_on_the_page() {
    let next = |refusal: &Refusal| match refusal {
        Refusal::TooLong => Some(Refusal::UnknownType),
        Refusal::UnknownType => Some(Refusal::NotText),
        Refusal::NotText => Some(Refusal::Empty),
        Refusal::Empty => Some(Refusal::UnknownVerb),
        Refusal::UnknownVerb => Some(Refusal::Blink),
        Refusal::Blink => Some(Refusal::ReplyType),
        Refusal::ReplyType => Some(Refusal::Ended),
        Refusal::Ended => None,
    };
    let all: Words = iter::successors(Some(Refusal::TooLong), next).map(|refusal| refusal.to_string()).collect();
    assert_eq!(items(&page("led-controller.7"), ".Ss Refusals"), all);
}

/// The client on the page, with the keys of this fixture, and with a longer timeout for shared machines.
fn client(fixture: &Fixture, part: &str) -> String {
    let code = code(&page("led-controller.7"), part);
    assert!(code.contains("alarm(2)"), "{code}");
    fixture.replace_keys(&code.replace("alarm(2)", "alarm(60)"))
}

/// Asserts that a client follows the rules of the page. `client` returns its command line.
fn check_rules(fixture: &Fixture, client: impl Fn(&str) -> Command) {
    let run = |command| Outcome::from(client(command).output().unwrap());
    assert_eq!(run("ON").code, Some(1));
    let first = fixture.controller(&[]);
    run("ON").assert_printed("OK ON");
    run("blink 3600000 1 7").assert_printed("OK BLINK 3600000 1 7");
    assert_eq!((run("FLASH").code, run("FLASH").out), (Some(1), format!("ERR {}\n", Refusal::UnknownVerb)));
    run("OFF").assert_printed("OK OFF");
    let wait_until_sent =
        || wait_until("the client has sent its command", || fixture.queue().status().unwrap().messages == 1);

    first.stop();
    let toggle = Running::start(&mut client("TOGGLE"));
    wait_until_sent();
    Queue::open(fixture.key.reply(), Access::Find).unwrap().remove().unwrap();
    first.signal(Signal::CONT);
    assert_eq!(toggle.line(), "OK ON");
    assert!(toggle.wait().0.success());
    fixture.assert_led("on");

    first.stop();
    let on = Running::start(&mut client("ON"));
    wait_until_sent();
    first.kill();
    let _second = fixture.controller(&[]);
    assert_eq!(on.line(), "OK ON");
    assert!(on.wait().0.success());
    fixture.assert_led("on");
}

#[test]
fn the_c_client_follows_the_rules_of_the_page() {
    let fixture = Fixture::new();
    let program = fixture.compile(&client(&fixture, "#include"));
    check_rules(&fixture, |command| {
        let mut client = Command::new(&program);
        client.arg(command);
        client
    });
}

#[test]
#[ignore = "needs python3-sysv-ipc"]
fn the_python_client_follows_the_rules_of_the_page() {
    let fixture = Fixture::new();
    let script = fixture.write("client.py", &client(&fixture, "import sysv_ipc"));
    check_rules(&fixture, |command| {
        // Debian's own Python, for which its package of sysv_ipc is built.
        let mut client = Command::new("/usr/bin/python3");
        client.arg(&script).arg(command);
        client
    });
}
