//! The log, as the journal or a person reads it.

use std::process::Command;

use testing::Running;

use super::node::Node;

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
