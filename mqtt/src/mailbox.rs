//! The commands that wait for an LED.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use shared::Command;
use tokio::time::Instant;

use crate::{board::ResponseTo, fold::fold};

/// The most STATUS commands that wait for an LED. Other commands are folded, so that at most a few wait between two of them.
const QUESTIONS_MAX: usize = 16;
/// The most commands that wait. More are only those that expire earlier and earlier, which replace none before them.
const JOBS_MAX: usize = 100;

/// A command for an LED.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) command: Command,
    pub(crate) respond: Option<ResponseTo>,
    /// The end of its message expiry interval.
    pub(crate) expiry: Option<Instant>,
}

/// The commands that wait for an LED, folded.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    jobs: Mutex<VecDeque<Job>>,
    filled: Condvar,
}

impl Mailbox {
    /// Adds a command. Returns those that it replaces.
    ///
    /// # Errors
    ///
    /// The command itself, if too many wait.
    pub(crate) fn put(&self, job: Job) -> Result<Vec<Job>, Job> {
        let mut jobs = self.lock();
        let questions = jobs.iter().filter(|job| job.command == Command::Status);
        if job.command == Command::Status && questions.count() >= QUESTIONS_MAX {
            return Err(job);
        }
        // What expires before the command that it would replace could leave neither of them.
        let expires_before = |waiting: &Job| match (job.expiry, waiting.expiry) {
            (Some(expiry), Some(waiting)) => expiry < waiting,
            (expiry, None) => expiry.is_some(),
            (None, _) => false,
        };
        let first = jobs.iter().rposition(expires_before).map_or(0, |it| it + 1);
        let waiting = jobs.range(first..).map(|job| job.command);
        let (replaced, command) = fold(waiting, job.command);
        let kept = jobs.len() - replaced;
        if kept >= JOBS_MAX {
            return Err(job);
        }
        let replaced = jobs.drain(kept..).collect();
        jobs.push_back(Job { command, ..job });
        self.filled.notify_one();
        Ok(replaced)
    }

    /// Waits for the first one.
    pub(crate) fn take(&self) -> Job {
        let mut jobs = self.lock();
        loop {
            match jobs.pop_front() {
                Some(job) => return job,
                None => {
                    jobs = self
                        .filled
                        .wait(jobs)
                        .unwrap_or_else(PoisonError::into_inner)
                }
            }
        }
    }

    /// Takes all of them.
    pub(crate) fn take_all(&self) -> VecDeque<Job> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn put(mailbox: &Mailbox, command: Command, seconds: Option<u64>) -> Result<Vec<Job>, Job> {
        mailbox.put(Job {
            command,
            respond: None,
            expiry: seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds)),
        })
    }

    #[test]
    fn a_command_does_not_replace_one_that_expires_later() {
        for (first, second, count) in [
            (None, None, 1),
            (Some(10), Some(10), 1),
            (Some(10), None, 1),
            (Some(10), Some(20), 1),
            (None, Some(10), 2),
            (Some(20), Some(10), 2),
        ] {
            let mailbox = Mailbox::default();
            put(&mailbox, Command::ON, first).unwrap();
            put(&mailbox, Command::OFF, second).unwrap();
            assert_eq!(mailbox.take_all().len(), count, "{first:?} {second:?}");
        }
    }

    #[test]
    fn commands_that_expire_earlier_and_earlier_are_limited_and_a_later_one_replaces_them() {
        let mailbox = Mailbox::default();
        let put_one = |number: u64| put(&mailbox, Command::ON, Some(10_000 - number)).is_ok();
        assert_eq!(
            (0..1000_u64).filter(|number| put_one(*number)).count(),
            JOBS_MAX
        );
        let replaced = put(&mailbox, Command::OFF, None).unwrap();
        assert_eq!(replaced.len(), JOBS_MAX);
    }
}
