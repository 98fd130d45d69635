//! The textbook's programs, run: each prints what its documentation says, and each works with its peer in C.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use shared::{Access, Key, Queue};

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

/// The examples, and their peers in C, built once.
fn programs() -> &'static PathBuf {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let test = env::current_exe().unwrap();
        // target/PROFILE/deps/TEST
        let profile = test.ancestors().nth(2).unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "shared", "--examples"]);
        cargo.arg("--manifest-path").arg(format!("{FOLDER}/Cargo.toml"));
        cargo.arg("--target-dir").arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success());
        profile.join("examples")
    })
}

fn peer(name: &str) -> PathBuf {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    // By the number, so that tests side by side do not overwrite a program that runs.
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}-{number}", std::process::id()));
    let source = format!("{FOLDER}/tests/peers/{name}.c");
    let mut compiler = Command::new("cc");
    let compiled = compiler.args(["-Wall", "-Wextra", "-Werror", "-o"]).arg(&program).arg(source).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    program
}

fn example(name: &str) -> PathBuf {
    programs().join(name)
}

/// A key of its own; what is left under it goes when this does.
struct Place(Key);

impl Place {
    fn new() -> Place {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        Place(Key::new(0x4000_0000 | (std::process::id() & 0xf_ffff) << 8 | number).unwrap())
    }

    fn queue(&self) -> Option<Queue> {
        Queue::open(self.0, Access::Find).ok()
    }

    fn start(&self, program: PathBuf) -> Running {
        // One that sleeps for ever is a failure, not a test that never ends.
        let mut timeout = Command::new("timeout");
        let mut child = timeout.arg("60").arg(program).arg(self.0.to_string()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Running { child, lines }
    }

    /// All that a program prints, which ends by itself.
    fn run(&self, program: PathBuf) -> Vec<String> {
        self.start(program).end()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(queue) = self.queue() {
            let _ = queue.remove();
        }
    }
}

struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.lines.read_line(&mut line).unwrap() > 0, "it has ended");
        line.trim_end().to_owned()
    }

    fn end(mut self) -> Vec<String> {
        let lines = self.lines.by_ref().lines().collect::<Result<_, _>>().unwrap();
        assert!(self.child.wait().unwrap().success(), "{lines:?}");
        lines
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What an example's documentation says it prints.
fn transcript(name: &str) -> Vec<String> {
    let source = fs::read_to_string(format!("{FOLDER}/examples/{name}.rs")).unwrap();
    let documentation: Vec<&str> =
        source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim_start).collect();
    let mut lines = documentation.into_iter().skip_while(|line| *line != "```text").skip(1);
    let command = format!("$ cargo run --quiet --package shared --example {name}");
    assert_eq!(lines.next(), Some(command.as_str()));
    lines.take_while(|line| *line != "```").map(str::to_owned).collect()
}

/// Asserts that an example printed what its documentation says, with other numbers where these are another in each run.
#[track_caller]
fn printed(name: &str, lines: &[String], varying: &[&str]) {
    let mut expected = transcript(name);
    for (line, expected) in lines.iter().zip(&mut expected) {
        if varying.iter().any(|part| expected.contains(part)) {
            *expected = with_numbers_of(expected, line);
        }
    }
    assert_eq!(lines, expected);
}

/// A text with each of its numbers in the place of the other's.
fn with_numbers_of(text: &str, other: &str) -> String {
    let mut numbers = other.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty());
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let end = rest[start..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |length| start + length);
        result += &rest[..start];
        result += numbers.next().unwrap_or_default();
        rest = &rest[end..];
    }
    result + rest
}

#[test]
fn a_process_mails_itself() {
    let place = Place::new();
    printed("mailbox", &place.run(example("mailbox")), &["queue 32768"]);
}

#[test]
fn a_server_prints_what_a_client_sends_and_removes_the_queue() {
    let place = Place::new();
    let mut server = place.start(example("server"));
    let waiting = server.line();
    let sent = place.run(example("client"));
    let lines: Vec<String> = [waiting].into_iter().chain(server.end()).collect();
    printed("client", &sent, &["process"]);
    printed("server", &lines, &["key 1234", "process"]);
    assert_eq!(lines[1].replace("received", "sent"), sent[0]);
    assert!(place.queue().is_none());
}

#[test]
fn server_and_client_work_with_their_peers_in_c() {
    let place = Place::new();
    let mut server = place.start(example("server"));
    server.line();
    assert_eq!(place.run(peer("client")), [""; 0]);
    assert_eq!(server.end()[0], "received: type 1, \"Hello from C\"");
    let mut server = place.start(peer("server"));
    server.line();
    let sent = place.run(example("client"));
    assert_eq!(server.end(), [sent[0].replace("sent", "received")]);
    assert!(place.queue().is_none());
}

#[test]
fn each_client_gets_its_own_answer() {
    let place = Place::new();
    let mut server = place.start(example("reply_server"));
    let mut lines = vec![server.line()];
    let clients: Vec<Running> = (0..5).map(|_| place.start(example("reply_client"))).collect();
    for client in clients {
        printed("reply_client", &client.end(), &["asks"]);
    }
    lines.extend((0..5).map(|_| server.line()));
    place.queue().unwrap().remove().unwrap();
    lines.extend(server.end());
    lines.drain(2..6);
    printed("reply_server", &lines, &["key 1234", "asks"]);
}

#[test]
fn reply_server_and_client_work_with_their_peers_in_c() {
    let place = Place::new();
    let mut server = place.start(example("reply_server"));
    server.line();
    assert_eq!(place.run(peer("reply_client")), ["answer: 3"]);
    place.queue().unwrap().remove().unwrap();
    server.end();
    let mut server = place.start(peer("reply_server"));
    server.line();
    assert_eq!(place.run(example("reply_client"))[1], "answer: from C");
    place.queue().unwrap().remove().unwrap();
    server.end();
}

#[test]
fn a_request_that_is_none_does_not_stop_the_reply_server() {
    let place = Place::new();
    let mut server = place.start(example("reply_server"));
    server.line();
    assert_eq!(place.run(peer("client")), [""; 0]);
    assert!(server.line().starts_with("no request: type 1, 13 bytes"));
    assert_eq!(place.run(example("reply_client"))[1], "answer: 23");
    place.queue().unwrap().remove().unwrap();
    server.end();
}

#[test]
fn what_is_urgent_is_served_first_though_sent_last() {
    for client in [example("priority_client"), peer("priority_client")] {
        for server in [example("priority_server"), peer("priority_server")] {
            let place = Place::new();
            let sent = place.run(client.clone());
            if !sent.is_empty() {
                printed("priority_client", &sent, &[]);
            }
            let mut served = place.run(server);
            // The one in C says nothing of the removal.
            served.resize(7, "queue removed".into());
            printed("priority_server", &served, &[]);
            assert!(place.queue().is_none());
        }
    }
}

#[test]
fn the_monitor_sees_an_empty_queue_and_then_the_client_as_its_last_sender() {
    let place = Place::new();
    let mut server = place.start(peer("reply_server"));
    server.line();
    let empty = place.run(example("monitor"));
    let expected = ["msg_qnum    0 messages", "msg_cbytes  0 bytes", "msg_qbytes  16384 bytes at most"];
    let limit = fs::read_to_string("/proc/sys/kernel/msgmnb").unwrap();
    assert_eq!(empty[1..4], expected.map(|line| line.replace("16384", limit.trim())));
    assert_eq!(
        empty[4..8],
        [
            "msg_lspid   nobody sent last",
            "msg_lrpid   nobody received last",
            "msg_stime   never sent",
            "msg_rtime   never received"
        ]
    );
    drop(server);
    let place = Place::new();
    let routine = place.run(peer("priority_client"));
    assert_eq!(routine, [""; 0]);
    let sent = place.run(example("client"));
    let pid = sent[0].trim_end_matches('"').rsplit(' ').next().unwrap();
    let told = place.run(example("monitor"));
    assert_eq!(told[1], "msg_qnum    7 messages");
    assert_eq!(told[4], format!("msg_lspid   {pid} sent last"));
    printed(
        "monitor",
        &told,
        &["queue", "msg_qnum", "msg_cbytes", "msg_qbytes", "msg_lspid", "msg_stime", "msg_ctime"],
    );
}
