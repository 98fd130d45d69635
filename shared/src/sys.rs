//! The four System V message queue calls, and a blank structure for one of them: nothing else is unsafe.
//!
//! One function for one libc call. What the kernel writes is `&mut`; what it answers stays an integer or an
//! [`io::Error`] that keeps the errno. Meaning is given to both in [`crate::queue`].
#![allow(unsafe_code, reason = "the four msg* calls have no safe form in libc or in a kept crate")]

use std::io;

use libc::{c_int, c_long, key_t, msqid_ds};

/// `struct msgbuf` of msgop(2) with `N` bytes of text.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Layout<const N: usize> {
    pub(crate) message_type: c_long,
    pub(crate) message_text: [u8; N],
}

const _: () = {
    assert!(size_of::<Layout<256>>() == size_of::<c_long>() + 256);
    assert!(std::mem::offset_of!(Layout<257>, message_text) == size_of::<c_long>());
};

/// msgget(2).
pub(crate) fn msgget(key: key_t, flags: c_int) -> io::Result<c_int> {
    // SAFETY: msgget takes two integers and touches no memory of ours.
    let result = unsafe { libc::msgget(key, flags) };
    check(result)
}

/// msgsnd(2) of the first `length` bytes of the text; never more than the `N` that are there.
pub(crate) fn msgsnd<const N: usize>(id: c_int, message: &Layout<N>, length: usize, flags: c_int) -> io::Result<()> {
    let length = length.min(N);
    // SAFETY: `message` points to a `long` followed by N >= `length` initialised bytes, which the kernel only reads.
    let result = unsafe { libc::msgsnd(id, std::ptr::from_ref(message).cast(), length, flags) };
    check(result).map(drop)
}

/// msgrcv(2) into all `N` bytes of the text; returns how many of them were written.
pub(crate) fn msgrcv<const N: usize>(
    id: c_int,
    message: &mut Layout<N>,
    selector: c_long,
    flags: c_int,
) -> io::Result<usize> {
    // SAFETY: `message` points to a `long` followed by N bytes, ours alone to write, and N is the size that is given.
    let result = unsafe { libc::msgrcv(id, std::ptr::from_mut(message).cast(), N, selector, flags) };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// msgctl(2). `status` is what `IPC_SET` reads and the `STAT` commands write; `IPC_RMID` ignores it, and `IPC_INFO`
/// writes its smaller `struct msginfo` over the head of it, to be ignored.
pub(crate) fn msgctl(id: c_int, command: c_int, status: &mut msqid_ds) -> io::Result<c_int> {
    // SAFETY: `status` points to a whole `msqid_ds`, ours alone to write, the largest thing any command reads or writes.
    let result = unsafe { libc::msgctl(id, command, status) };
    check(result)
}

const _: () = assert!(size_of::<libc::msginfo>() <= size_of::<msqid_ds>());

/// A `msqid_ds` of zeros for [`msgctl`] to fill.
pub(crate) fn blank_status() -> msqid_ds {
    // SAFETY: msqid_ds consists of integers only, for which all zeros is a value.
    unsafe { std::mem::zeroed() }
}

fn check(result: c_int) -> io::Result<c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
