//! Removed queues, and the end of the controller.

use std::{
    fs, iter, mem,
    path::Path,
    sync::{Arc, Mutex, mpsc::channel},
    thread::{self, JoinHandle},
    time::Instant,
};

use controller::QueueOptions;
use nix::sys::signal::Signal;
use proptest::{prelude::*, test_runner::TestCaseResult};
use shared::{Message, Oversize, Queue, Select, lock::Lock};

use crate::{
    PATIENCE,
    led::{Blocked, Recording, lock},
    modelled::ModelledController,
    steps::{By, Text},
};

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
        let waiting = if let By::Kill { .. } = by {
            &[]
        } else {
            waiting
        };
        lock(&recording).fails = led_fails;
        let blocked = self.block(&recording, waiting, led_fails)?;
        let exit = if let By::Exit(text) = by {
            &text.0[..]
        } else {
            b""
        };
        let clients = if self.model.replies.is_some() {
            Some(self.clients()?)
        } else {
            None
        };
        if let By::Exit(text) = by {
            self.send(2, &text.0);
        }
        waiting.iter().for_each(|text| self.send(1, &text.0));
        if !matches!(by, By::Exit(_)) {
            self.shutdown.request(Signal::SIGTERM);
        }
        drop(blocked);
        self.wait_until("the controller ends", || self.has_ended())?;
        let ended = self.thread.take().unwrap().join();
        let expected = self.model.end(exit, waiting, led_fails);
        prop_assert_eq!(ended.ok().map(|ended| ended.is_ok()), Some(!led_fails));
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
            let command: &[u8] = if self.model.is_off() { b"ON" } else { b"OFF" };
            self.send(1, command);
            self.model.receive(1, command, false);
            self.compare()?;
        }
        Ok(())
    }

    /// Turns the LED off if clients watch: then the command that blocks the controller changes nothing for them.
    fn turn_off_for_watchers(&mut self) -> TestCaseResult {
        if self.model.has_watchers() {
            self.send(1, b"OFF");
            self.model.receive(1, b"OFF", false);
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
        let QueueOptions { key, mode, .. } = self.options;
        for (key, mode) in [(key.reply(), mode.of_replies()), (key, mode)] {
            let queue = Queue::create(key, mode).unwrap();
            Lock::acquire_in(self.directory.path(), key)
                .unwrap()
                .record(&queue)
                .unwrap();
            mem::forget(queue);
        }
        self.model.replies = None;
    }
}
