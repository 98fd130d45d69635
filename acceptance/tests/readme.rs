//! The client in the README works as printed.

use std::{fs, process::Command};

use testing::{Fixture, Outcome};

/// The Python code in the README, with the key of the test.
fn python_code(fixture: &Fixture) -> String {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let (_, code) = readme
        .split_once("```python\n")
        .expect("the README has Python code");
    let (code, _) = code.split_once("```").expect("the code ends");
    fixture.replace_keys(code)
}

#[test]
#[ignore = "needs python3-sysv-ipc"]
fn the_python_client_turns_the_led_on() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let script = fixture.write("client.py", &python_code(&fixture));
    // Debian's own Python, for which its package of sysv_ipc is built.
    let outcome: Outcome = Command::new("/usr/bin/python3")
        .arg(script)
        .output()
        .unwrap()
        .into();
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert_eq!(controller.line(), "LED on");
}
