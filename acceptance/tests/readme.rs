//! The clients that the README shows work as they stand there.

use std::{fs, path::PathBuf, process::Command};

use acceptance::{Outcome, Place};

/// The code in this language that the README shows, with the test's key for the one that everybody has.
fn shown(place: &Place, language: &str) -> String {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let (_, code) = readme.split_once(&format!("```{language}\n")).expect("the README shows it");
    let (code, _) = code.split_once("```").expect("it has an end");
    assert!(code.contains("1234"), "{code}");
    code.replace("1234", &place.key.to_string()).replace("1235", &place.key.reply().to_string())
}

fn write(place: &Place, name: &str, code: &str) -> PathBuf {
    let path = place.path().join(name);
    fs::write(&path, code).unwrap();
    path
}

#[test]
#[ignore = "needs python3-sysv-ipc"]
fn the_python_client_turns_the_led_on() {
    let place = Place::new();
    let controller = place.controller(&[]);
    let script = write(&place, "client.py", &shown(&place, "python"));
    // Debian's own, for which its package of sysv_ipc is made.
    let outcome: Outcome = Command::new("/usr/bin/python3").arg(script).output().unwrap().into();
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert_eq!(controller.line(), "LED on");
}
