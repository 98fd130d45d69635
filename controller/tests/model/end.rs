//! Removed queues, and the end of the controller.

use std::{
    fs, iter, mem,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, mpsc::channel},
    thread::{self, JoinHandle},
    time::Instant,
};

use proptest::{prelude::*, test_runner::TestCaseResult};
use shared::{Message, Oversize, Queue, Select, lock::Lock};

use super::{
    PATIENCE,
    manual::default_limit,
    modelled::ModelledController,
    steps::{By, Text},
};
use crate::fake::{MODE, Recording, lock};

type Blocked<'a> = Option<MutexGuard<'a, Recording>>;

impl ModelledController {
    pub(crate) fn remove(
        &mut self,
        commands: bool,
        replies: bool,
        waiting: &[Text],
    ) -> TestCaseResult {
        self.turn_off_for_watchers()?;
        if commands {
            // The controller would wait for them.
            self.collect()?;
        }
        let recording = Arc::clone(&self.recording);
        let blocked = self.block(&recording, waiting, false)?;
        waiting.iter().for_each(|text| self.send(1, &text.0));
        if replies {
            let _ = self.replies().and_then(|queue| queue.remove());
            self.model.replies = None;
        }
        if !commands {
            waiting
                .iter()
                .for_each(|text| self.model.receive(1, &text.0, false));
            return Ok(());
        }
        let old = self.commands().unwrap();
        old.remove().unwrap();
        self.model.create_replies();
        drop(blocked);
        self.wait_until("the command queue is created again", || {
            self.commands().is_ok_and(|new| new != old)
        })
    }

    pub(crate) fn end(&mut self, by: &By, waiting: &[Text], led_fails: bool) -> TestCaseResult {
        self.turn_off_for_watchers()?;
        let recording = Arc::clone(&self.recording);
        // After a kill, the commands wait for the next controller.
        let waiting = match by {
            By::Kill { .. } => &[],
            By::Exit(_) | By::Signal => waiting,
        };
        self.let_led_fail(led_fails);
        let blocked = self.block(&recording, waiting, led_fails)?;
        let exit = match by {
            By::Exit(text) => Some(&text.0[..]),
            By::Signal | By::Kill { .. } => None,
        };
        let has_replies = self.model.replies.is_some();
        let clients = has_replies.then(|| self.clients()).transpose()?;
        if let Some(text) = exit {
            self.send(2, text);
        }
        waiting.iter().for_each(|text| self.send(1, &text.0));
        if exit.is_none() {
            self.request_end();
        }
        drop(blocked);
        let ended = self.join()?;
        let expected = self.model.end(exit.unwrap_or_default(), waiting, led_fails);
        prop_assert_eq!(ended, Some(!led_fails));
        prop_assert!(
            self.commands().is_err() && self.replies().is_err(),
            "a queue is left"
        );
        let replies = clients.map(|clients| self.read_all(clients.join().unwrap()));
        prop_assert_eq!(replies, expected);
        prop_assert_eq!(&lock(&recording).changes, &self.model.changes);
        Ok(())
    }

    /// Changes the LED if clients watch: then none does.
    pub(crate) fn change_for_watchers(&mut self) -> TestCaseResult {
        if self.model.has_watchers() {
            // None of their replies is pushed out.
            self.collect()?;
            self.limit_replies(default_limit());
            let command: &[u8] = if self.model.is_off() { b"ON" } else { b"OFF" };
            self.send(1, command);
            self.model.receive(1, command, false);
            self.compare()?;
        }
        Ok(())
    }

    /// Turns the LED off if clients watch: then the command that blocks the controller changes nothing for them.
    fn turn_off_for_watchers(&mut self) -> TestCaseResult {
        self.command_for_watchers(b"OFF")
    }

    fn command_for_watchers(&mut self, command: &[u8]) -> TestCaseResult {
        if self.model.has_watchers() {
            self.send(1, command);
            self.model.receive(1, command, false);
            self.compare()?;
        }
        Ok(())
    }

    /// If commands are to wait, blocks the controller in a write to its LED.
    pub(crate) fn block<'a>(
        &mut self,
        recording: &'a Mutex<Recording>,
        waiting: &[Text],
        led_fails: bool,
    ) -> Result<Blocked<'a>, TestCaseError> {
        if waiting.is_empty() {
            return Ok(None);
        }
        let blocked = lock(recording);
        self.send(1, b"OFF");
        self.model.receive(1, b"OFF", led_fails);
        self.wait_until("the controller receives the command", || {
            self.commands().unwrap().status().unwrap().messages == 0
        })?;
        Ok(Some(blocked))
    }

    /// Starts a thread that receives all replies until the reply queue is removed. Returns when it sleeps.
    pub(crate) fn clients(&mut self) -> Result<JoinHandle<Vec<Message>>, TestCaseError> {
        self.collect()?;
        let replies = self.replies().unwrap();
        let (sender, task) = channel();
        let thread = thread::spawn(move || {
            sender
                .send(fs::read_link("/proc/thread-self").unwrap())
                .unwrap();
            iter::from_fn(|| replies.receive(Select::Any, Oversize::Truncate).ok()).collect()
        });
        let stat = Path::new("/proc").join(task.recv().unwrap()).join("stat");
        let start = Instant::now();
        while !fs::read_to_string(&stat).unwrap().contains(") S ") {
            prop_assert!(start.elapsed() < PATIENCE, "timed out: the clients sleep");
        }
        Ok(thread)
    }

    /// Leaves queues and records as a killed controller does.
    pub(crate) fn leave(&mut self) {
        let key = self.fixture.key;
        for (key, mode) in [(key.reply(), MODE.of_replies()), (key, MODE)] {
            let queue = Queue::create(key, mode).unwrap();
            Lock::acquire_in(self.fixture.path(), key)
                .unwrap()
                .record(&queue)
                .unwrap();
            mem::forget(queue);
        }
        self.model.replies = None;
    }
}
