//! The steps of the work: a line at the end of each, with its time, and one about those that take long.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::Error;

/// After this silence the running steps are named.
const SILENCE: Duration = Duration::from_secs(9);

static RUNNING: Mutex<Running> = Mutex::new(Running {
    steps: Vec::new(),
    spoke: None,
});

struct Running {
    steps: Vec<(String, Instant)>,
    spoke: Option<Instant>,
}

impl Running {
    fn lock() -> MutexGuard<'static, Running> {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&mut self, line: &str) {
        println!("{line}");
        self.spoke = Some(Instant::now());
    }
}

/// Does a step, and prints its time and name at its end.
pub(crate) fn step<T>(name: &str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let start = Instant::now();
    Running::lock().steps.push((name.to_owned(), start));
    let done = work();
    let mut running = Running::lock();
    running.steps.retain(|(other, _)| other != name);
    let verdict = if done.is_ok() { "" } else { ": FAILED" };
    let seconds = start.elapsed().as_secs_f32();
    running.say(&format!("{seconds:6.1} s  {name}{verdict}"));
    done
}

/// Prints text that belongs together.
pub(crate) fn say(text: &str) {
    Running::lock().say(text);
}

/// Names the running steps whenever nothing was said for some time, until this process ends.
pub(crate) fn watch() {
    thread::spawn(|| {
        loop {
            thread::sleep(Duration::from_millis(500));
            let mut running = Running::lock();
            let longest = running.steps.iter().map(|(_, start)| *start).min();
            let silent_since = running.spoke.max(longest);
            if !running.steps.is_empty() && silent_since.is_some_and(|at| at.elapsed() > SILENCE) {
                let names: Vec<String> = running
                    .steps
                    .iter()
                    .map(|(name, start)| format!("{name} ({} s)", start.elapsed().as_secs()))
                    .collect();
                running.say(&format!("      …   {}", names.join("; ")));
            }
        }
    });
}
