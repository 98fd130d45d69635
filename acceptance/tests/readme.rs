//! The client that the README shows works as it stands there.

use std::{fs, process::Command};

use testing::{Fixture, Outcome};

/// The Python that the README shows, with the test's key for the one that everybody has.
fn shown(fixture: &Fixture) -> String {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let (_, code) = readme.split_once("```python\n").expect("the README shows it");
    let (code, _) = code.split_once("```").expect("it has an end");
    fixture.replace_keys(code)
}

#[test]
#[ignore = "needs python3-sysv-ipc"]
fn the_python_client_turns_the_led_on() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let script = fixture.write("client.py", &shown(&fixture));
    // Debian's own, for which its package of sysv_ipc is made.
    let outcome: Outcome = Command::new("/usr/bin/python3").arg(script).output().unwrap().into();
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert_eq!(controller.line(), "LED on");
}
