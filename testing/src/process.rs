//! Processes, by their PIDs.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::wait_until;

/// Sends a signal.
pub fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a PID"), signal).expect("the process can be signalled");
}

/// Stops a process with SIGSTOP, and waits until all its threads are stopped: until then it can still receive a message.
pub fn stop(pid: u32) {
    signal(pid, Signal::STOP);
    wait_until_stopped(pid);
}

/// Waits until all threads of a process are stopped.
pub fn wait_until_stopped(pid: u32) {
    wait_until("the process is stopped", || {
        threads(pid, "stat")
            .iter()
            .all(|stat| stat.contains(") T "))
    });
}

/// The only child of a process: the program in unshare(1), for example.
#[must_use]
pub fn child(pid: u32) -> u32 {
    let children = threads(pid, "children").concat();
    children.trim().parse().expect("one child")
}

pub(crate) fn context_switches(pid: u32) -> Vec<u64> {
    let status = threads(pid, "status").concat();
    let lines = status.lines().filter_map(|line| line.split_once(':'));
    lines
        .filter(|(name, _)| name.ends_with("ctxt_switches"))
        .map(|(_, count)| count.trim().parse().expect("a number"))
        .collect()
}

pub(crate) fn peak_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let mut lines = status.lines();
    let peak = lines.find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix(" kB"));
    peak.and_then(|peak| peak.trim().parse().ok())
        .expect("the peak is a number")
}

/// This file of each thread.
fn threads(pid: u32, file: &str) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
    // A thread can end meanwhile.
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join(file)).ok())
        .collect()
}
