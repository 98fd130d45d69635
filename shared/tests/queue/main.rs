//! What the kernel does with a queue, and what the API makes of it, call by call.
//!
//! The comments name the cases of the Linux Test Project (testcases/kernel/syscalls/ipc) that a test answers to. What
//! those try with bad pointers, flags and types no test can: the API has no words for it.
//!
//! Each queue is private or has a key of its own, so that tests may run side by side, and is removed when it goes out of
//! scope.

#[macro_use]
mod common;
mod msgctl;
mod msgget;
mod msgrcv;
mod msgsnd;
mod stress;
