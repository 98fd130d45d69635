//! The real programs, tried from outside: started as processes, spoken to through real queues, read by what they print.
#![forbid(unsafe_code)]

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio, id},
    sync::{
        Arc, Once, OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, kill_process};
use shared::{Access, Key, Message, MessageType, Queue};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT},
    flag,
};
use tempfile::TempDir;

pub use rustix::process::Signal;

/// How long anything may take before it counts as never happening: long, for machines that are shared.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Users without a name or any right here.
pub const STRANGER: u32 = 54_321;
/// Another one.
pub const OTHER_STRANGER: u32 = 54_322;

/// Waits until something is so.
///
/// # Panics
///
/// It never is.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// How often a thing is tried that may fail at one instant in many: as often as `$LED_ROUNDS` says, which is `endure` for
/// `make endure` and `test` for `make test`; without it a tenth of that, for `cargo test`.
///
/// # Panics
///
/// `$LED_ROUNDS` is another word.
#[must_use]
pub fn rounds(test: usize, endure: usize) -> usize {
    match env::var("LED_ROUNDS").as_deref() {
        Ok("endure") => endure,
        Ok("test") => test,
        Ok(other) => panic!("LED_ROUNDS is {other}: use test or endure, or leave it out"),
        Err(_) => test.div_ceil(10),
    }
}

/// Numbers that look random and are the same in each run.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next one, below this.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// The folder with both programs: the one that `LED_PROGRAMS` names, or else they are built in the profile of this test.
///
/// # Panics
///
/// They cannot be built.
pub fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        if let Some(folder) = env::var_os("LED_PROGRAMS") {
            return folder.into();
        }
        // target/PROFILE/deps/TEST
        let test = env::current_exe().expect("a test knows its own path");
        let folder = test.ancestors().nth(2).expect("a test is in target/PROFILE/deps").to_owned();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "controller", "--package", "command"]);
        build.arg("--manifest-path").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
        build.arg("--target-dir").arg(folder.parent().expect("target is above the profile"));
        if folder.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo starts").success(), "the programs do not build");
        folder
    })
}

/// Has the programs begin with the default action for each signal, also where the tests run under nohup(1) or in the background
/// of a script, which leaves them ignored: a signal with a handler has its default action in a new program.
fn unignore_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let status = fs::read("/proc/self/status").expect("/proc is mounted");
        let status = String::from_utf8_lossy(&status);
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("it has a mask");
        let mask = u64::from_str_radix(mask.trim(), 16).expect("it is hexadecimal");
        for signal in [SIGHUP, SIGINT, SIGQUIT].into_iter().filter(|signal| mask >> (signal - 1) & 1 == 1) {
            // The tests themselves go on ignoring it.
            flag::register(signal, Arc::default()).expect("a handler");
        }
    });
}

/// A key and a runtime directory of its own, for one test. What is left under the key goes when this does.
#[derive(Debug)]
pub struct Place {
    /// The key of the command queue.
    pub key: Key,
    directory: TempDir,
}

impl Place {
    /// A place that no other test is at.
    ///
    /// # Panics
    ///
    /// There can be no temporary directory.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each one is another")]
    pub fn new() -> Place {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        unignore_signals();
        let free = |key: &Key| Queue::open(*key, Access::Find).is_err();
        let key = std::iter::repeat_with(|| {
            // Two keys for its queues, and two that none has: a client looks at the keys beside its own.
            let number = COUNTER.fetch_add(4, Ordering::Relaxed);
            Key::new(0x2000_0000 | (id() & 0xffff) << 12 | (number & 0xfff)).expect("neither 0 nor the last one")
        });
        let key = key.into_iter().find(|key| free(key) && free(&key.reply())).expect("keys do not run out");
        let directory = tempfile::Builder::new().prefix("led-").tempdir().expect("a temporary directory");
        // For processes of other users too.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).expect("it is ours");
        Place { key, directory }
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// One of the programs with `--key`, as this or another user.
    ///
    /// # Panics
    ///
    /// It cannot be copied to where the other user may execute it.
    #[must_use]
    pub fn program(&self, name: &str, user: Option<u32>) -> Command {
        let mut program = programs().join(name);
        if user.is_some() {
            let copy = self.path().join(name);
            if !copy.exists() {
                // By another process: a descriptor that we hold for writing while another test forks makes it busy.
                let copied = Command::new("cp").arg(&program).arg(&copy).status();
                assert!(copied.is_ok_and(|status| status.success()), "the program can be copied");
            }
            program = copy;
        }
        let mut command = Command::new(program);
        self.bring(&mut command);
        if let Some(user) = user {
            command.uid(user).gid(user).current_dir("/");
        }
        command
    }

    /// Gives a program this key and runtime directory, and nothing of those who run the tests.
    pub fn bring(&self, program: &mut Command) {
        program.arg("--key").arg(self.key.to_string()).stdin(Stdio::null());
        program.env_remove("RUST_LOG").env("LED_LOCK_DIRECTORY", self.path());
    }

    /// A simulated controller with these options, ready to serve.
    #[must_use]
    pub fn controller(&self, options: &[&str]) -> Running {
        let mut controller = self.program("controller", None);
        let running = Running::start(controller.arg("--simulate").args(options));
        running.wait_for_log("ready");
        running
    }

    /// What `command` does with these arguments.
    ///
    /// # Panics
    ///
    /// It does not start.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Outcome {
        self.program("command", None).args(arguments).output().expect("command starts").into()
    }

    /// Asserts what `command status` says the LED does.
    ///
    /// # Panics
    ///
    /// It does something else.
    #[track_caller]
    pub fn led_is(&self, state: &str) {
        let outcome = self.command(&["status"]);
        let (said, queue) = outcome.out.split_once(" (").expect("the state stands before the queue");
        assert_eq!((outcome.code, said, outcome.err.as_str()), (Some(0), state, ""));
        assert!(queue.starts_with(&format!("queue {}: ", self.key)) && queue.ends_with(")\n"), "{queue}");
    }

    /// The command queue as a client opens it.
    ///
    /// # Panics
    ///
    /// There is none.
    #[must_use]
    pub fn queue(&self) -> Queue {
        Queue::open(self.key, Access::Send).expect("the controller has made its queue")
    }

    /// Sends a message as any client may.
    ///
    /// # Panics
    ///
    /// There is no queue, or it is not a message.
    pub fn send(&self, message_type: i64, text: &[u8]) {
        let message_type = MessageType::new(message_type).expect("a positive type");
        let message: Message<8192> = Message::new(message_type, text).expect("at most 8192 bytes");
        self.queue().send(&message).expect("the queue takes it");
    }

    /// Code that a document shows, with the keys of this place for the ones that everybody has.
    ///
    /// # Panics
    ///
    /// It does not use them.
    #[must_use]
    pub fn with_own_keys(&self, code: &str) -> String {
        assert!(code.contains("1234"), "{code}");
        code.replace("1234", &self.key.to_string()).replace("1235", &self.key.reply().to_string())
    }

    /// Writes a file.
    ///
    /// # Panics
    ///
    /// It cannot be written.
    #[must_use]
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).expect("it is ours");
        path
    }

    /// The program that a compiler makes of this C, if it has nothing to remark.
    ///
    /// # Panics
    ///
    /// There is no compiler, or it has.
    #[must_use]
    pub fn compile(&self, code: &str) -> PathBuf {
        let (source, program) = (self.write("client.c", code), self.path().join("client"));
        let mut compiler = Command::new("cc");
        compiler.args(["-Wall", "-Wextra", "-Werror", "-o"]).arg(&program).arg(source);
        let compiled = Outcome::from(compiler.output().expect("there is a compiler"));
        assert_eq!(compiled.code, Some(0), "{}", compiled.err);
        program
    }

    /// The lock of the command queue, or its record, by the name's ending.
    ///
    /// # Panics
    ///
    /// /proc is not mounted.
    #[must_use]
    pub fn lock_file(&self, extension: &str) -> PathBuf {
        let namespace = fs::metadata("/proc/self/ns/ipc").expect("/proc is mounted").ino();
        self.path().join(format!("{}-{namespace}.{extension}", self.key))
    }

    /// Whether neither queue is there.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        [self.key, self.key.reply()].iter().all(|&key| Queue::open(key, Access::Find).is_err())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for key in [self.key, self.key.reply()] {
            if let Ok(queue) = Queue::open(key, Access::Find) {
                let _ = queue.remove();
            }
        }
    }
}

/// What a program left: its exit status and what it printed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The exit status; none after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Outcome { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Outcome {
    /// Asserts that it went well and printed this line alone.
    ///
    /// # Panics
    ///
    /// It did not.
    #[track_caller]
    pub fn printed(&self, line: &str) {
        assert_eq!((self.code, self.out.as_str(), self.err.as_str()), (Some(0), format!("{line}\n").as_str(), ""));
    }

    /// Asserts that it failed with this exit status, printed nothing, and said all of this.
    ///
    /// # Panics
    ///
    /// It did not.
    #[track_caller]
    pub fn failed(&self, code: i32, said: &[&str]) {
        assert_eq!(self.out, "");
        self.failed_after(code, "", said);
    }

    /// Asserts that it printed something that begins so, and then failed with this exit status and said all of this.
    ///
    /// # Panics
    ///
    /// It did not.
    #[track_caller]
    pub fn failed_after(&self, code: i32, begin: &str, said: &[&str]) {
        assert_eq!((self.code, self.out.starts_with(begin)), (Some(code), true), "{}{}", self.out, self.err);
        for part in said {
            assert!(self.err.contains(part), "{part:?} is not in {:?}", self.err);
        }
    }
}

/// A process and what it prints, line by line. It is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    out: Receiver<String>,
    log: Receiver<String>,
}

impl Running {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// It does not start.
    #[must_use]
    pub fn start(command: &mut Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let out = lines(child.stdout.take().expect("it is piped"));
        let log = lines(child.stderr.take().expect("it is piped"));
        Running { child, out, log }
    }

    /// Starts it with nobody to read what it prints: a reader would take time from who measures it.
    ///
    /// # Panics
    ///
    /// It does not start.
    #[must_use]
    pub fn quietly(command: &mut Command) -> Running {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
        Running { child, out: channel().1, log: channel().1 }
    }

    /// Its PID.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line on its standard output.
    ///
    /// # Panics
    ///
    /// There is none.
    #[must_use]
    pub fn line(&self) -> String {
        self.out.recv_timeout(PATIENCE).expect("a line on standard output")
    }

    /// The next line of its log that contains this; those before it are passed over.
    ///
    /// # Panics
    ///
    /// There is none.
    pub fn wait_for_log(&self, part: &str) -> String {
        let mut passed = String::new();
        loop {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(part) => return line,
                Ok(line) => passed += &(line + "\n"),
                Err(_) => panic!("never logged: {part:?}; but:\n{passed}"),
            }
        }
    }

    /// Sends it a signal.
    ///
    /// # Panics
    ///
    /// It has been waited for already.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid().cast_signed()).expect("a child has a positive PID");
        kill_process(pid, signal).expect("it is our child");
    }

    /// Stops it, and waits until it stands still: a message that comes earlier may still reach it.
    ///
    /// # Panics
    ///
    /// It has ended.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
        self.wait_until_stopped();
    }

    /// Waits until it stands still.
    ///
    /// # Panics
    ///
    /// It has ended.
    pub fn wait_until_stopped(&self) {
        let stands_still = |task: fs::DirEntry| {
            let stat = fs::read_to_string(task.path().join("stat")).expect("a task has a stat");
            stat.contains(") T ")
        };
        let tasks = || fs::read_dir(format!("/proc/{}/task", self.pid())).expect("it runs");
        wait_until("it stands still", || tasks().all(|task| stands_still(task.expect("a task"))));
    }

    /// Kills it as nothing can catch.
    pub fn kill(mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }

    /// Whether it still runs.
    ///
    /// # Panics
    ///
    /// The system does not say.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    /// Waits for its end, and says what it had not yet been asked for: exit status, output, log.
    ///
    /// # Panics
    ///
    /// It does not end.
    #[must_use]
    pub fn end(mut self) -> (ExitStatus, Vec<String>, Vec<String>) {
        wait_until("the program ends", || !self.is_running());
        let status = self.child.wait().expect("it is our child");
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
