//! What the tests of all calls share.

use std::{
    fmt::Debug,
    fs::{self, File},
    io::{self, Read, Write},
    os::fd::AsFd,
    panic::resume_unwind,
    process::{Command, Stdio},
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};

use libc::c_long;
use rustix::{
    process::{Pid, Signal, geteuid, kill_process},
    thread::{LinkNameSpaceType, gettid, move_into_link_name_space},
};
use shared::{Error, Message, MessageType, Mode, Oversize, OwnedQueue, Permissions, Queue, Select};
use signal_hook::{consts::SIGUSR1, flag};
pub(crate) use testing::{as_user, become_user, key, wait_until};

pub(crate) const MODE: Mode = Mode::new(0o600).unwrap();

/// Users without privileges, each in the group with the same number only.
pub(crate) const USER: u32 = 60_001;
pub(crate) const SECOND_USER: u32 = 60_002;
pub(crate) const THIRD_USER: u32 = 60_003;

/// Asserts that a call fails with this error and errno.
macro_rules! assert_fails {
    ($call:expr, $meaning:ident, $errno:ident) => {
        match $call {
            Err(error @ shared::Error::$meaning(_)) => {
                assert_eq!(crate::common::errno(&error), Some(libc::$errno), "{error}");
            }
            other => panic!(
                "{} expected of {}: {other:?}",
                stringify!($meaning),
                stringify!($call)
            ),
        }
    };
}

pub(crate) fn errno(error: &Error) -> Option<i32> {
    std::error::Error::source(error)?
        .downcast_ref::<io::Error>()?
        .raw_os_error()
}

pub(crate) fn queue() -> OwnedQueue {
    Queue::private(MODE).unwrap()
}

pub(crate) fn queue_with(mode: u16) -> OwnedQueue {
    Queue::private(Mode::new(mode).unwrap()).unwrap()
}

/// Changes only the mode of a queue.
pub(crate) fn set_mode(queue: &Queue, bits: u16) {
    let before = queue.status().unwrap().permissions;
    let mode = Mode::new(bits).unwrap();
    let permissions = Permissions { mode, ..before };
    queue.set_permissions(permissions).unwrap();
}

pub(crate) fn message_type(number: c_long) -> MessageType {
    MessageType::new(number).unwrap()
}

pub(crate) fn message(number: c_long, text: &[u8]) -> Message {
    Message::new(message_type(number), text).unwrap()
}

pub(crate) fn send(queue: &Queue, number: c_long, text: &[u8]) {
    queue.try_send(&message(number, text)).unwrap();
}

/// Receives into a buffer of two bytes, waiting for a message.
pub(crate) fn receive_two(queue: &Queue) -> Result<Message<2>, Error> {
    queue.receive(Select::Any, Oversize::Keep)
}

pub(crate) fn take(queue: &Queue, select: Select) -> Result<Message, Error> {
    queue.try_receive(select, Oversize::Keep)
}

/// All messages in the queue, by type and text. Removes them.
pub(crate) fn drain(queue: &Queue) -> Vec<(c_long, Vec<u8>)> {
    let mut messages = Vec::new();
    loop {
        match take(queue, Select::Any) {
            Ok(message) => messages.push((message.message_type().get(), message.text().to_owned())),
            Err(Error::Empty(_)) => return messages,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A limit of sysvipc(7): `msgmax`, `msgmnb` or `msgmni`.
pub(crate) fn kernel(limit: &str) -> u64 {
    fs::read_to_string(format!("/proc/sys/kernel/{limit}"))
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

/// Asserts that a time in a status is not before `start`.
pub(crate) fn assert_since(start: SystemTime, time: Option<SystemTime>) {
    let time = time.expect("a time");
    // The kernel cuts it to whole seconds, of a clock that may be a tick behind.
    assert!(
        time + Duration::from_secs(2) > start && time <= SystemTime::now(),
        "{time:?}, not since {start:?}"
    );
}

/// The results of the threads. If one panics the test ends, and its queues, which ends calls that sleep in the others.
pub(crate) fn join_all<T>(mut threads: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut results = Vec::new();
    while !threads.is_empty() {
        wait_until("a thread ends", || {
            threads.iter().any(JoinHandle::is_finished)
        });
        for finished in threads.extract_if(.., |thread| thread.is_finished()) {
            results.push(finished.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
    }
    results
}

/// Runs an action as an ordinary user: root would pass every check.
pub(crate) fn unprivileged<T: Send>(action: impl FnOnce() -> T + Send) -> T {
    if geteuid().is_root() {
        as_user(USER, action)
    } else {
        action()
    }
}

/// Runs an action in an IPC namespace of its own, with its own limits. Needs root.
pub(crate) fn in_new_ipc_namespace<T: Send>(action: impl FnOnce() -> T + Send) -> T {
    let mut holder = Command::new("unshare")
        .args(["--ipc", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("unshare(1) of util-linux");
    // When cat(1) writes the line, unshare(1) is done.
    holder.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    holder
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut [0])
        .expect("unshare(1) needs root");
    let namespace = File::open(format!("/proc/{}/ns/ipc", holder.id())).unwrap();
    drop(holder.stdin.take());
    holder.wait().unwrap();
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            move_into_link_name_space(
                namespace.as_fd(),
                Some(LinkNameSpaceType::InterProcessCommunication),
            )
            .unwrap();
            action()
        });
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// A thread that sleeps in a call.
pub(crate) struct Sleeper<T> {
    thread: JoinHandle<T>,
    tid: Pid,
    call: c_long,
}

impl<T: Debug + Send + 'static> Sleeper<T> {
    /// Starts `action` in a thread, and returns when it sleeps in this call (`SYS_msgsnd` or `SYS_msgrcv`).
    pub(crate) fn in_call(call: c_long, action: impl FnOnce() -> T + Send + 'static) -> Self {
        let (sender, tid) = mpsc::channel();
        let thread = thread::spawn(move || {
            sender.send(gettid()).unwrap();
            action()
        });
        let sleeper = Sleeper {
            thread,
            tid: tid.recv().unwrap(),
            call,
        };
        wait_until("the call sleeps", || sleeper.sleeps());
        sleeper
    }

    /// Lets a signal handler run during the call, and returns when the call sleeps again.
    pub(crate) fn interrupt(&self) {
        flag::register(SIGUSR1, Arc::default()).unwrap();
        let before = self.times_slept();
        wait_until("the call was interrupted and sleeps again", || {
            if self.times_slept() > before {
                return self.sleeps();
            }
            // The signal goes to the process, and prefers this thread. Two pending ones become one, so another test's can
            // replace it.
            kill_process(self.tid, Signal::USR1).unwrap();
            false
        });
    }

    pub(crate) fn join(self) -> T {
        join_all(vec![self.thread]).remove(0)
    }

    fn sleeps(&self) -> bool {
        // The number of the call comes first, and only if the thread does not run.
        self.read("syscall").split(' ').next() == Some(&self.call.to_string())
    }

    fn times_slept(&self) -> u64 {
        let status = self.read("status");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.unwrap().trim().parse().unwrap()
    }

    fn read(&self, file: &str) -> String {
        let read = fs::read_to_string(format!("/proc/self/task/{}/{file}", self.tid));
        read.unwrap_or_else(|error| panic!("the call has ended: {error}"))
    }
}
