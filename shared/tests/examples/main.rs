//! The examples print what their documentation shows, and work with their counterparts in C.

mod transcript;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use shared::{
    Access, Queue,
    account::{Group, User, own_groups, own_user},
};
use testing::{Fixture, Outcome, Running, build, remove_queue};

use transcript::assert_printed;

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

const EXAMPLES: [&str; 8] = [
    "client",
    "mailbox",
    "monitor",
    "priority_client",
    "priority_server",
    "reply_client",
    "reply_server",
    "server",
];

fn example(name: &str) -> PathBuf {
    static PROFILE: OnceLock<PathBuf> = OnceLock::new();
    PROFILE
        .get_or_init(|| build(&["--package", "shared", "--examples"]))
        .join("examples")
        .join(name)
}

/// The counterpart of an example in C.
fn peer(fixture: &Fixture, name: &str) -> PathBuf {
    fixture.compile(Path::new(&format!("{FOLDER}/tests/peers/{name}.c")))
}

fn find(fixture: &Fixture) -> Option<Queue> {
    Queue::open(fixture.key, Access::Find).ok()
}

fn start(fixture: &Fixture, program: PathBuf) -> Running {
    Running::start(Command::new(program).arg(fixture.key.to_string()))
}

/// Starts a server, and waits for the line that it prints then.
fn start_server(fixture: &Fixture, program: PathBuf) -> (Running, String) {
    let server = start(fixture, program);
    let line = server.line();
    (server, line)
}

/// The output of a program, when it has ended.
fn run(fixture: &Fixture, program: PathBuf) -> String {
    wait(start(fixture, program))
}

/// The rest of its output, when it has ended.
#[track_caller]
fn wait(program: Running) -> String {
    let outcome = program.wait();
    outcome.assert_code(0);
    outcome.out
}

/// Ends a server by removing its queue.
#[track_caller]
fn remove(fixture: &Fixture, server: Running) -> String {
    remove_queue(fixture.key);
    wait(server)
}

#[test]
fn a_process_sends_a_message_to_itself() {
    let fixture = Fixture::new();
    let printed = run(&fixture, example("mailbox"));
    assert_printed("mailbox", &printed, &["queue 32768"]);
}

#[test]
fn the_server_prints_the_text_of_the_client_and_removes_the_queue() {
    let fixture = Fixture::new();
    let (server, waiting) = start_server(&fixture, example("server"));
    let sent = run(&fixture, example("client"));
    let received = wait(server);
    assert_printed("client", &sent, &["process"]);
    let all = format!("{waiting}\n{received}");
    assert_printed("server", &all, &["key 1234", "process"]);
    assert!(received.starts_with(&sent.replace("sent", "received")));
    assert!(find(&fixture).is_none());
}

#[test]
fn server_and_client_work_with_their_peers_in_c() {
    let fixture = Fixture::new();
    let (server, _) = start_server(&fixture, example("server"));
    assert_eq!(run(&fixture, peer(&fixture, "client")), "");
    assert!(wait(server).starts_with("received: type 1, \"Hello from C\"\n"));
    let (server, _) = start_server(&fixture, peer(&fixture, "server"));
    let sent = run(&fixture, example("client"));
    assert_eq!(wait(server), sent.replace("sent", "received"));
    assert!(find(&fixture).is_none());
}

#[test]
fn each_client_receives_its_own_reply() {
    let fixture = Fixture::new();
    let (server, mut lines) = start_server(&fixture, example("reply_server"));
    let client = || start(&fixture, example("reply_client"));
    let clients: Vec<Running> = (0..5).map(|_| client()).collect();
    for client in clients {
        assert_printed("reply_client", &wait(client), &["asks"]);
    }
    let requests: Vec<String> = (0..5).map(|_| server.line()).collect();
    lines += &format!("\n{}\n{}", requests[0], remove(&fixture, server));
    assert_printed("reply_server", &lines, &["key 1234", "asks"]);
}

#[test]
fn reply_server_and_client_work_with_their_peers_in_c() {
    let fixture = Fixture::new();
    let (server, _) = start_server(&fixture, example("reply_server"));
    // An invalid request does not stop it.
    assert_eq!(run(&fixture, peer(&fixture, "client")), "");
    assert!(server.line().starts_with("no request: type 1, 13 bytes"));
    assert_eq!(run(&fixture, peer(&fixture, "reply_client")), "answer: 3\n");
    remove(&fixture, server);
    let (server, _) = start_server(&fixture, peer(&fixture, "reply_server"));
    let answer = run(&fixture, example("reply_client"));
    assert!(answer.ends_with("\nanswer: from C\n"), "{answer}");
    remove(&fixture, server);
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
            received += "queue removed\n";
        }
        assert_printed("priority_server", &received, &[]);
        assert!(find(&fixture).is_none());
    }
}

#[test]
fn the_monitor_shows_an_empty_queue_and_the_last_sender() {
    let fixture = Fixture::new();
    let (server, _) = start_server(&fixture, peer(&fixture, "reply_server"));
    let limit = fs::read_to_string("/proc/sys/kernel/msgmnb").unwrap();
    let empty = format!(
        "
msg_qnum    0 waiting
msg_cbytes  0 B
msg_qbytes  {} B at most
msg_lspid   no process sent last
msg_lrpid   no process received last
msg_stime   never sent
msg_rtime   never received
",
        limit.trim()
    );
    let shown = run(&fixture, example("monitor"));
    assert!(shown.contains(&empty), "{shown}");
    drop(server);
    let fixture = Fixture::new();
    assert_eq!(run(&fixture, peer(&fixture, "priority_client")), "");
    let sent = run(&fixture, example("client"));
    let (_, pid) = sent.trim_end_matches("\"\n").rsplit_once(' ').unwrap();
    let shown = run(&fixture, example("monitor"));
    let permissions =
        |owner: User, group: Group| format!("msg_perm    owner {owner}, group {group}, mode 0666");
    let own = permissions(User(own_user()), Group(own_groups()[0]));
    for line in [
        "msg_qnum    7 waiting",
        &format!("msg_lspid   {pid} sent last"),
        &own,
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    // The transcript is that of root.
    let shown = shown.replace(&own, &permissions(User(0), Group(0)));
    let varying = [
        "queue", "qnum", "cbytes", "qbytes", "lspid", "stime", "ctime",
    ];
    assert_printed("monitor", &shown, &varying);
}

#[test]
fn an_error_is_one_line_with_the_next_step() {
    let fixture = Fixture::new();
    let fails = |name: &str, key: &str, message: &str| {
        let outcome = Outcome::of(Command::new(example(name)).arg(key));
        outcome.assert_failed(1, &[message]);
        assert_eq!(outcome.err.lines().count(), 1, "{outcome:?}");
    };
    let key = &fixture.key.to_string();
    for name in ["client", "monitor", "reply_client"] {
        fails(name, key, "Error: no queue has this key: No such file");
        fails(name, key, "; start the server first");
    }
    let (server, _) = start_server(&fixture, example("reply_server"));
    for name in ["server", "reply_server"] {
        fails(name, key, "Error: a queue with this key exists: ");
        fails(name, key, "; a server uses it, or has left it");
    }
    remove(&fixture, server);
    for name in EXAMPLES.iter().filter(|&&name| name != "mailbox") {
        fails(name, "0", "Error: 0 is IPC_PRIVATE");
    }
}

#[test]
fn the_examples_are_those_of_the_guide() {
    let files = fs::read_dir(format!("{FOLDER}/examples")).unwrap();
    let mut found: Vec<String> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(found, EXAMPLES);
    let guide = fs::read_to_string(format!("{FOLDER}/../docs/textbook.md")).unwrap();
    for name in EXAMPLES {
        assert!(guide.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_names_of_the_crate_in_the_guide_exist() {
    let guide = fs::read_to_string(format!("{FOLDER}/../docs/textbook.md")).unwrap();
    let sources: String = fs::read_dir(format!("{FOLDER}/src/sysv"))
        .unwrap()
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let words: Vec<&str> = guide
        .split(|c: char| !c.is_alphanumeric() && c != ':' && c != '_')
        .filter(|word| word.contains("::"))
        .collect();
    assert!(words.len() > 20, "{words:?}");
    for word in words {
        let (_, name) = word.split_once("::").unwrap();
        let is_variant = ["(", ",", " "].iter().any(|end| {
            let variant = format!("\n    {name}{end}");
            sources.contains(&variant)
        });
        let is_function = [format!("pub fn {name}("), format!("pub fn {name}<")]
            .iter()
            .any(|function| sources.contains(function));
        assert!(is_variant || is_function, "{word}");
    }
}
