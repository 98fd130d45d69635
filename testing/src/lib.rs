//! What the tests of several crates share: fixtures for the real programs, and properties for random input and for fuzzing.
#![forbid(unsafe_code)]

pub mod command_line;
pub mod decoding;
mod files;
mod fixture;
mod keys;
mod led;
pub mod mqtt;
mod outcome;
pub mod process;
mod programs;
mod repeat;
mod running;
mod users;
mod wait;

pub use files::watches;
pub use fixture::Fixture;
pub use keys::key;
pub use led::remove_queue;
pub use outcome::Outcome;
pub use programs::{bridge, build, programs};
pub use repeat::{Random, rounds};
pub use running::Running;
pub use rustix::process::Signal;
pub use users::{OTHER_USER, THIRD_USER, as_user, become_user};
pub use wait::{PATIENCE, SetOnDrop, wait_until, wait_until_idle};
