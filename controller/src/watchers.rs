//! The clients that wait for a change of the state.

use std::collections::VecDeque;

use shared::{MessageType, State};

/// The most watchers, and the most replies that can be owed. A client that does not receive its reply is one until the next
/// change.
const LIMIT: usize = 64;

/// The clients that are to get a reply at the next change: those who wait, and those whose last reply they cannot have received.
#[derive(Debug)]
pub(crate) struct Watchers {
    /// Their reply types, and the states that they know; the oldest first. A few more than the limit while they are told.
    waiting: VecDeque<(MessageType, State)>,
    /// The reply types of the last replies, and whether each is owed: it was not sent, or it was pushed out of the queue.
    replied: VecDeque<(MessageType, bool)>,
    /// The last state that they were told.
    told: State,
}

impl Watchers {
    pub(crate) fn new(state: State) -> Watchers {
        Watchers {
            waiting: VecDeque::with_capacity(2 * LIMIT),
            replied: VecDeque::with_capacity(LIMIT),
            told: state,
        }
    }

    /// Adds a client that knows the current state. If there is no room, removes the oldest client and returns its reply type.
    pub(crate) fn add(&mut self, reply_to: MessageType, known: State) -> Option<MessageType> {
        let oldest = (self.waiting.len() >= LIMIT).then(|| self.waiting.pop_front());
        self.waiting.push_back((reply_to, known));
        oldest?.map(|(oldest, _)| oldest)
    }

    /// Removes the client with this reply type: it watches again.
    pub(crate) fn remove(&mut self, reply_to: MessageType) {
        self.waiting.retain(|&(waiting, _)| waiting != reply_to);
        self.replied.retain(|&(replied, _)| replied != reply_to);
    }

    /// Whether this is the state of the last reply to them.
    pub(crate) fn know(&self, state: State) -> bool {
        state.is_same(self.told)
    }

    /// Begins to tell them this state. Returns how often to call [`Watchers::next`].
    pub(crate) fn tell(&mut self, state: State) -> usize {
        let Watchers {
            waiting,
            replied,
            told,
        } = self;
        // What is pushed out from now on is owed at the change after this one. Else each reply would push out another.
        replied.retain(|&(reply_to, is_owed)| {
            if is_owed {
                waiting.push_back((reply_to, *told));
            }
            !is_owed
        });
        *told = state;
        waiting.len()
    }

    /// The next client, unless it knows this state.
    pub(crate) fn next(&mut self, state: State) -> Option<MessageType> {
        let (reply_to, known) = self.waiting.pop_front()?;
        if known.is_same(state) {
            self.waiting.push_back((reply_to, known));
            return None;
        }
        Some(reply_to)
    }

    /// A reply to a client that is not one of those who wait: it is in the queue, or owed.
    pub(crate) fn replied(&mut self, reply_to: MessageType, is_owed: bool) {
        if self.replied.len() == LIMIT {
            self.replied.pop_front();
        }
        self.replied.push_back((reply_to, is_owed));
    }

    /// A reply was pushed out of the queue.
    pub(crate) fn pushed_out(&mut self, reply_to: MessageType) {
        let mut replied = self.replied.iter_mut();
        if let Some((_, is_owed)) = replied.find(|(replied, _)| *replied == reply_to) {
            *is_owed = true;
        }
    }

    /// Removes all: their reply queue is gone, and they watch again.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.replied.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply_type(number: i32) -> MessageType {
        MessageType::new(number.into()).unwrap()
    }

    fn told(watchers: &mut Watchers, state: State) -> Vec<MessageType> {
        let count = if watchers.know(state) {
            0
        } else {
            watchers.tell(state)
        };
        (0..count).filter_map(|_| watchers.next(state)).collect()
    }

    #[test]
    fn the_oldest_watcher_leaves_when_there_is_no_room() {
        let mut watchers = Watchers::new(State::Off);
        for number in 1..=64 {
            assert_eq!(watchers.add(reply_type(number), State::Off), None);
        }
        // The same client watches again.
        watchers.remove(reply_type(1));
        assert_eq!(watchers.add(reply_type(1), State::Off), None);
        let oldest = watchers.add(reply_type(65), State::Off);
        assert_eq!(oldest, Some(reply_type(2)));
        let expected: Vec<_> = (3..=64).chain([1, 65]).map(reply_type).collect();
        assert_eq!(told(&mut watchers, State::On), expected);
        assert_eq!(told(&mut watchers, State::Off), []);
    }

    #[test]
    fn who_knows_the_state_is_not_told() {
        let mut watchers = Watchers::new(State::Off);
        watchers.add(reply_type(1), State::Off);
        watchers.add(reply_type(2), State::On);
        assert_eq!(told(&mut watchers, State::Off), []);
        assert_eq!(told(&mut watchers, State::On), [reply_type(1)]);
        assert_eq!(told(&mut watchers, State::Off), [reply_type(2)]);
    }

    #[test]
    fn a_reply_that_cannot_have_been_received_is_owed_at_the_next_change() {
        let mut watchers = Watchers::new(State::Off);
        watchers.replied(reply_type(1), false);
        watchers.replied(reply_type(2), true);
        watchers.replied(reply_type(3), false);
        watchers.replied(reply_type(4), true);
        watchers.pushed_out(reply_type(3));
        watchers.pushed_out(reply_type(5));
        watchers.remove(reply_type(4));
        assert_eq!(told(&mut watchers, State::Off), []);
        assert_eq!(
            told(&mut watchers, State::On),
            [reply_type(2), reply_type(3)]
        );
        assert_eq!(told(&mut watchers, State::Off), []);
    }

    #[test]
    fn what_is_pushed_out_while_others_are_told_is_owed_later() {
        let mut watchers = Watchers::new(State::Off);
        watchers.replied(reply_type(1), true);
        watchers.add(reply_type(2), State::Off);
        let count = watchers.tell(State::On);
        assert_eq!(count, 2);
        assert_eq!(watchers.next(State::On), Some(reply_type(2)));
        watchers.replied(reply_type(2), false);
        assert_eq!(watchers.next(State::On), Some(reply_type(1)));
        watchers.pushed_out(reply_type(2));
        watchers.replied(reply_type(1), false);
        assert_eq!(watchers.next(State::On), None);
        assert_eq!(told(&mut watchers, State::Off), [reply_type(2)]);
    }

    #[test]
    fn only_the_last_replies_can_be_owed() {
        let mut watchers = Watchers::new(State::Off);
        (1..=65).for_each(|number| watchers.replied(reply_type(number), false));
        (1..=65).for_each(|number| watchers.pushed_out(reply_type(number)));
        let expected: Vec<_> = (2..=65).map(reply_type).collect();
        assert_eq!(told(&mut watchers, State::On), expected);
    }
}
