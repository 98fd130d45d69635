//! The modes of the two queues: a closed queue, and the mark of a reply queue.

use crate::{Mode, QueueStatus};

/// The mark of a reply queue: the owner's execute bit, which the kernel ignores.
const REPLIES: u16 = 0o100;

impl Mode {
    /// The mode of a queue that its controller has created and not yet opened to clients.
    pub const CLOSED: Mode = Mode::from_raw(0o400);

    /// The mode of the reply queue for a command queue of this mode: the owner sends and receives, and all who may send
    /// commands may receive replies. [`Mode::is_of_replies`] is true of it.
    #[must_use]
    pub const fn of_replies(self) -> Mode {
        Mode::from_raw(REPLIES | 0o600 | (self.bits() & 0o022) << 1)
    }

    /// Whether this is the mode of a controller's reply queue: only the owner sends, and of the execute bits only 0100 is
    /// set. No command queue has this mode.
    #[must_use]
    pub const fn is_of_replies(self) -> bool {
        self.bits() & 0o733 == REPLIES | 0o600
    }
}

impl QueueStatus {
    /// Whether a controller lets clients use the queue: it closes a queue by its mode until it serves it, and by its limit when it
    /// ends.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.permissions.mode != Mode::CLOSED && self.limit > 0
    }
}
