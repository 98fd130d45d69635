//! The contract between `controller` and `command`, and between `controller` and any client in any language.
//!
//! The controller creates and removes two System V message queues, see [`Queue`] and [`Key`]:
//!
//! | | command queue | reply queue |
//! |---|---|---|
//! | key | 1234 by default | the next one, 1235 |
//! | sender | clients | the controller alone |
//! | receiver | the controller alone | clients |
//! | mode by default | 0660, group `gpio` | 0740 |
//!
//! A [`Message`] has the C layout of msgop(2), native endian: a `long` that is its type, then up to [`TEXT_MAX`] bytes of
//! text. A [`Request`] is:
//!
//! | type | text | meaning |
//! |---|---|---|
//! | 1 | `ON [percent\|- [ms]]` | LED on, at this or the last brightness, after a fade of this time |
//! | 1 | `OFF [ms]` | LED off, after a fade of this time |
//! | 1 | `TOGGLE` | LED on if it is off, otherwise off |
//! | 1 | `BLINK on_ms off_ms [count]` | blink until the next command, or `count` times and then off |
//! | 1 | `FLASH on_ms off_ms [count]` | flash, once or `count` times, and then do what it did before |
//! | 1 | `STATUS` | reply with the state, and with more about the controller on further lines, see [`Info`] |
//! | 1 | `WATCH [state]` | reply as to `STATUS` as soon as the state is not this one, or at once without a state; after `ON` a brightness, after `BLINK` one with `%` |
//! | 2 | any | LED off, release the line, remove both queues, end |
//!
//! The text ends at its first NUL or newline, or at the end of the message. Blanks at its end are ignored, and so is the case of
//! the verb. After the NUL, `reply=` and a message type in decimal request a reply of that type on the reply queue, see
//! [`MessageType::random`]. The [`Reply`] is `OK <state>` or `ERR <reason>`, where the state is `OFF`, `ON` or
//! `BLINK on_ms off_ms [left]`. A line `brightness` follows that of an LED that is on or blinks below full brightness.
//! Without `reply=` there is no reply.
//!
//! A command queue belongs to a controller if a trusted user created it and its reply queue has the mark, see
//! [`Mode::is_of_replies`]. A command is applied at most once. If its reply is lost, `ON`, `OFF`, `STATUS` and `WATCH`
//! may be sent again, `TOGGLE`, `BLINK` and `FLASH` must not:
//! led-controller(7) has the rules.
//!
//! # A client
//!
//! ```no_run
//! use shared::{Access, Command, Key, Message, MessageType, Oversize, Queue, Reply, Request, Select};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let commands = Queue::open(Key::DEFAULT, Access::Send)?;
//! let replies = Queue::open(Key::DEFAULT.reply(), Access::Receive)?;
//! let reply_type = MessageType::random();
//! commands.try_send(&Request { command: Command::ON, reply_to: Some(reply_type) }.encode())?;
//! let reply: Message = replies.receive(Select::Type(reply_type), Oversize::Truncate)?;
//! match Reply::decode(&reply) {
//!     Some(Reply::Ok(light)) => println!("the LED is {}", light.state),
//!     Some(Reply::Err(reason)) => println!("refused: {reason}"),
//!     None => println!("not a reply of this protocol: {reply}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Message queues
//!
//! [`Queue`] wraps msgget(2), msgop(2) and msgctl(2) for any program: see the examples `mailbox`, `server` and `client`,
//! `reply_server` and `reply_client`, `priority_server` and `priority_client`, `monitor`. The documentation of each function lists
//! the errno of each [`Error`]. All unsafe code is in one file, around four calls. [`Timer`] and
//! [`Queue::receive_until`] add what System V does not have: a time limit. No public function panics or has undefined
//! behaviour.

#![warn(clippy::unwrap_used, clippy::expect_used)]

pub mod account;
mod count;
pub mod file;
pub mod kernel_led;
pub mod lock;
mod protocol;
mod sysv;

pub use count::count;
pub use protocol::{
    Blink, Brightness, Command, Fade, Incoming, Info, Key, KeyError, Known, Light, Line, Name,
    Place, Refusal, Refused, Reply, Request, State, TEXT_MAX,
};
pub use sysv::{
    Access, Error, Message, MessageType, Mode, ModeError, Oversize, OwnedQueue, Permissions, Queue,
    QueueStatus, Received, Select, Timer,
};
