//! Comparing the replies and the state with those of the model.

use std::{collections::VecDeque, iter, mem, time::Instant};

use proptest::{prelude::*, test_runner::TestCaseResult};
use shared::{Message, MessageType, Oversize, Select};

use super::{PATIENCE, manual::Reply, modelled::ModelledController};
use crate::fake::{WORKS, lock};

/// The type of the test's own replies, which no random request has.
const PROBE: i64 = 4711;

impl ModelledController {
    pub(crate) fn compare(&mut self) -> TestCaseResult {
        let (start, mut passes) = (Instant::now(), self.model.pass_time());
        if passes {
            // Room for the replies of all following requests.
            self.collect()?;
        }
        while passes {
            let (reply, expected) = self.ask(b"STATUS\0reply=4711\0")?;
            // The state and the last change do not come at the same instant.
            let has_come = reply == expected
                && lock(&self.recording).changes.len() >= self.model.changes.len();
            // The state during a fade is that at its end.
            let is_passing = reply == expected || reply.1.starts_with("OK BLINK 1 ");
            passes = !has_come && is_passing && start.elapsed() < PATIENCE;
        }
        let (reply, expected) = self.ask(b"STATUS\0reply=4711\0")?;
        prop_assert_eq!(reply, expected);
        let mut recording = lock(&self.recording);
        recording.failures = WORKS;
        prop_assert_eq!(
            mem::take(&mut recording.changes),
            mem::take(&mut self.model.changes)
        );
        let waiting = self.replies().unwrap().status().unwrap().messages;
        prop_assert_eq!(
            waiting,
            self.model.replies.as_ref().unwrap().len() as u64,
            "replies"
        );
        Ok(())
    }

    /// The reply, and the expected one.
    pub(crate) fn ask(&mut self, text: &[u8]) -> Result<(Reply, Reply), TestCaseError> {
        loop {
            self.send(1, text);
            self.model.receive(1, text, false);
            let replies = self.model.replies.as_mut().unwrap();
            if replies
                .back()
                .is_some_and(|(reply_to, _)| *reply_to == PROBE)
            {
                let expected = replies.pop_back().unwrap();
                let (own, mut reply) = (Select::Type(MessageType::new(PROBE).unwrap()), None);
                self.wait_until("a reply comes", || {
                    reply = self
                        .replies()
                        .and_then(|replies| replies.try_receive(own, Oversize::Truncate))
                        .ok();
                    reply.is_some()
                })?;
                return Ok((self.read(&reply.unwrap()), expected));
            }
            self.wait_until("the reply queue is created again", || {
                self.replies().is_ok()
            })?;
        }
    }

    /// Receives and compares all replies.
    pub(crate) fn collect(&mut self) -> TestCaseResult {
        if let (Some(expected), Ok(replies)) =
            (self.model.replies.as_mut().map(mem::take), self.replies())
        {
            let next = || replies.try_receive(Select::Any, Oversize::Truncate).ok();
            let replies: VecDeque<_> = iter::from_fn(next).map(|reply| self.read(&reply)).collect();
            prop_assert_eq!(replies, expected);
        }
        Ok(())
    }

    pub(crate) fn read_all(&self, replies: Vec<Message>) -> Vec<Reply> {
        replies.iter().map(|reply| self.read(reply)).collect()
    }

    /// Type and text of a reply, with an uptime of 0.
    pub(crate) fn read(&self, reply: &Message) -> Reply {
        let text = String::from_utf8_lossy(reply.text()).into_owned();
        let uptime = text
            .split_once("\nuptime ")
            .and_then(|(_, rest)| rest.lines().next()?.parse().ok());
        let uptime = uptime.filter(|&uptime: &u64| uptime <= self.started.elapsed().as_secs());
        let text = uptime
            .map(|uptime| text.replace(&format!("\nuptime {uptime}\n"), "\nuptime 0\n"))
            .unwrap_or(text);
        (reply.message_type().get(), text)
    }
}
