//! Lists the queues that exist: `/proc/sysvipc/msg`, see proc(5).

use std::{fs, io};

use libc::key_t;

use super::Queue;

impl Queue {
    /// The keys of all queues in this IPC namespace, in the kernel's order; 0 for a private one.
    ///
    /// # Errors
    ///
    /// Those of reading `/proc/sysvipc/msg`, for instance ENOENT without `/proc`.
    pub fn keys() -> io::Result<Vec<key_t>> {
        let list = fs::read_to_string("/proc/sysvipc/msg")?;
        let key = |line: &str| line.split_whitespace().next()?.parse().ok();
        Ok(list.lines().skip(1).filter_map(key).collect())
    }
}
