//! System V message queues, safely: msgget(2), msgop(2) and msgctl(2). Nothing here depends on the protocol of the LED.

mod control;
mod error;
mod message;
mod mode;
mod queue;
mod receive;
mod select;
mod send;
mod status;
mod sys;

pub use error::Error;
pub use message::{Message, MessageType};
pub use mode::{Mode, ModeError};
pub use queue::{Access, OwnedQueue, Queue};
pub use select::{Oversize, Select};
pub use status::{Permissions, Status};
