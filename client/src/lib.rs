//! A client of the LED controller: sends commands at most once, and follows the state.
//!
//! [`ask`] sends one command and waits for its reply; [`Follower`] reports each change of the state. Both survive a restart of
//! the controller, and neither sends anything to a queue that an untrusted user created. They work in any thread, and handle
//! SIGURG.
//!
//! An [`Error`] has the cause. The program adds the next step.
//!
//! led-controller(7) has the protocol.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod ask;
mod attempt;
mod deadline;
mod error;
mod follow;
mod locate;
mod permissions;
mod receiver;
mod send;
mod state_text;
mod target;
mod waiting;
mod wakeup;

pub use ask::{Outcome, ask, ask_info, send_only};
pub use deadline::Patience;
pub use error::{Error, Kind};
pub use follow::{Event, Follower};
pub use permissions::NamedPermissions;
pub use state_text::StateText;
pub use target::{Target, look_up};
pub use waiting::{LastReceived, Waiting, messages_waiting};
