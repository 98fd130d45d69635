//! Names in place of keys, and `list`. Each test with fixed names has an IPC namespace of its own.

use std::process::Command;

use serde_json::Value;
use shared::Name;
use testing::{Fixture, Outcome, Running, programs};

use crate::manual::{code, page};

/// Starts a simulated controller with these options in an IPC namespace of its own.
fn alone(fixture: &Fixture, options: &[&str]) -> Running {
    let mut controller = fixture.wrapped(&["unshare", "--ipc"], "controller");
    Running::start(controller.args(options)).when_ready()
}

/// The wrapper that enters the IPC namespace of a process.
fn beside(process: &Running) -> [String; 4] {
    ["nsenter", "--ipc", "--target", &process.pid().to_string()].map(str::to_owned)
}

/// Runs the client without a key in the IPC namespace of a process.
fn client(fixture: &Fixture, process: &Running, arguments: &[&str]) -> Outcome {
    let [nsenter, rest @ ..] = beside(process);
    let mut client = Command::new(nsenter);
    client
        .args(rest)
        .arg(programs().join("command"))
        .args(arguments);
    fixture.configure_environment(&mut client);
    Outcome::of(&mut client)
}

#[test]
#[ignore = "needs root and unshare"]
fn a_name_is_a_key_for_controller_and_client() {
    let fixture = Fixture::new();
    let door = alone(&fixture, &["--key", "door"]);
    let named =
        |arguments: &[&str]| client(&fixture, &door, &[&["--key", "door"], arguments].concat());
    named(&["on"]).assert_printed("on");
    let number = "door".parse::<Name>().unwrap().number();
    client(&fixture, &door, &["--key", &number.to_string(), "toggle"]).assert_printed("off");
    let status = named(&["status"]);
    assert!(status.out.starts_with("off (queue door: "), "{status:?}");
    // Also where the number was given.
    let by_number = client(
        &fixture,
        &door,
        &["--key", &format!("{number:#x}"), "status", "--json"],
    );
    let json: Value = serde_json::from_str(&by_number.out).unwrap();
    assert_eq!(
        (&json["name"], &json["key"]),
        (&"door".into(), &number.into())
    );
    let doctor = named(&["doctor"]);
    let queue = format!("key door ({number:#010x})");
    assert!(doctor.out.contains(&queue), "{doctor:?}");
    client(&fixture, &door, &["--key", "shed", "on"]).assert_failed(3, &["no queue has key shed"]);
}

#[test]
#[ignore = "needs root and unshare"]
fn a_second_name_with_the_same_key_is_refused() {
    let fixture = Fixture::new();
    let first = alone(&fixture, &["--key", "garage-1598"]);
    let mut second = fixture.wrapped(&beside(&first), "controller");
    let parts = [
        &*format!("(PID {})", first.pid()),
        "key yard-400",
        "by the name garage-1598",
    ];
    Outcome::of(second.args(["--key", "yard-400"])).assert_failed(1, &parts);
}

/// The template of the unit passes the instance before the options.
#[test]
fn only_the_last_key_has_to_be_one() {
    let fixture = Fixture::new();
    let mut controller = Command::new(programs().join("controller"));
    controller.args(["--key", "my_led", "--simulate"]);
    fixture.configure(&mut controller);
    let controller = Running::start(&mut controller).when_ready();
    fixture.exit(controller);
    let mut alone = Command::new(programs().join("controller"));
    alone.args(["--key", "my_led", "--simulate"]);
    Outcome::of(&mut alone).assert_failed(2, &["'my_led'", "a name: a lower-case letter"]);
}

#[test]
#[ignore = "needs root and unshare"]
fn list_prints_every_led() {
    let fixture = Fixture::new();
    let door = alone(&fixture, &["--key", "door", "--initial", "on"]);
    let wrapper = beside(&door);
    let start = |key: &str| {
        let mut controller = fixture.wrapped(&wrapper, "controller");
        Running::start(controller.args(["--key", key])).when_ready()
    };
    let stopped = start("1300");
    stopped.stop();
    let attic = start("attic-of-the-left-house");
    let mut other = Command::new(&wrapper[0]);
    Outcome::of(other.args(&wrapper[1..]).args(["ipcmk", "-Q"])).assert_code(0);

    let list = client(&fixture, &door, &["list", "--timeout", "5s"]);
    let expected = format!(
        "KEY                     STATE                LED          CONTROLLER\n\
         1300                    no reply             -            PID {}\n\
         attic-of-the-left-house off                  simulated    PID {}\n\
         door                    on                   simulated    PID {}\n",
        stopped.pid(),
        attic.pid(),
        door.pid()
    );
    assert_eq!((&*list.out, &*list.err), (&*expected, ""));
    let json = client(&fixture, &door, &["list", "--json", "--timeout", "5s"]).out;
    let found: Vec<(Value, Value)> = json
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|mut led| (led["name"].take(), led["state"].take()))
        .collect();
    let expected = [
        (Value::Null, Value::Null),
        ("attic-of-the-left-house".into(), "off".into()),
        ("door".into(), "on".into()),
    ];
    assert_eq!(found, expected);
    client(&fixture, &door, &["--key", "door", "list"])
        .assert_failed(2, &["--key cannot be used with list"]);
}

#[test]
#[ignore = "needs root and unshare"]
fn an_empty_list_is_exit_status_3() {
    let mut client = Command::new("unshare");
    client
        .arg("--ipc")
        .arg(programs().join("command"))
        .arg("list");
    Outcome::of(&mut client).assert_failed(
        3,
        &["no controller is running; this is an IPC namespace of its own"],
    );
}

/// The names and keys of led-controller(7).
fn documented() -> Vec<(String, u32)> {
    let page = page("led-controller.7");
    let rows = page.lines().filter_map(|line| line.split_once("\t0x"));
    let rows = rows.map(|(name, key)| (name.to_owned(), u32::from_str_radix(key, 16).unwrap()));
    rows.collect()
}

#[test]
fn the_c_function_of_the_page_has_the_keys_of_the_page() {
    let fixture = Fixture::new();
    let function = code(&page("led-controller.7"), "key_t key_of");
    let main = "int main(int argc, char **argv) { printf(\"%d\\n\", (int) key_of(argv[1])); return argc != 2; }";
    let source = format!("#include <stdio.h>\n#include <sys/ipc.h>\n{function}\n{main}\n");
    let program = fixture.compile(&fixture.write("key.c", &source));
    assert_eq!(documented().len(), 3);
    for (name, key) in documented() {
        assert_eq!(name.parse::<Name>().unwrap().number(), key);
        Outcome::of(Command::new(&program).arg(name)).assert_printed(&key.to_string());
    }
}

#[test]
#[ignore = "needs python3"]
fn the_python_function_of_the_page_has_the_keys_of_the_page() {
    let function = code(&page("led-controller.7"), "def key_of");
    for (name, key) in documented() {
        let program = format!("{function}\nprint(key_of({name:?}))");
        Outcome::of(Command::new("python3").args(["-c", &program]))
            .assert_printed(&key.to_string());
    }
}
