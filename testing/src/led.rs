//! The queues of a fixture, and what they show of the controller and its LED.

use shared::{Access, Key, Message, MessageType, Oversize, Queue, Select};

use crate::{Fixture, Outcome, Running, Signal, wait_until};

impl Fixture {
    /// Asserts the state of the LED that `command status` prints.
    #[track_caller]
    pub fn assert_led(&self, state: &str) {
        let outcome = self.command(&["status"]);
        let begin = format!("{state} (queue {}: ", self.key);
        assert!(
            outcome.out.starts_with(&begin) && outcome.out.ends_with(")\n"),
            "{outcome:?}"
        );
        assert_eq!((outcome.code, outcome.err.as_str()), (Some(0), ""));
    }

    /// The command queue, opened for sending.
    #[must_use]
    pub fn queue(&self) -> Queue {
        Queue::open(self.key, Access::Send).expect("the controller has created its queue")
    }

    /// The reply queue, opened for receiving.
    #[must_use]
    pub fn replies(&self) -> Queue {
        Queue::open(self.key.reply(), Access::Receive).expect("the controller has created it")
    }

    /// The next reply, once it is there.
    #[must_use]
    pub fn reply(&self, select: Select) -> Message {
        let (replies, mut reply) = (self.replies(), None);
        wait_until("there is a reply", || {
            reply = replies.try_receive(select, Oversize::Keep).ok();
            reply.is_some()
        });
        reply.expect("there is one")
    }

    /// Sends a message to the command queue.
    pub fn send(&self, message_type: i64, text: &[u8]) {
        let message_type = MessageType::new(message_type).expect("a positive type");
        let message: Message<8192> = Message::new(message_type, text).expect("at most 8192 bytes");
        self.queue()
            .send(&message)
            .expect("the message can be sent");
    }

    /// Sends commands until the queue is full. Returns their number.
    pub fn fill(&self, text: &[u8]) -> usize {
        let message: Message<1024> = Message::new(MessageType::LED, text).expect("a text");
        let queue = self.queue();
        std::iter::from_fn(|| queue.try_send(&message).ok()).count()
    }

    /// Waits until this many messages are in the command queue of a stopped controller.
    pub fn wait_until_sent(&self, messages: u64) {
        wait_until("the client has sent its command", || {
            self.queue()
                .status()
                .is_ok_and(|status| status.messages == messages)
        });
    }

    /// Waits until a controller replies.
    pub fn wait_until_served(&self) {
        wait_until("the controller serves", || {
            self.command(&["status"]).code == Some(0)
        });
    }

    /// Ends the controller with a command.
    #[track_caller]
    pub fn exit(&self, controller: Running) -> Outcome {
        self.command(&["exit"]).assert_printed("ended");
        self.assert_clean_end(controller)
    }

    /// Ends the controller with SIGTERM.
    #[track_caller]
    pub fn terminate(&self, controller: Running) -> Outcome {
        controller.signal(Signal::TERM);
        self.assert_clean_end(controller)
    }

    /// Waits for the end of a controller, and asserts that it succeeds and leaves no queue.
    #[track_caller]
    pub fn assert_clean_end(&self, controller: Running) -> Outcome {
        let outcome = controller.wait();
        outcome.assert_code(0);
        assert!(self.has_no_queues(), "{outcome:?}");
        outcome
    }

    /// Whether neither queue exists.
    #[must_use]
    pub fn has_no_queues(&self) -> bool {
        [self.key, self.key.reply()]
            .iter()
            .all(|&key| Queue::open(key, Access::Find).is_err())
    }
}

/// Removes the queue with this key.
pub fn remove_queue(key: Key) {
    Queue::open(key, Access::Find)
        .and_then(|queue| queue.remove())
        .expect("a queue of this user");
}
