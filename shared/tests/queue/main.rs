//! The behaviour of the kernel's queues, and of the API, call by call.
//!
//! The comments name the cases of the Linux Test Project (testcases/kernel/syscalls/ipc) that a test corresponds to. Its
//! cases with bad pointers, flags and types have no equivalent here: the API does not accept them.
//!
//! Each queue is private or has a key of its own, so that tests can run in parallel, and is removed when it goes out of
//! scope.

#[macro_use]
mod common;
mod msgctl;
mod msgget;
mod msgrcv;
mod msgsnd;
mod sleeping_receiver;
mod stress;
