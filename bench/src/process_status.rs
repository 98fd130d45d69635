//! The memory of a process, in bytes.

use std::fs;

/// The peak of its resident memory, see proc_pid_status(5).
pub(crate) fn peak_memory(pid: u32) -> f64 {
    field(&format!("/proc/{pid}/status"), "VmHWM:")
}

/// Its resident memory, with shared pages divided among the processes that share them, see proc_pid_smaps(5).
pub(crate) fn proportional_memory(pid: u32) -> f64 {
    field(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
}

/// A field in kB.
fn field(file: &str, name: &str) -> f64 {
    let text = fs::read_to_string(file).expect("the process runs");
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    1024.
        * value
            .and_then(|value| value.split_ascii_whitespace().next()?.parse::<f64>().ok())
            .expect("it has the field")
}
