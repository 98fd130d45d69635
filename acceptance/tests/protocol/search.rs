//! The search through all orders of the steps. It is breadth first, so no shorter trace leads to a violation.

use std::{
    collections::{VecDeque, hash_map::Entry},
    hash::{BuildHasher, Hash},
    iter,
};

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::model::{Fault, Invariant};

/// Something that takes steps.
pub(crate) trait Model: Clone + Hash {
    /// What the processes can do. None can if all sleep, until something happens to them.
    fn steps(&self, fault: Fault) -> Vec<Step<Self>>;

    /// What can happen to the processes.
    fn events(&self, _fault: Fault) -> Vec<Step<Self>> {
        Vec::new()
    }

    /// The invariant that it violates.
    fn violated(&self, all_sleep: bool) -> Option<Invariant>;

    /// What a trace says of the step to this state, besides its name.
    fn detail(&self, _next: &Self) -> String {
        String::new()
    }
}

/// Who takes it, what it is, and the state after it.
pub(crate) type Step<M> = (&'static str, &'static str, M);

/// Returns the number of states, or the invariant that one violates, and the steps that lead to it.
///
/// A state is remembered by its hash. That two of nine million have the same one is as likely as 1 in 400,000.
pub(crate) fn explore<M: Model>(start: M, fault: Fault) -> Result<usize, (Invariant, String)> {
    // For each state that was seen, the one before it.
    let mut origins = Origins::from_iter([(fingerprint(&start), None)]);
    let mut pending = VecDeque::from([start.clone()]);
    while let Some(state) = pending.pop_front() {
        let number = fingerprint(&state);
        let steps = state.steps(fault);
        if let Some(invariant) = state.violated(steps.is_empty()) {
            return Err((invariant, trace(&origins, number, start, fault)));
        }
        for (.., next) in steps.into_iter().chain(state.events(fault)) {
            if let Entry::Vacant(entry) = origins.entry(fingerprint(&next)) {
                entry.insert(Some(number));
                pending.push_back(next);
            }
        }
    }
    Ok(origins.len())
}

type Origins = FxHashMap<u64, Option<u64>>;

fn fingerprint(state: &impl Hash) -> u64 {
    FxBuildHasher.hash_one(state)
}

/// The steps that lead to the state with this number, one on a line.
fn trace<M: Model>(origins: &Origins, number: u64, start: M, fault: Fault) -> String {
    let mut numbers: Vec<u64> = iter::successors(Some(number), |it| origins[it]).collect();
    numbers.pop();
    let (mut state, mut text) = (start, String::new());
    for number in numbers.into_iter().rev() {
        let mut all = state.steps(fault).into_iter().chain(state.events(fault));
        let step = all.find(|(.., next)| fingerprint(next) == number);
        let (actor, action, next) = step.expect("a step leads to each state");
        text += &format!("{actor} {action}{}\n", state.detail(&next));
        state = next;
    }
    text
}
