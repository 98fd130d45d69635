//! The log: on standard error, by `log` and `env_logger`, at `info` unless `RUST_LOG` says otherwise.

use std::{env, fs, io::Write, os::unix::fs::MetadataExt};

use env_logger::{Builder, Target};
use log::Level;

use crate::screen::Log;

/// Starts the log. Under systemd its lines carry the priorities of sd-daemon(3) and no time, which the journal adds.
pub fn start() {
    let mut builder = Builder::new();
    // Set and empty is as good as not set.
    let filter = env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty());
    builder.parse_filters(filter.as_deref().unwrap_or("info"));
    if is_journal() {
        builder.format(|line, record| writeln!(line, "<{}>{}", priority(record.level()), record.args()));
    } else {
        builder.format_target(false);
    }
    builder.target(Target::Pipe(Box::<Log>::default())).init();
    if let Some(filter) = filter.filter(|filter| !filter.contains("off") && !log::log_enabled!(Level::Error)) {
        let mut stderr = Log::default();
        // As good as the log itself: there is nowhere else to say it.
        let _ = writeln!(stderr, "RUST_LOG={filter} logs nothing: it is none of error, warn, info, debug, trace, off");
    }
}

/// Whether standard error is the stream that systemd connected to the journal, as systemd.exec(5) has it told: its
/// device and inode are those in `JOURNAL_STREAM`, which processes inherit even when they redirect the stream.
fn is_journal() -> bool {
    let Ok(stream) = env::var("JOURNAL_STREAM") else { return false };
    fs::metadata("/proc/self/fd/2").is_ok_and(|file| stream == format!("{}:{}", file.dev(), file.ino()))
}

fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}
