//! Acting as another user, which needs root.

use std::{panic::resume_unwind, thread};

use rustix::thread::{Gid, Uid, set_thread_gid, set_thread_groups, set_thread_uid};

/// A user without a name, a group or a permission on this machine.
pub const OTHER_USER: u32 = 54_321;
/// Another such user.
pub const THIRD_USER: u32 = 54_322;

/// Changes the user of the calling thread for good, with the group of the same number and no other. The kernel keeps
/// credentials for each thread; only the C library changes those of all threads together.
pub fn become_user(user: u32) {
    set_thread_groups(&[]).expect("tests with other users run as root");
    set_thread_gid(Gid::from_raw(user)).expect("tests with other users run as root");
    set_thread_uid(Uid::from_raw(user)).expect("tests with other users run as root");
}

/// Runs an action as another user, on a thread of its own.
pub fn as_user<T: Send>(user: u32, action: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            become_user(user);
            action()
        });
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}
