//! The clients that led-controller(7) shows.

use std::process::Command;

use shared::{Access, Queue, Refusal};
use testing::{Fixture, Outcome, Running, Signal, wait_until};

use super::pages::{code, page};

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
    assert_eq!(
        (run("FLASH").code, run("FLASH").out),
        (Some(1), format!("ERR {}\n", Refusal::UnknownVerb))
    );
    run("OFF").assert_printed("OK OFF");
    let wait_until_sent = || {
        wait_until("the client has sent its command", || {
            fixture.queue().status().unwrap().messages == 1
        })
    };

    first.stop();
    let toggle = Running::start(&mut client("TOGGLE"));
    wait_until_sent();
    Queue::open(fixture.key.reply(), Access::Find)
        .unwrap()
        .remove()
        .unwrap();
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
