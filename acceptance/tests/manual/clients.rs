//! The clients that led-controller(7) shows.

use std::process::Command;

use shared::{Mode, Queue, Refusal};
use testing::{Fixture, Outcome, Running, Signal, remove_queue};

use super::pages::{code, page};

/// The client on the page, with the keys of this fixture, and with a longer timeout for shared machines.
fn client(fixture: &Fixture, part: &str) -> String {
    let code = code(&page("led-controller.7"), part);
    assert!(code.contains("alarm(2)"), "{code}");
    fixture.replace_keys(&code.replace("alarm(2)", "alarm(60)"))
}

/// Asserts that a client follows the rules of the page. `client` returns its command line.
fn check_rules(fixture: &Fixture, client: impl Fn(&str) -> Command) {
    let run = |command| Outcome::of(&mut client(command));
    let absent = run("ON");
    absent.assert_failed(1, &["LED controller: No "]);
    assert_eq!(absent.err.lines().count(), 1, "{absent:?}");
    let long = "X".repeat(201);
    let long = Outcome::of(&mut client(&long));
    assert_eq!(long.err, "usage: client COMMAND, of at most 200 bytes\n");
    let other = Queue::create(fixture.key.reply(), Mode::new(0o666).unwrap()).unwrap();
    let commands = Queue::create(fixture.key, Mode::new(0o666).unwrap()).unwrap();
    run("ON").assert_failed(1, &["the queue belongs to another program\n"]);
    assert_eq!(commands.status().unwrap().messages, 0);
    drop((other, commands));
    let first = fixture.controller(&[]);
    run("ON").assert_printed("OK ON");
    run("blink 3600000 1 7").assert_printed("OK BLINK 3600000 1 7");
    let refused = format!("ERR {}\n", Refusal::UnknownVerb);
    run("SHINE").assert_failed_after(1, &refused, &[]);
    run("OFF").assert_printed("OK OFF");

    first.stop();
    let toggle = Running::start(&mut client("TOGGLE"));
    fixture.wait_until_sent(1);
    remove_queue(fixture.key.reply());
    first.signal(Signal::CONT);
    toggle.wait().assert_printed("OK ON");
    fixture.assert_led("on");

    first.stop();
    let on = Running::start(&mut client("ON"));
    fixture.wait_until_sent(1);
    first.kill();
    let _second = fixture.controller(&[]);
    on.wait().assert_printed("OK ON");
    fixture.assert_led("on");
}

#[test]
fn the_c_client_follows_the_rules_of_the_page() {
    let fixture = Fixture::new();
    let source = fixture.write("client.c", &client(&fixture, "#include"));
    let program = fixture.compile(&source);
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
