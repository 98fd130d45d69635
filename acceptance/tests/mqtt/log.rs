//! The log, as the journal or a person reads it.

use std::{
    io::{PipeReader, Write},
    process::{Command, Stdio},
};

use rustix::fs::{OFlags, fcntl_setfl};
use testing::{Running, Signal, mqtt::Broker, wait_until};

use super::{
    AVAILABILITY, SET,
    node::{Node, Online, end},
};
use crate::stall::small_pipe;

#[test]
fn lines_have_priorities_only_if_standard_error_is_the_stream_to_the_journal() {
    // Nothing listens on this port.
    let node = Node::new("mqtt://127.0.0.1:1", "", &[]);
    for (descriptor, begin) in [(2, "<4>no connection to "), (0, "[2")] {
        let script = format!(
            "JOURNAL_STREAM=$(stat --dereference --format %d:%i /proc/self/fd/{descriptor}) exec \"$0\" \"$@\""
        );
        let program = node.program();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &script])
            .arg(program.get_program())
            .args(program.get_args())
            .env_remove("RUST_LOG")
            .env("LED_LOCK_DIRECTORY", node.leds[0].path())
            .stdin(std::process::Stdio::null());
        let line = Running::start(&mut shell).wait_for_log("no connection to ");
        assert!(line.starts_with(begin), "descriptor {descriptor}: {line:?}");
    }
}

/// A pipe without room, and its reader, which does not read.
pub(crate) fn full_pipe(flags: OFlags) -> (PipeReader, Stdio) {
    let (reader, mut writer, size) = small_pipe();
    writer.write_all(&vec![b'x'; size]).unwrap();
    fcntl_setfl(&writer, flags).unwrap();
    (reader, writer.into())
}

#[test]
#[ignore = "needs mosquitto"]
fn a_log_that_is_not_read_holds_nothing_up() {
    let broker = Broker::start();
    let mut client = broker.watch();
    let node = Node::new(&broker.url(), "", &[]);
    let _controller = node.controller(0, &[]);
    let (_reader, log) = full_pipe(OFlags::empty());
    let mut program = node.program();
    let mut bridge = Running::start_with_own_output(program.stdout(Stdio::null()).stderr(log));
    client.wait_for(AVAILABILITY, "online");
    for payload in ["ON", "DIM", "OFF"].repeat(50) {
        client.publish(SET, payload);
    }
    assert_eq!(client.ask(SET, "ON"), "OK ON");
    bridge.signal(Signal::TERM);
    client.wait_for(AVAILABILITY, "offline");
    wait_until("it ends", || !bridge.is_running());
}

#[test]
fn a_wrong_configuration_has_its_exit_status_if_nobody_reads_why() {
    let node = Node::configured("broker = 5");
    for flags in [OFlags::empty(), OFlags::NONBLOCK] {
        let (_reader, log) = full_pipe(flags);
        let mut program = node.program();
        let status = program.stdout(Stdio::null()).stderr(log).status().unwrap();
        assert_eq!(status.code(), Some(78), "{flags:?}");
    }
}

/// How many are too few depends on those that the tests have inherited.
#[test]
fn too_few_file_descriptors_are_an_error() {
    let node = Node::new("mqtt://127.0.0.1:1", "", &[]);
    let with_limit = |limit: u32| {
        let close = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-";
        let script = format!("{close}; ulimit -n {limit}; exec \"$0\" \"$@\"");
        let program = node.program();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &script])
            .arg(program.get_program())
            .arg("--node");
        shell.args(program.get_args());
        testing::Outcome::of(&mut shell)
    };
    let enough = (6..).find(|&limit| {
        let outcome = with_limit(limit);
        if outcome.code != Some(0) {
            outcome.assert_failed(1, &["led-mqtt: cannot start: Too many open files"]);
        }
        outcome.code == Some(0)
    });
    assert!(enough > Some(6));
}

#[test]
#[ignore = "needs mosquitto"]
fn what_others_write_begins_no_line_and_commands_no_terminal() {
    let mut online = Online::start();
    let mut client = testing::mqtt::Client::connect(online.broker.address, &[]);
    for payload in [
        "{\"state\":\"\\n<0>forged\\n<6>x\\u001b[2J\"}",
        "{\"\\n<0>forged\":1,\"brightness\":\"\\n<0>forged\\u001b[2J\"}",
        "{\"state\":\"ON\",\"effect\":\"\\n<0>forged\u{1b}[2J\"}",
        "\n<0>forged\u{1b}[2J",
    ] {
        client.publish(SET, payload);
    }
    // Behind all of them.
    assert_eq!(online.client.ask(SET, "STATUS"), "OK OFF");
    let log = end(online.bridge, Signal::TERM);
    assert!(log.contains("refused"), "{log}");
    assert!(log.lines().all(|line| line.starts_with("[2")), "{log}");
    assert!(
        !log.contains(|c: char| c.is_control() && c != '\n'),
        "{log}"
    );
}
