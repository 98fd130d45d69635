//! The examples print what their documentation shows, and work with their counterparts in C.

use std::{fs, path::PathBuf, process::Command, sync::OnceLock};

use shared::{
    Access, Queue,
    account::{Group, User, own_groups, own_user},
};
use testing::{Fixture, Outcome, Running, build};

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

fn example(name: &str) -> PathBuf {
    static PROFILE: OnceLock<PathBuf> = OnceLock::new();
    PROFILE
        .get_or_init(|| build(&["--package", "shared", "--examples"]))
        .join("examples")
        .join(name)
}

/// Compiles the counterpart of an example in C.
fn peer(fixture: &Fixture, name: &str) -> PathBuf {
    let program = fixture.path().join(name);
    let mut compiler = Command::new("cc");
    compiler
        .args(["-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&program)
        .arg(format!("{FOLDER}/tests/peers/{name}.c"));
    let compiled = Outcome::of(&mut compiler);
    assert_eq!(compiled.code, Some(0), "{}", compiled.err);
    program
}

fn find(fixture: &Fixture) -> Option<Queue> {
    Queue::open(fixture.key, Access::Find).ok()
}

fn start(fixture: &Fixture, program: PathBuf) -> Running {
    Running::start(Command::new(program).arg(fixture.key.to_string()))
}

/// The output of a program, when it has ended.
fn run(fixture: &Fixture, program: PathBuf) -> Vec<String> {
    wait(start(fixture, program))
}

/// The rest of its output, when it has ended.
#[track_caller]
fn wait(program: Running) -> Vec<String> {
    let (status, lines, log) = program.wait();
    assert!(status.success(), "{lines:?} {log:?}");
    lines
}

/// The output of an example, from its documentation.
fn transcript(name: &str) -> Vec<String> {
    let source = fs::read_to_string(format!("{FOLDER}/examples/{name}.rs")).unwrap();
    let documentation: Vec<&str> = source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(str::trim_start)
        .collect();
    let mut lines = documentation
        .into_iter()
        .skip_while(|line| *line != "```text")
        .skip(1);
    let command = format!("$ cargo run --quiet --package shared --example {name}");
    assert_eq!(lines.next(), Some(command.as_str()));
    lines
        .take_while(|line| *line != "```")
        .map(str::to_owned)
        .collect()
}

/// Asserts that an example printed what its documentation shows. In lines with a varying part the numbers may differ.
#[track_caller]
fn assert_printed(name: &str, lines: &[String], varying: &[&str]) {
    let mut expected = transcript(name);
    for (line, expected) in lines.iter().zip(&mut expected) {
        if varying.iter().any(|part| expected.contains(part)) {
            *expected = replace_numbers(expected, line);
        }
    }
    assert_eq!(lines, expected);
}

/// A text with its numbers replaced by those of another text.
fn replace_numbers(text: &str, other: &str) -> String {
    let mut numbers = other
        .split(|c: char| !c.is_ascii_digit())
        .filter(|number| !number.is_empty());
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let end = rest[start..]
            .find(|c: char| !c.is_ascii_digit())
            .map_or(rest.len(), |length| start + length);
        result += &rest[..start];
        result += numbers.next().unwrap_or_default();
        rest = &rest[end..];
    }
    result + rest
}

#[test]
fn a_process_sends_a_message_to_itself() {
    let fixture = Fixture::new();
    assert_printed(
        "mailbox",
        &run(&fixture, example("mailbox")),
        &["queue 32768"],
    );
}

#[test]
fn the_server_prints_the_text_of_the_client_and_removes_the_queue() {
    let fixture = Fixture::new();
    let server = start(&fixture, example("server"));
    let waiting = server.line();
    let sent = run(&fixture, example("client"));
    let lines: Vec<String> = [waiting].into_iter().chain(wait(server)).collect();
    assert_printed("client", &sent, &["process"]);
    assert_printed("server", &lines, &["key 1234", "process"]);
    assert_eq!(lines[1].replace("received", "sent"), sent[0]);
    assert!(find(&fixture).is_none());
}

#[test]
fn server_and_client_work_with_their_peers_in_c() {
    let fixture = Fixture::new();
    let server = start(&fixture, example("server"));
    let _ = server.line();
    assert_eq!(run(&fixture, peer(&fixture, "client")), [""; 0]);
    assert_eq!(wait(server)[0], "received: type 1, \"Hello from C\"");
    let server = start(&fixture, peer(&fixture, "server"));
    let _ = server.line();
    let sent = run(&fixture, example("client"));
    assert_eq!(wait(server), [sent[0].replace("sent", "received")]);
    assert!(find(&fixture).is_none());
}

#[test]
fn each_client_receives_its_own_reply() {
    let fixture = Fixture::new();
    let server = start(&fixture, example("reply_server"));
    let mut lines = vec![server.line()];
    let clients: Vec<Running> = (0..5)
        .map(|_| start(&fixture, example("reply_client")))
        .collect();
    for client in clients {
        assert_printed("reply_client", &wait(client), &["asks"]);
    }
    lines.extend((0..5).map(|_| server.line()));
    find(&fixture).unwrap().remove().unwrap();
    lines.extend(wait(server));
    lines.drain(2..6);
    assert_printed("reply_server", &lines, &["key 1234", "asks"]);
}

#[test]
fn reply_server_and_client_work_with_their_peers_in_c() {
    let fixture = Fixture::new();
    let server = start(&fixture, example("reply_server"));
    let _ = server.line();
    assert_eq!(run(&fixture, peer(&fixture, "reply_client")), ["answer: 3"]);
    find(&fixture).unwrap().remove().unwrap();
    wait(server);
    let server = start(&fixture, peer(&fixture, "reply_server"));
    let _ = server.line();
    assert_eq!(run(&fixture, example("reply_client"))[1], "answer: from C");
    find(&fixture).unwrap().remove().unwrap();
    wait(server);
}

#[test]
fn an_invalid_request_does_not_stop_the_reply_server() {
    let fixture = Fixture::new();
    let server = start(&fixture, example("reply_server"));
    let _ = server.line();
    assert_eq!(run(&fixture, peer(&fixture, "client")), [""; 0]);
    assert!(server.line().starts_with("no request: type 1, 13 bytes"));
    assert_eq!(run(&fixture, example("reply_client"))[1], "answer: 23");
    find(&fixture).unwrap().remove().unwrap();
    wait(server);
}

#[test]
fn an_urgent_message_that_is_sent_last_is_received_first() {
    for (is_client_in_c, is_server_in_c) in
        [(false, false), (false, true), (true, false), (true, true)]
    {
        let fixture = Fixture::new();
        let program = |name, is_in_c| {
            if is_in_c {
                peer(&fixture, name)
            } else {
                example(name)
            }
        };
        let sent = run(&fixture, program("priority_client", is_client_in_c));
        if !is_client_in_c {
            assert_printed("priority_client", &sent, &[]);
        }
        let mut received = run(&fixture, program("priority_server", is_server_in_c));
        if is_server_in_c {
            // It does not print that it removed the queue.
            received.push("queue removed".into());
        }
        assert_printed("priority_server", &received, &[]);
        assert!(find(&fixture).is_none());
    }
}

#[test]
fn the_monitor_shows_an_empty_queue_and_the_last_sender() {
    let fixture = Fixture::new();
    let server = start(&fixture, peer(&fixture, "reply_server"));
    let _ = server.line();
    let empty = run(&fixture, example("monitor"));
    let expected = [
        "msg_qnum    0 messages",
        "msg_cbytes  0 bytes",
        "msg_qbytes  16384 bytes at most",
    ];
    let limit = fs::read_to_string("/proc/sys/kernel/msgmnb").unwrap();
    assert_eq!(
        empty[1..4],
        expected.map(|line| line.replace("16384", limit.trim()))
    );
    assert_eq!(
        empty[4..8],
        [
            "msg_lspid   no process sent last",
            "msg_lrpid   no process received last",
            "msg_stime   never sent",
            "msg_rtime   never received"
        ]
    );
    drop(server);
    let fixture = Fixture::new();
    let routine = run(&fixture, peer(&fixture, "priority_client"));
    assert_eq!(routine, [""; 0]);
    let sent = run(&fixture, example("client"));
    let pid = sent[0].trim_end_matches('"').rsplit(' ').next().unwrap();
    let mut shown = run(&fixture, example("monitor"));
    // The transcript is that of root.
    let permissions =
        |owner: User, group: Group| format!("msg_perm    owner {owner}, group {group}, mode 0666");
    assert_eq!(
        shown[9],
        permissions(User(own_user()), Group(own_groups()[0]))
    );
    shown[9] = permissions(User(0), Group(0));
    assert_eq!(shown[1], "msg_qnum    7 messages");
    assert_eq!(shown[4], format!("msg_lspid   {pid} sent last"));
    assert_printed(
        "monitor",
        &shown,
        &[
            "queue",
            "msg_qnum",
            "msg_cbytes",
            "msg_qbytes",
            "msg_lspid",
            "msg_stime",
            "msg_ctime",
        ],
    );
}
