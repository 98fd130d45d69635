//! The log of the daemons: on standard error, with `log` and `env_logger`, at `info` unless `RUST_LOG` says otherwise.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod background;
mod escape;
mod rate_limit;
mod timed_writer;

pub use background::{Background, start_in_background};
pub use escape::escape;
pub use rate_limit::RateLimit;
pub use timed_writer::{PATIENCE, TimedWriter};

use std::{
    env, fs,
    io::{self, Write},
    os::unix::fs::MetadataExt,
    time::Duration,
};

use env_logger::{Builder, Target};
use log::Level;

/// Starts the log of a program: the name of its crate, and the filter without `RUST_LOG`. Under systemd the lines have the
/// priorities of sd-daemon(3), and no time, which the journal adds.
pub fn start(program: &str, default_filter: &str) {
    start_with(program, default_filter, Stderr::new().ok());
}

fn start_with(program: &str, default_filter: &str, output: Option<impl Write + Send + 'static>) {
    let mut builder = Builder::new();
    let filter = env::var("RUST_LOG")
        .ok()
        .filter(|filter| !filter.is_empty());
    builder.parse_filters(filter.as_deref().unwrap_or(default_filter));
    if is_journal() {
        builder.format(|line, record| {
            writeln!(line, "<{}>{}", priority(record.level()), record.args())
        });
    } else {
        builder.format_target(false);
    }
    if let Some(output) = output {
        builder.target(Target::Pipe(Box::new(output)));
    }
    builder.init();
    let is_silent = || !log::log_enabled!(target: program, Level::Error);
    if let Some(filter) = filter.filter(|filter| !filter.contains("off") && is_silent())
        && let Ok(mut stderr) = Stderr::new()
    {
        // Print it without the log, which is off.
        let line =
            format!("RUST_LOG={filter} logs nothing: use error, warn, info, debug, trace or off\n");
        let _ = stderr.write_all(line.as_bytes());
    }
}

/// Whether standard error is a stream to the journal: its device and inode are those in `JOURNAL_STREAM`, see systemd.exec(5).
/// The variable is inherited even if standard error is redirected.
fn is_journal() -> bool {
    let Ok(stream) = env::var("JOURNAL_STREAM") else {
        return false;
    };
    fs::metadata("/proc/self/fd/2")
        .is_ok_and(|file| stream == format!("{}:{}", file.dev(), file.ino()))
}

fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// Standard error.
///
/// A reader that stops reading must not delay commands: lines that find no room in time are dropped and counted.
#[derive(Debug)]
struct Stderr {
    output: TimedWriter,
    dropped: u64,
}

impl Stderr {
    fn new() -> io::Result<Stderr> {
        let output = TimedWriter::new(io::stderr())?;
        Ok(Stderr { output, dropped: 0 })
    }
}

/// Each write is one line.
impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let lost = match self.dropped {
            0 => String::new(),
            dropped => {
                format!("lines of the log dropped because they were not read: {dropped}\n")
            }
        };
        // Text from outside must not begin a new line or command the terminal.
        let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line));
        let text = format!("{lost}{}\n", escape(&text)).into_bytes();
        let patience = if self.dropped == 0 {
            PATIENCE
        } else {
            Duration::ZERO
        };
        self.dropped = match self.output.write_in_time(&text, patience) {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => self.dropped + 1,
            // There is no other place to report an error of the log.
            _ => 0,
        };
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
