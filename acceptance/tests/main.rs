//! The real programs, tried from outside: one program, which is linked once.
#![forbid(unsafe_code)]

mod a_minute;
mod at_most_once;
mod bad_input;
mod blink;
mod brightness;
mod client;
mod commands;
mod completions;
mod contributing;
mod controller;
mod doctor;
mod documents;
mod endure;
mod environment;
mod initial;
mod interop;
mod kernel_led;
mod life;
mod machine;
mod manual;
mod mqtt;
mod names;
mod package;
mod permissions;
mod protocol;
mod release;
mod stall;
mod status;
mod terminal;
mod trust;
mod watch;
mod watchers;
