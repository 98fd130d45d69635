//! QEMU's monitor, which reads the registers of the GPIO controller.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Child,
};

use serde_json::{Value, json};

use super::{Function, PATIENCE, Pin, connect};
use crate::Error;

/// GPIO registers of the BCM2837: from the first one on the functions of ten pins each, three bits for each; and the levels of
/// pins 0 to 31.
const GPFSEL0: u32 = 0x3f20_0000;
const GPLEV0: u32 = 0x3f20_0034;

pub(crate) struct Monitor {
    reader: BufReader<UnixStream>,
}

impl Monitor {
    pub(crate) fn socket(folder: &Path) -> PathBuf {
        folder.join("monitor")
    }

    /// Connects to the QEMU whose socket is in this folder.
    pub(crate) fn connect(folder: &Path, qemu: &mut Child) -> Result<Self, Error> {
        let stream = connect(&Monitor::socket(folder), qemu)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut monitor = Monitor {
            reader: BufReader::new(stream),
        };
        monitor.execute("qmp_capabilities", &json!({}))?;
        Ok(monitor)
    }

    /// Executes a command, and returns its result. Skips greetings and events.
    pub(crate) fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value, Error> {
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

    /// Reads the level and direction of a pin, 0 to 31.
    pub(crate) fn pin(&mut self, number: u32) -> Result<Pin, Error> {
        let functions = self.word(GPFSEL0 + number / 10 * 4)?;
        let function = match functions >> (number % 10 * 3) & 0b111 {
            0 => Function::Input,
            1 => Function::Output,
            other => Function::Other(other),
        };
        Ok(Pin {
            high: self.word(GPLEV0)? >> number & 1 == 1,
            function,
        })
    }

    /// A word of physical memory: `000000003f200034: 0x00020000`.
    pub(super) fn word(&mut self, address: u32) -> Result<u32, Error> {
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
