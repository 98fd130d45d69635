//! A program that runs.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{PATIENCE, wait_until};

/// A program that runs, and the lines of its output. It is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    out: Receiver<String>,
    log: Receiver<String>,
}

impl Running {
    /// Starts a program, and reads its standard output and standard error.
    ///
    /// # Panics
    ///
    /// It does not start.
    #[must_use]
    pub fn start(command: &mut Command) -> Running {
        Self::start_with_own_output(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    /// Starts a program without its output: reading it would take time in a measurement.
    ///
    /// # Panics
    ///
    /// It does not start.
    #[must_use]
    pub fn start_silent(command: &mut Command) -> Running {
        Self::start_with_own_output(command.stdout(Stdio::null()).stderr(Stdio::null()))
    }

    /// Starts a program with the standard output and standard error that the command sets, and reads those that are pipes.
    ///
    /// # Panics
    ///
    /// It does not start.
    #[must_use]
    pub fn start_with_own_output(command: &mut Command) -> Running {
        let mut child = command.spawn().expect("the program starts");
        let out = child.stdout.take().map_or_else(|| channel().1, lines);
        let log = child.stderr.take().map_or_else(|| channel().1, lines);
        Running { child, out, log }
    }

    /// Its PID.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line of its standard output.
    ///
    /// # Panics
    ///
    /// There is none within [`PATIENCE`].
    #[must_use]
    pub fn line(&self) -> String {
        self.out
            .recv_timeout(PATIENCE)
            .expect("a line on standard output")
    }

    /// The next line of its standard error that contains this part. Skips other lines.
    ///
    /// # Panics
    ///
    /// There is none within [`PATIENCE`].
    pub fn wait_for_log(&self, part: &str) -> String {
        self.wait_for_log_within(part, PATIENCE)
    }

    /// The same, for what takes longer.
    ///
    /// # Panics
    ///
    /// There is none within this time.
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
    ///
    /// # Panics
    ///
    /// It has been waited for already.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the child can be signalled");
    }

    /// Stops it with SIGSTOP, and waits until all its threads are stopped: until then it can still receive a message.
    ///
    /// # Panics
    ///
    /// It has ended.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
        self.wait_until_stopped();
    }

    /// Waits until all its threads are stopped.
    ///
    /// # Panics
    ///
    /// It has ended.
    pub fn wait_until_stopped(&self) {
        let is_stopped = |task: fs::DirEntry| {
            let stat =
                fs::read_to_string(task.path().join("stat")).expect("a task has a stat file");
            stat.contains(") T ")
        };
        let tasks =
            || fs::read_dir(format!("/proc/{}/task", self.pid())).expect("the process runs");
        wait_until("the process is stopped", || {
            tasks().all(|task| is_stopped(task.expect("the task is readable")))
        });
    }

    /// The voluntary and the involuntary context switches of each of its threads, see proc_pid_status(5).
    ///
    /// # Panics
    ///
    /// It has ended.
    #[must_use]
    pub fn context_switches(&self) -> Vec<u64> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("the process runs");
        let status = |task: io::Result<fs::DirEntry>| {
            fs::read_to_string(task.expect("the task is readable").path().join("status"))
                .expect("the task runs")
        };
        let statuses: Vec<String> = tasks.map(status).collect();
        let lines = statuses
            .iter()
            .flat_map(|status| status.lines())
            .filter(|line| line.contains("ctxt_switches:"));
        lines
            .map(|line| {
                line.split_whitespace()
                    .last()
                    .and_then(|count| count.parse().ok())
                    .expect("a count")
            })
            .collect()
    }

    /// Kills it with SIGKILL, and waits for its end.
    pub fn kill(mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }

    /// Whether it still runs.
    ///
    /// # Panics
    ///
    /// waitpid(2) fails.
    pub fn is_running(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("the child can be waited for")
            .is_none()
    }

    /// Waits for its end. Returns the exit status, and the lines of standard output and standard error that were not read
    /// before.
    ///
    /// # Panics
    ///
    /// It does not end within [`PATIENCE`].
    #[must_use]
    pub fn wait(mut self) -> (ExitStatus, Vec<String>, Vec<String>) {
        wait_until("the program ends", || !self.is_running());
        let status = self.child.wait().expect("the child can be waited for");
        (status, self.out.iter().collect(), self.log.iter().collect())
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
