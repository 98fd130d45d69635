//! The clients that wait for a change of the state.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use shared::{MessageType, State};

/// The most watchers. A client that does not receive its reply is one until the next change.
const LIMIT: usize = 64;

/// The reply types of the clients that know the current state, the oldest first.
#[derive(Debug)]
pub(crate) struct Watchers {
    waiting: VecDeque<MessageType>,
    /// The state that all of them know.
    known: State,
    exist: Arc<AtomicBool>,
}

impl Watchers {
    pub(crate) fn new() -> Watchers {
        Watchers {
            waiting: VecDeque::with_capacity(LIMIT),
            known: State::Off,
            exist: Arc::default(),
        }
    }

    /// Whether there are any, for another thread.
    pub(crate) fn exist(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.exist)
    }

    /// Adds a client that knows this state. It must be the current one, and all others must know it. If there is no room,
    /// removes the oldest client and returns its reply type.
    pub(crate) fn add(&mut self, reply_to: MessageType, known: State) -> Option<MessageType> {
        let oldest = if self.waiting.len() == LIMIT {
            self.waiting.pop_front()
        } else {
            None
        };
        self.waiting.push_back(reply_to);
        self.known = known;
        self.update();
        oldest
    }

    /// Removes the client with this reply type: it watches again.
    pub(crate) fn remove(&mut self, reply_to: MessageType) {
        self.waiting.retain(|&waiting| waiting != reply_to);
        self.update();
    }

    /// The current state, if clients wait and know another one.
    pub(crate) fn news(&self, current: impl FnOnce() -> State) -> Option<State> {
        if self.waiting.is_empty() {
            None
        } else {
            Some(current()).filter(|state| !state.is_same(self.known))
        }
    }

    /// Removes the oldest one.
    pub(crate) fn next(&mut self) -> Option<MessageType> {
        let next = self.waiting.pop_front();
        self.update();
        next
    }

    /// Removes all: their reply queue is gone, and they watch again.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.update();
    }

    fn update(&self) {
        self.exist.store(!self.waiting.is_empty(), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply_type(number: i32) -> MessageType {
        MessageType::new(number.into()).unwrap()
    }

    #[test]
    fn the_oldest_watcher_leaves_when_there_is_no_room() {
        let mut watchers = Watchers::new();
        for number in 1..=64 {
            assert_eq!(watchers.add(reply_type(number), State::Off), None);
        }
        // The same client watches again.
        watchers.remove(reply_type(1));
        assert_eq!(watchers.add(reply_type(1), State::Off), None);
        assert_eq!(
            watchers.add(reply_type(65), State::Off),
            Some(reply_type(2))
        );
        let left: Vec<_> = std::iter::from_fn(|| watchers.next()).collect();
        assert_eq!(
            (left.len(), left[0], left[62], left[63]),
            (64, reply_type(3), reply_type(1), reply_type(65))
        );
        assert!(!watchers.exist().load(Ordering::SeqCst));
    }
}
