//! The contract between `controller` and `command`, and between `controller` and any client in any language.
//!
//! Two System V message queues, both made and removed by the controller, see [`Queue`] and [`Key`]:
//!
//! | | command queue | reply queue |
//! |---|---|---|
//! | key | 1234 by default | the next one, 1235 |
//! | who sends | clients | the controller alone |
//! | who receives | the controller alone | clients |
//! | mode by default | 0660, group `gpio` | 0740 |
//!
//! A [`Message`] is the C layout of msgop(2), native endian: a `long` that is its type, then up to [`TEXT_MAX`] bytes of
//! text. A [`Request`] to the controller:
//!
//! | type | text | meaning |
//! |---|---|---|
//! | 1 | `ON` | LED on |
//! | 1 | `OFF` | LED off |
//! | 1 | `TOGGLE` | the other one |
//! | 1 | `BLINK on_ms off_ms [count]` | blink until the next command, or so many times and then off |
//! | 1 | `STATUS` | change nothing, answer with the state |
//! | 1 | `INFO` | the same, and what there is to know of the controller, see [`Info`] |
//! | 2 | any | LED off, release the line, remove both queues, end |
//!
//! The text ends at its first NUL or at the end of the message; blanks and a newline at its end are ignored, and so is the
//! case of the verb. After the NUL `reply=` and a decimal number may follow: the message type under which the sender waits for
//! its answer on the reply queue, see [`MessageType::random`]. The [`Reply`] has that type and the text `OK <state>` or
//! `ERR <reason>`, where the state is `OFF`, `ON` or `BLINK on_ms off_ms [left]`. Without `reply=` there is no answer.
//!
//! A queue is a controller's if a trusted user made it and its reply queue is marked, see [`Mode::is_of_replies`]. A command is
//! applied at most once. Where its answer is lost, `ON`, `OFF` and questions may be sent again, `TOGGLE` and `BLINK` may not:
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
//! let question = MessageType::random();
//! commands.try_send(&Request { command: Command::On, reply_to: Some(question) }.encode())?;
//! let answer: Message = replies.receive(Select::Type(question), Oversize::Truncate)?;
//! match Reply::decode(&answer) {
//!     Some(Reply::Ok(state)) => println!("the LED is {state}"),
//!     Some(Reply::Err(reason)) => println!("refused: {reason}"),
//!     None => println!("no answer of this protocol: {answer}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Message queues
//!
//! [`Queue`] is all of msgget(2), msgop(2) and msgctl(2) that is safe to say, for any program: see the examples `mailbox`,
//! `server` and `client`, `reply_server` and `reply_client`, `priority_server` and `priority_client`, `monitor`. Each
//! function names the errno behind each [`Error`]. Calls that sleep go on after a signal; what ends them is the removal of the
//! queue. `unsafe` is in one file, around four calls, and no panic or undefined behaviour can be reached from what is public.

#![warn(clippy::unwrap_used, clippy::expect_used)]

pub mod account;
mod blink;
mod error;
mod info;
mod key;
pub mod lock;
mod message;
mod queue;
mod record;
mod reply;
mod request;
mod sys;

pub use blink::Blink;
pub use error::Error;
pub use info::{Info, Line};
pub use key::{Key, KeyError};
pub use message::{Message, MessageType, TEXT_MAX};
pub use queue::{Access, Mode, ModeError, Oversize, OwnedQueue, Permissions, Queue, Select, Status};
pub use reply::{Reply, State};
pub use request::{Command, Incoming, Refusal, Refused, Request};
