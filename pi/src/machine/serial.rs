//! The serial console: a shell at the other end of a socket.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::Path,
    process::Child,
    time::{Duration, Instant},
};

use super::{PATIENCE, connect};
use crate::Error;

pub(super) struct Serial {
    pub(super) reader: BufReader<UnixStream>,
    pub(super) count: u32,
}

impl Serial {
    pub(super) fn connect(path: &Path, qemu: &mut Child) -> Result<Self, Error> {
        Ok(Serial {
            reader: BufReader::new(connect(path, qemu)?),
            count: 0,
        })
    }

    pub(super) fn wait_for_shell(&mut self) -> Result<(), Error> {
        // Input that is sent before the shell starts can be lost, so send it again.
        self.reader
            .get_ref()
            .set_read_timeout(Some(Duration::from_secs(1)))?;
        let start = Instant::now();
        let mut said = Vec::new();
        while start.elapsed() < PATIENCE {
            self.reader
                .get_ref()
                .write_all(b"echo the shell is '' there\n")?;
            match self.reader.read_until(b'\n', &mut said) {
                Ok(0) => return Err("QEMU ended".into()),
                // Without the quotes it is the shell's output, not an echo of the input.
                Ok(_) if String::from_utf8_lossy(&said).contains("the shell is  there") => {
                    self.reader.get_ref().set_read_timeout(Some(PATIENCE))?;
                    return Ok(());
                }
                Ok(_) | Err(_) => {}
            }
        }
        Err(format!("no shell within {PATIENCE:?}").into())
    }

    pub(super) fn run(&mut self, line: &str) -> Result<(i32, String), Error> {
        self.count += 1;
        let (begin, end) = (format!("<{}>", self.count), format!("</{}>", self.count));
        writeln!(
            self.reader.get_ref(),
            "echo '{begin}'; {{ {line}\n}} 2>&1; echo \"$? {end}\""
        )?;
        let mut said = String::new();
        let mut begun = false;
        loop {
            let mut next = Vec::new();
            let read = self.reader.by_ref().read_until(b'\n', &mut next);
            if !read.is_ok_and(|length| length > 0) {
                // No later line waits as long for the same shell.
                let _ = self.reader.get_ref().shutdown(Shutdown::Both);
                return Err(format!("{line}: does not end; output: {said}").into());
            }
            let next = String::from_utf8_lossy(&next);
            if let Some(last) = next.trim_end().strip_suffix(&end)
                && begun
            {
                let (rest, status) = last
                    .trim_end()
                    .rsplit_once('\n')
                    .unwrap_or(("", last.trim()));
                // Output without a newline at its end is on this line too.
                let (words, status) = status
                    .rsplit_once(|c: char| !c.is_ascii_digit())
                    .unwrap_or(("", status));
                return Ok((status.parse()?, said + rest + words));
            }
            if begun {
                said += &next;
            }
            // A shell may have written its prompt before it.
            begun |= next.trim_end().ends_with(&begin);
        }
    }
}
