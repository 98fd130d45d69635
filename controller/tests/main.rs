//! The controller without its process: one program, which is linked once.
#![forbid(unsafe_code)]

mod allocation;
mod end;
mod fake;
mod model;
mod options;
mod server;
