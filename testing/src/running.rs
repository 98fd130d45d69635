//! A program that runs.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{Outcome, PATIENCE, process, wait_until};

/// A program that runs, and the lines of its output. It is killed when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Running {
    child: Child,
    out: Receiver<String>,
    log: Receiver<String>,
}

impl Running {
    /// Starts a program, and reads its standard output and standard error.
    pub fn start(command: &mut Command) -> Running {
        Self::start_with_own_output(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    /// Starts a program without its output: reading it would take time in a measurement.
    pub fn start_silent(command: &mut Command) -> Running {
        Self::start_with_own_output(command.stdout(Stdio::null()).stderr(Stdio::null()))
    }

    /// Starts a program with the standard output and standard error that the command sets, and reads those that are pipes.
    pub fn start_with_own_output(command: &mut Command) -> Running {
        let mut child = command.spawn().expect("the program starts");
        let out = child.stdout.take().map_or_else(|| channel().1, lines);
        let log = child.stderr.take().map_or_else(|| channel().1, lines);
        Running { child, out, log }
    }

    /// Waits until it is a controller that serves.
    pub fn when_ready(self) -> Running {
        self.wait_for_log("ready");
        self
    }

    /// Its PID.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line of its standard output. There must be one within [`PATIENCE`].
    #[track_caller]
    pub fn line(&self) -> String {
        self.out
            .recv_timeout(PATIENCE)
            .expect("a line on standard output")
    }

    /// The next line of its standard error that contains this part. Skips other lines. There must be one within [`PATIENCE`].
    #[track_caller]
    pub fn wait_for_log(&self, part: &str) -> String {
        self.wait_for_log_within(part, PATIENCE)
    }

    /// The same, for what takes longer.
    #[track_caller]
    pub fn wait_for_log_within(&self, part: &str, patience: Duration) -> String {
        let (start, mut skipped) = (Instant::now(), String::new());
        loop {
            match self
                .log
                .recv_timeout(patience.saturating_sub(start.elapsed()))
            {
                Ok(line) if line.contains(part) => return line,
                Ok(line) => skipped += &(line + "\n"),
                Err(_) => panic!("not logged: {part:?}; the log:\n{skipped}"),
            }
        }
    }

    /// The lines of its standard error that were not read before, each with its end.
    pub fn logged(&self) -> impl Iterator<Item = String> {
        self.log.try_iter().map(|line| line + "\n")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        process::signal(self.pid(), signal);
    }

    /// Stops it, see [`process::stop`].
    pub fn stop(&self) {
        process::stop(self.pid());
    }

    /// The voluntary and the involuntary context switches of each of its threads, see proc_pid_status(5).
    pub fn context_switches(&self) -> Vec<u64> {
        process::context_switches(self.pid())
    }

    /// The most memory that it has used, in kB.
    pub fn peak_memory(&self) -> u64 {
        process::peak_memory(self.pid())
    }

    /// Kills it with SIGKILL, and waits for its end.
    pub fn kill(mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("the child can be waited for")
            .is_none()
    }

    /// Waits for its end, at most for [`PATIENCE`]. Returns the lines of standard output and standard error that were not read
    /// before.
    #[must_use]
    #[track_caller]
    pub fn wait(mut self) -> Outcome {
        wait_until("the program ends", || !self.is_running());
        let status = self.child.wait().expect("the child can be waited for");
        let all = |lines: &Receiver<String>| lines.iter().map(|line| line + "\n").collect();
        Outcome {
            code: status.code(),
            out: all(&self.out),
            err: all(&self.log),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
