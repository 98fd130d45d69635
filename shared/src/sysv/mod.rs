//! System V message queues, safely: msgget(2), msgop(2) and msgctl(2). Nothing here depends on the protocol of the LED.

mod control;
mod error;
mod list;
mod message;
mod mode;
mod queue;
mod receive;
mod select;
mod send;
mod status;
mod sys;
mod timer;

pub use error::Error;
pub use message::{Message, MessageType};
pub use mode::{Mode, ModeError};
pub use queue::{Access, OwnedQueue, Queue};
pub use receive::Received;
pub use select::{Oversize, Select};
pub use status::{Permissions, QueueStatus};
pub use timer::Timer;
