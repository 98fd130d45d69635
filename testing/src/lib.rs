//! What the tests of several crates share: fixtures for the real programs, and properties for random input and for fuzzing.
#![forbid(unsafe_code)]

pub mod command_line;
pub mod decoding;
mod files;
mod fixture;
pub mod mqtt;
mod outcome;
mod programs;
mod repeat;
mod running;
mod users;
mod wait;

pub use fixture::Fixture;
pub use outcome::Outcome;
pub use programs::{bridge, build, programs};
pub use repeat::{Random, rounds};
pub use running::Running;
pub use rustix::process::Signal;
pub use users::{OTHER_USER, THIRD_USER, as_user, become_user};
pub use wait::{PATIENCE, SetOnDrop, wait_until};
