//! Programs in other languages with the real controller, written as usual in each, and the real client with a controller in
//! C.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use testing::{Fixture, Outcome, Running, wait_until};

fn c(fixture: &Fixture, name: &str) -> PathBuf {
    let source = fs::read_to_string(format!("{}/{name}.c", env!("CARGO_MANIFEST_DIR"))).unwrap();
    fixture.compile(&fixture.replace_keys(&source))
}

/// The output of a program that succeeds.
#[track_caller]
fn run(command: &mut Command) -> String {
    // A program that sleeps forever must not block the tests.
    let mut timeout = Command::new("timeout");
    let timeout = timeout
        .arg("60")
        .arg(command.get_program())
        .args(command.get_args());
    let outcome: Outcome = timeout.stdin(Stdio::null()).output().unwrap().into();
    assert_eq!(
        (outcome.code, outcome.err.as_str()),
        (Some(0), ""),
        "{}",
        outcome.out
    );
    outcome.out
}

fn python(fixture: &Fixture, code: &str) -> String {
    // Debian's own Python, for which its package of sysv_ipc is built.
    run(Command::new("/usr/bin/python3").args(["-c", &fixture.replace_keys(code)]))
}

fn perl(fixture: &Fixture, code: &str) -> String {
    run(Command::new("perl").args(["-Mstrict", "-Mwarnings", "-e", &fixture.replace_keys(code)]))
}

#[test]
fn a_textbook_client_in_c_with_and_without_its_nul() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    let client = c(&fixture, "textbook");
    for nul in ["0", "1"] {
        for (text, line) in [("ON", "LED on"), ("OFF", "LED off")] {
            assert_eq!(run(Command::new(&client).args([text, nul])), "");
            assert_eq!(controller.line(), line);
        }
    }
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
        fixture
            .command(&["--no-wait", verb])
            .assert_printed("queued");
        assert_eq!(controller.line(), line);
    }
    fixture.command(&["status"]).assert_failed_after(
        5,
        "no reply (queue",
        &[
            "belongs to another program: there is no reply queue",
            "--no-wait",
        ],
    );
    fixture
        .command(&["--no-wait", "exit"])
        .assert_printed("queued");
    assert!(controller.wait().0.success());
    assert!(fixture.has_no_queues());
}

#[test]
#[ignore = "needs python3-sysv-ipc"]
fn python_with_sysv_ipc() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&[]);
    // Without a mode, as in the documentation of sysv_ipc: it requests 0600.
    python(
        &fixture,
        "import sysv_ipc; sysv_ipc.MessageQueue(1234).send('ON')",
    );
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
    assert_eq!(
        lines[..3],
        [
            "OK OFF True",
            "OK BLINK 60000 1 2 True",
            "OK BLINK 60000 1 2 True"
        ]
    );
    assert!(
        lines[3].starts_with("ERR BLINK takes two") && lines[4].starts_with("ERR unknown command;"),
        "{replies}"
    );
    assert!(controller.wait().0.success());
    assert!(fixture.has_no_queues());
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
    perl(
        &fixture,
        r#"msgsnd(msgget(1234, 0200), pack("l! a*", 1, "OFF"), 0) or die $!"#,
    );
    assert_eq!(controller.line(), "LED off");
    // The usual mistake: a type of four bytes, so that the text becomes a part of the type.
    perl(
        &fixture,
        r#"msgsnd(msgget(1234, 0200), pack("l a*", 1, "ON  "), 0) or die $!"#,
    );
    controller.wait_for_log("unknown message type");
    fixture.assert_led("off");
}

#[test]
#[ignore = "needs ipcs, ipcrm and ipcmk of util-linux"]
fn the_tools_of_util_linux() {
    let fixture = Fixture::new();
    let controller = fixture.controller(&["--mode", "0640"]);
    let listed = run(Command::new("ipcs").arg("-q"));
    let fields = |key: shared::Key| {
        let line = listed
            .lines()
            .find(|line| line.starts_with(&format!("{:#010x} ", key.get())))
            .unwrap();
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(fields(fixture.key)[3..], ["640", "0", "0"]);
    assert_eq!(fields(fixture.key.reply())[3..], ["700", "0", "0"]);
    // By key and by identifier. The controller continues.
    run(Command::new("ipcrm").args(["-Q", &fixture.key.to_string()]));
    controller.wait_for_log("another process removed command queue");
    wait_until("the controller serves again", || {
        fixture.command(&["on"]).code == Some(0)
    });
    let id = shared::Queue::open(fixture.key, shared::Access::Find)
        .unwrap()
        .id();
    run(Command::new("ipcrm").args(["-q", &id.to_string()]));
    controller.wait_for_log("another process removed command queue");
    wait_until("the controller serves again", || {
        fixture.command(&["on"]).code == Some(0)
    });
    fixture.assert_led("on");
    // A queue of ipcmk, under a key that it chooses.
    let created = run(Command::new("ipcmk").args(["--queue", "--mode", "0600"]));
    let id = created.trim().rsplit(' ').next().unwrap();
    let listed = run(Command::new("ipcs").arg("-q"));
    let line = listed
        .lines()
        .find(|line| line.split_whitespace().nth(1) == Some(id))
        .unwrap();
    let key = line.split_whitespace().next().unwrap();
    let outcome = fixture.command(&["status", "--key", key]);
    run(Command::new("ipcrm").args(["-q", id]));
    assert!(
        outcome.out.contains("0 messages, 0 bytes; last sender none, last receiver none; served by an unknown process"),
        "{outcome:?}"
    );
}
