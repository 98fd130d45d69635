//! The four System V message queue calls, and a zeroed structure for one of them. All unsafe code is here.
//!
//! One function per libc call. What the kernel writes is `&mut`; what it returns stays an integer or an [`io::Error`] with
//! the errno. The modules above this one give them a meaning.
#![allow(
    unsafe_code,
    reason = "neither libc nor a maintained crate has safe msg* calls"
)]

use std::io;

use libc::{c_int, c_long, key_t, msqid_ds};

/// `struct msgbuf` of msgop(2) with `N` bytes of text.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Layout<const N: usize> {
    pub(super) message_type: c_long,
    pub(super) message_text: [u8; N],
}

const _: () = {
    assert!(size_of::<Layout<256>>() == size_of::<c_long>() + 256);
    assert!(std::mem::offset_of!(Layout<257>, message_text) == size_of::<c_long>());
};

/// msgget(2).
pub(super) fn msgget(key: key_t, flags: c_int) -> io::Result<c_int> {
    // SAFETY: msgget takes two integers and accesses no memory of this process.
    let result = unsafe { libc::msgget(key, flags) };
    check(result)
}

/// msgsnd(2) of the first `length` bytes of the text, or of all `N` if `length` is greater.
pub(super) fn msgsnd<const N: usize>(
    id: c_int,
    message: &Layout<N>,
    length: usize,
    flags: c_int,
) -> io::Result<()> {
    let length = length.min(N);
    // SAFETY: `message` points to a `long` followed by N >= `length` initialised bytes, which the kernel only reads.
    let result = unsafe { libc::msgsnd(id, std::ptr::from_ref(message).cast(), length, flags) };
    check(result).map(drop)
}

/// msgrcv(2) into a text of up to `N` bytes. Returns its length.
pub(super) fn msgrcv<const N: usize>(
    id: c_int,
    message: &mut Layout<N>,
    selector: c_long,
    flags: c_int,
) -> io::Result<usize> {
    // SAFETY: `message` points to a `long` followed by N bytes, to which nothing else points, and N is the size that is given.
    let result =
        unsafe { libc::msgrcv(id, std::ptr::from_mut(message).cast(), N, selector, flags) };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// msgctl(2). `IPC_SET` reads `status` and the `STAT` commands write it; `IPC_RMID` ignores it. `IPC_INFO` writes a `struct msginfo`
/// instead, which is smaller; callers use only the result.
pub(super) fn msgctl(id: c_int, command: c_int, status: &mut msqid_ds) -> io::Result<c_int> {
    // SAFETY: `status` points to a whole `msqid_ds`, to which nothing else points, and no command reads or writes more.
    let result = unsafe { libc::msgctl(id, command, status) };
    check(result)
}

const _: () = assert!(size_of::<libc::msginfo>() <= size_of::<msqid_ds>());

/// A `msqid_ds` of zeros, for [`msgctl`] to fill.
pub(super) fn blank_status() -> msqid_ds {
    // SAFETY: msqid_ds consists of integers only, for which all zero bytes are a valid value.
    unsafe { std::mem::zeroed() }
}

fn check(result: c_int) -> io::Result<c_int> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
