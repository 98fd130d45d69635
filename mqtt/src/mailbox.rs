//! The commands that wait for an LED.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use shared::Command;
use tokio::time::Instant;

use crate::{board::ResponseTo, fold::fold};

/// The most questions for the state that wait for an LED. Commands are folded, so that two for each of them are the most.
const QUESTIONS_MAX: usize = 16;

/// A command for an LED.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) command: Command,
    pub(crate) respond: Option<ResponseTo>,
    /// When it loses its meaning.
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
    /// The command itself, if too many questions wait.
    pub(crate) fn put(&self, job: Job) -> Result<Vec<Job>, Job> {
        let mut jobs = self.lock();
        let questions = jobs.iter().filter(|job| job.command == Command::Status);
        if job.command == Command::Status && questions.count() >= QUESTIONS_MAX {
            return Err(job);
        }
        let (replaced, command) = fold(jobs.iter().map(|job| job.command), job.command);
        let kept = jobs.len() - replaced;
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
