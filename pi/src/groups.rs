//! Groups of scenes that depend on no other group. Two are played at a time, because QEMU uses one core for each machine.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use crate::{
    Error,
    machine::Machine,
    stage::{Scene, Stage},
    steps::{say, step},
};

const AT_A_TIME: usize = 2;

/// What plays the scenes of a group.
type Play<'a> = Box<dyn FnOnce(&mut Verdict) -> Result<(), Error> + Send + 'a>;

pub(crate) struct Group<'a> {
    pub(crate) name: &'static str,
    play: Play<'a>,
}

impl<'a> Group<'a> {
    pub(crate) fn new(
        name: &'static str,
        play: impl FnOnce(&mut Verdict) -> Result<(), Error> + Send + 'a,
    ) -> Group<'a> {
        let play = Box::new(play);
        Group { name, play }
    }
}

/// The result of the scenes of a group.
pub(crate) struct Verdict {
    group: &'static str,
    passed: usize,
    failed: Vec<String>,
}

impl Verdict {
    /// Does something for the scenes, as a step of the group.
    pub(crate) fn step<T>(
        &self,
        name: &str,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        step(&format!("{}: {name}", self.group), work)
    }

    /// Plays a scene. If it fails, shows what was typed and seen, and the output of the command `trouble`. The next scenes
    /// follow.
    pub(crate) fn play(&mut self, machine: &mut Machine, name: &str, scene: Scene, trouble: &str) {
        let mut stage = Stage {
            machine,
            transcript: String::new(),
        };
        let played = self.step(name, || scene(&mut stage));
        if let Err(error) = &played {
            stage.note(&format!("{error}\n# {trouble}"));
            let shown = stage.machine.run(trouble).unwrap_or_default();
            stage.note(&shown);
            say(&stage.transcript);
        }
        self.count(name, played);
    }

    pub(crate) fn count(&mut self, scene: &str, played: Result<(), Error>) {
        match played {
            Ok(()) => self.passed += 1,
            Err(error) => self
                .failed
                .push(format!("{}: {scene}: {error}", self.group)),
        }
    }
}

/// Plays all groups, whichever of them fail. The error names all failures.
pub(crate) fn play(groups: Vec<Group<'_>>) -> Result<(), Error> {
    let queue = Mutex::new(VecDeque::from(groups));
    let verdicts = Mutex::new(Vec::new());
    let next = || lock(&queue).pop_front();
    let work = || {
        while let Some(group) = next() {
            let mut verdict = Verdict {
                group: group.name,
                passed: 0,
                failed: Vec::new(),
            };
            if let Err(error) = (group.play)(&mut verdict) {
                verdict.failed.push(format!("{}: {error}", group.name));
            }
            lock(&verdicts).push(verdict);
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(work);
        }
    });
    let verdicts = lock(&verdicts);
    let passed: usize = verdicts.iter().map(|verdict| verdict.passed).sum();
    let failed: Vec<&str> = verdicts
        .iter()
        .flat_map(|verdict| verdict.failed.iter().map(String::as_str))
        .collect();
    say(&format!("{passed} passed, {} failed", failed.len()));
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed.join("\n").into())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
