//! The clients that wait for a change of the state.

use std::collections::VecDeque;

use shared::{Known, Light, MessageType};

/// The most watchers, and the most replies that can be owed.
const LIMIT: usize = 64;

/// The clients that get a reply at the next change: those that wait, and those that are owed one because they cannot have received
/// their last reply.
#[derive(Debug)]
pub(crate) struct Watchers {
    /// The reply types of the clients that wait, and what each knows; the oldest first. During a change also those that are owed a
    /// reply.
    waiting: VecDeque<(MessageType, Known)>,
    /// The reply types of the last replies. A reply is owed if it could not be sent, or was pushed out of the queue.
    replied: VecDeque<(MessageType, bool)>,
    /// The state that was last reported.
    told: Light,
}

impl Watchers {
    pub(crate) fn new(light: Light) -> Watchers {
        Watchers {
            waiting: VecDeque::with_capacity(2 * LIMIT),
            replied: VecDeque::with_capacity(LIMIT),
            told: light,
        }
    }

    /// Adds a client that knows the current state. If there is no room, removes the oldest client and returns its reply type.
    pub(crate) fn add(&mut self, reply_to: MessageType, known: Known) -> Option<MessageType> {
        let oldest = (self.waiting.len() >= LIMIT).then(|| self.waiting.pop_front());
        self.waiting.push_back((reply_to, known));
        oldest?.map(|(oldest, _)| oldest)
    }

    /// Removes the client with this reply type, because it sends a new WATCH.
    pub(crate) fn remove(&mut self, reply_to: MessageType) {
        self.waiting.retain(|&(waiting, _)| waiting != reply_to);
        self.replied.retain(|&(replied, _)| replied != reply_to);
    }

    /// Whether this state was already reported.
    pub(crate) fn know(&self, light: Light) -> bool {
        light.is_same(self.told)
    }

    /// Begins to report this state. Returns how many times to call [`Watchers::next`].
    pub(crate) fn tell(&mut self, light: Light) -> usize {
        let Watchers {
            waiting,
            replied,
            told,
        } = self;
        // A reply that is pushed out from now on is owed at the change after this one. Otherwise the replies of one change could
        // push each other out endlessly.
        replied.retain(|&(reply_to, is_owed)| {
            if is_owed {
                waiting.push_back((reply_to, (*told).into()));
            }
            !is_owed
        });
        *told = light;
        waiting.len()
    }

    /// The next client; none if it knows this state, and keeps waiting.
    pub(crate) fn next(&mut self, light: Light) -> Option<MessageType> {
        let (reply_to, known) = self.waiting.pop_front()?;
        if known.is(light) {
            self.waiting.push_back((reply_to, known));
            return None;
        }
        Some(reply_to)
    }

    /// Notes a reply to a client that no longer waits, and whether it is owed.
    pub(crate) fn replied(&mut self, reply_to: MessageType, is_owed: bool) {
        if self.replied.len() == LIMIT {
            self.replied.pop_front();
        }
        self.replied.push_back((reply_to, is_owed));
    }

    /// Notes that a reply was pushed out of the queue.
    pub(crate) fn pushed_out(&mut self, reply_to: MessageType) {
        let mut replied = self.replied.iter_mut();
        if let Some((_, is_owed)) = replied.find(|(replied, _)| *replied == reply_to) {
            *is_owed = true;
        }
    }

    /// Removes all clients: their reply queue is gone, so that they send a new WATCH.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.replied.clear();
    }
}

#[cfg(test)]
mod tests {
    use shared::{Brightness, State};

    use super::*;

    fn reply_type(number: i32) -> MessageType {
        MessageType::new(number.into()).unwrap()
    }

    fn told(watchers: &mut Watchers, light: impl Into<Light>) -> Vec<MessageType> {
        let light = light.into();
        let count = if watchers.know(light) {
            0
        } else {
            watchers.tell(light)
        };
        (0..count).filter_map(|_| watchers.next(light)).collect()
    }

    #[test]
    fn the_oldest_watcher_leaves_when_there_is_no_room() {
        let mut watchers = Watchers::new(State::Off.into());
        for number in 1..=64 {
            assert_eq!(watchers.add(reply_type(number), State::Off.into()), None);
        }
        // The same client watches again.
        watchers.remove(reply_type(1));
        assert_eq!(watchers.add(reply_type(1), State::Off.into()), None);
        let oldest = watchers.add(reply_type(65), State::Off.into());
        assert_eq!(oldest, Some(reply_type(2)));
        let expected: Vec<_> = (3..=64).chain([1, 65]).map(reply_type).collect();
        assert_eq!(told(&mut watchers, State::On), expected);
        assert_eq!(told(&mut watchers, State::Off), []);
    }

    #[test]
    fn who_knows_the_state_is_not_told() {
        let mut watchers = Watchers::new(State::Off.into());
        watchers.add(reply_type(1), State::Off.into());
        watchers.add(reply_type(2), State::On.into());
        assert_eq!(told(&mut watchers, State::Off), []);
        assert_eq!(told(&mut watchers, State::On), [reply_type(1)]);
        assert_eq!(told(&mut watchers, State::Off), [reply_type(2)]);
    }

    #[test]
    fn each_watcher_keeps_what_it_knows_of_the_brightness() {
        let mut watchers = Watchers::new(State::Off.into());
        let dimmed = |percent| Light {
            state: State::On,
            brightness: Brightness::new(percent).unwrap(),
        };
        watchers.add(reply_type(1), State::On.into());
        watchers.add(reply_type(2), dimmed(40).into());
        watchers.add(reply_type(3), dimmed(100).into());
        assert_eq!(told(&mut watchers, dimmed(40)), [reply_type(3)]);
        assert_eq!(told(&mut watchers, dimmed(41)), [reply_type(2)]);
        assert_eq!(told(&mut watchers, State::Off), [reply_type(1)]);
    }

    #[test]
    fn a_reply_that_cannot_have_been_received_is_owed_at_the_next_change() {
        let mut watchers = Watchers::new(State::Off.into());
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
        let mut watchers = Watchers::new(State::Off.into());
        watchers.replied(reply_type(1), true);
        watchers.add(reply_type(2), State::Off.into());
        let count = watchers.tell(State::On.into());
        assert_eq!(count, 2);
        assert_eq!(watchers.next(State::On.into()), Some(reply_type(2)));
        watchers.replied(reply_type(2), false);
        assert_eq!(watchers.next(State::On.into()), Some(reply_type(1)));
        watchers.pushed_out(reply_type(2));
        watchers.replied(reply_type(1), false);
        assert_eq!(watchers.next(State::On.into()), None);
        assert_eq!(told(&mut watchers, State::Off), [reply_type(2)]);
    }

    #[test]
    fn only_the_last_replies_can_be_owed() {
        let mut watchers = Watchers::new(State::Off.into());
        (1..=65).for_each(|number| watchers.replied(reply_type(number), false));
        (1..=65).for_each(|number| watchers.pushed_out(reply_type(number)));
        let expected: Vec<_> = (2..=65).map(reply_type).collect();
        assert_eq!(told(&mut watchers, State::On), expected);
    }
}
