//! QEMU's monitor, which reads the registers of the GPIO controller.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    process::Child,
};

use serde_json::{Value, json};

use super::{PATIENCE, connect};
use crate::Error;

pub(super) struct Monitor {
    pub(super) reader: BufReader<UnixStream>,
}

impl Monitor {
    pub(super) fn connect(path: &Path, qemu: &mut Child) -> Result<Self, Error> {
        let stream = connect(path, qemu)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut monitor = Monitor {
            reader: BufReader::new(stream),
        };
        monitor.execute("qmp_capabilities", &json!({}))?;
        Ok(monitor)
    }

    /// Executes a command, and returns its result. Skips greetings and events.
    pub(super) fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value, Error> {
        writeln!(
            self.reader.get_ref(),
            "{}",
            json!({ "execute": command, "arguments": arguments })
        )?;
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Err("QEMU ended".into());
            }
            let mut reply: Value = serde_json::from_str(&line)?;
            if let Some(error) = reply.get("error") {
                return Err(format!("{command}: {error}").into());
            }
            if let Some(returned) = reply.get_mut("return") {
                return Ok(returned.take());
            }
        }
    }

    /// A word of physical memory: `000000003f200034: 0x00020000`.
    pub(super) fn register(&mut self, address: u32) -> Result<u32, Error> {
        let command_line = format!("xp /1wx {address:#x}");
        let reply = self.execute(
            "human-monitor-command",
            &json!({ "command-line": command_line }),
        )?;
        let word = reply
            .as_str()
            .and_then(|line| line.trim().rsplit_once("0x"))
            .map(|(_, word)| word);
        Ok(u32::from_str_radix(
            word.ok_or_else(|| format!("{command_line}: {reply}"))?,
            16,
        )?)
    }
}
