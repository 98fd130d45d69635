//! Programs in other languages with the real controller, written as usual in each, and the real client with a controller in
//! C.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use shared::{Access, Key, Queue};
use testing::{Fixture, Outcome, Running};

use crate::manual::document;

/// A compiled program of `acceptance`, with the keys of this fixture.
pub(crate) fn c(fixture: &Fixture, name: &str) -> PathBuf {
    let source = fixture.replace_keys(&document(&format!("acceptance/{name}.c")));
    fixture.compile(&fixture.write(&format!("{name}.c"), &source))
}

/// The output of a program that succeeds.
#[track_caller]
fn run(program: impl AsRef<Path>, arguments: &[&str]) -> String {
    // A program that sleeps forever must not block the tests.
    let mut timeout = Command::new("timeout");
    let outcome = Outcome::of(timeout.arg("60").arg(program.as_ref()).args(arguments));
    outcome.assert_code(0);
    assert_eq!(outcome.err, "");
    outcome.out
}

fn python(fixture: &Fixture, code: &str) -> String {
    // Debian's own Python, for which its package of sysv_ipc is built.
    run("/usr/bin/python3", &["-c", &fixture.replace_keys(code)])
}

fn perl(fixture: &Fixture, code: &str) -> String {
    let code = fixture.replace_keys(code);
    run("perl", &["-Mstrict", "-Mwarnings", "-e", &code])
}

#[test]
fn a_textbook_client_in_c_with_and_without_its_nul() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let client = c(&fixture, "textbook");
    for nul in ["0", "1"] {
        for (text, line) in [("ON", "LED on"), ("OFF", "LED off")] {
            assert_eq!(run(&client, &[text, nul]), "");
            assert_eq!(controller.line(), line);
        }
    }
}

#[test]
fn the_sender_of_the_textbook_has_twelve_lines_and_does_what_the_page_says() {
    let fixture = Fixture::new();
    let page = document("docs/textbook.md");
    let (_, code) = page.split_once("```c\n").expect("code in C");
    let code = code.split("```").next().unwrap();
    assert_eq!(code.lines().count(), 12);
    let send = fixture.compile(&fixture.write("send.c", &fixture.replace_keys(code)));
    let missing = Outcome::of(&mut Command::new(&send));
    missing.assert_failed(1, &["send: No such file or directory\n"]);
    let controller = fixture.controller(&[]);
    run(&send, &[]);
    assert_eq!(controller.line(), "LED on");
    run(&send, &["BLINK 1 1 3"]);
    for line in ["LED off", "LED on", "LED off", "LED on", "LED off"] {
        assert_eq!(controller.line(), line);
    }
    run(&send, &["DANCE"]);
    controller.wait_for_log("unknown command");
}

#[test]
fn the_real_client_drives_a_textbook_controller_in_c() {
    let fixture = Fixture::new();
    let controller = Running::start(&mut Command::new(c(&fixture, "textbook_controller")));
    assert_eq!(controller.line(), "ready");
    for (verb, line) in [
        ("off", "LED off"),
        ("on", "LED on"),
        ("off", "LED off"),
        ("toggle", "unknown"),
    ] {
        let queued = fixture.command(&["--no-wait", verb]);
        queued.assert_printed("queued");
        assert_eq!(controller.line(), line);
    }
    let other = "belongs to another program: there is no reply queue";
    fixture
        .command(&["status"])
        .assert_failed_after(5, "no reply (queue", &[other, "--no-wait"]);
    let queued = fixture.command(&["--no-wait", "exit"]);
    queued.assert_printed("queued");
    fixture.assert_clean_end(controller);
}

#[test]
#[ignore = "needs python3-sysv-ipc"]
fn the_python_client_of_the_readme() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let readme = document("README.md");
    let (_, code) = readme.split_once("```python\n").expect("Python code");
    python(&fixture, code.split("```").next().unwrap());
    assert_eq!(controller.line(), "LED on");
}

#[test]
#[ignore = "needs python3-sysv-ipc"]
fn python_with_sysv_ipc() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    // Without a mode, as in the documentation of sysv_ipc: it requests 0600.
    let code = "import sysv_ipc; sysv_ipc.MessageQueue(1234).send('ON')";
    python(&fixture, code);
    assert_eq!(controller.line(), "LED on");
    let code = "
import os, sysv_ipc
commands, replies = sysv_ipc.MessageQueue(1234, mode=0o200), sysv_ipc.MessageQueue(1235, mode=0o400)
for text in 'OFF', 'BLINK 60000 1 2', 'STATUS', 'BLINK 0 0', 'DIM':
    commands.send(text.encode() + b'\\0reply=%d\\0' % os.getpid(), type=1)
    reply, type = replies.receive(type=os.getpid())
    print(reply.decode().splitlines()[0], type == os.getpid())
commands.send(b'', type=2)";
    let replies = python(&fixture, code);
    let lines: Vec<&str> = replies.lines().collect();
    let blink = "OK BLINK 60000 1 2 True";
    assert_eq!(lines[..3], ["OK OFF True", blink, blink]);
    assert!(lines[3].starts_with("ERR BLINK takes two"), "{replies}");
    assert!(lines[4].starts_with("ERR unknown command;"), "{replies}");
    fixture.assert_clean_end(controller);
}

#[test]
#[ignore = "needs python3"]
fn python_with_ctypes() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let code = "
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.msgrcv.restype = ctypes.c_ssize_t
libc.msgrcv.argtypes = ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long, ctypes.c_int
libc.msgsnd.argtypes = ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
class Message(ctypes.Structure):
    _fields_ = [('type', ctypes.c_long), ('text', ctypes.c_ubyte * 256)]
commands, replies = libc.msgget(1234, 0o200), libc.msgget(1235, 0o400)
text = b'toggle\\0reply=%d\\0' % os.getpid()
message = Message(1, (ctypes.c_ubyte * 256)(*text))
assert libc.msgsnd(commands, ctypes.byref(message), len(text), 0) == 0, ctypes.get_errno()
message = Message()
length = libc.msgrcv(replies, ctypes.byref(message), 256, os.getpid(), 0)
print(bytes(message.text[:length]))";
    assert_eq!(python(&fixture, code), "b'OK ON'\n");
    assert_eq!(controller.line(), "LED on");
}

#[test]
#[ignore = "needs perl"]
fn perl_with_ipc_msg_and_with_its_own_msgsnd() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let code = r#"
        use IPC::Msg;
        my ($commands, $replies) = (IPC::Msg->new(1234, 0200), IPC::Msg->new(1235, 0400));
        $commands->snd(1, "ON\0reply=$$\0") or die $!;
        my $type = $replies->rcv(my $reply, 256, $$);
        print $type == $$, " $reply\n";"#;
    assert_eq!(perl(&fixture, code), "1 OK ON\n");
    assert_eq!(controller.line(), "LED on");
    let send = |packed| {
        perl(
            &fixture,
            &format!("msgsnd(msgget(1234, 0200), {packed}, 0) or die $!"),
        )
    };
    send(r#"pack("l! a*", 1, "OFF")"#);
    assert_eq!(controller.line(), "LED off");
    // The usual mistake: a type of four bytes, so that the text becomes a part of the type.
    send(r#"pack("l a*", 1, "ON  ")"#);
    controller.wait_for_log("unknown message type");
    fixture.assert_led("off");
}

#[test]
#[ignore = "needs ipcs, ipcrm and ipcmk of util-linux"]
fn the_tools_of_util_linux() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&["--mode", "0640"]);
    let line = |field: usize, value: &str| {
        let listed = run("ipcs", &["-q"]);
        let mut lines = listed.lines().map(|line| line.split_whitespace());
        let line = lines.find(|words| words.clone().nth(field) == Some(value));
        line.unwrap().map(str::to_owned).collect::<Vec<_>>()
    };
    let fields = |key: Key| line(0, &format!("{:#010x}", key.get()));
    assert_eq!(fields(fixture.key)[3..], ["640", "0", "0"]);
    assert_eq!(fields(fixture.key.reply())[3..], ["700", "0", "0"]);
    // By key and by identifier. The controller continues.
    let id = || {
        Queue::open(fixture.key, Access::Find)
            .unwrap()
            .id()
            .to_string()
    };
    for by_id in [false, true] {
        if by_id {
            run("ipcrm", &["-q", &id()]);
        } else {
            run("ipcrm", &["-Q", &fixture.key.to_string()]);
        }
        controller.wait_for_log("another process removed command queue");
        fixture.wait_until_served();
    }
    fixture.command(&["on"]).assert_printed("on");
    // A queue of ipcmk, under a key that it chooses.
    let created = run("ipcmk", &["--queue", "--mode", "0600"]);
    let id = created.trim().rsplit(' ').next().unwrap();
    let outcome = fixture.command(&["status", "--key", &line(1, id)[0]]);
    run("ipcrm", &["-q", id]);
    let empty =
        "0 messages, 0 bytes; last sender none, last receiver none; served by an unknown process";
    assert!(outcome.out.contains(empty), "{outcome:?}");
}
