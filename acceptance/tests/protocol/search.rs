//! The search through all orders of the steps. It is breadth first, so no shorter trace leads to a violation.

use std::{
    collections::{VecDeque, hash_map::Entry},
    hash::BuildHasher,
    iter,
};

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::{client, controller, model::*};

/// Returns the number of states, or the invariant that one violates, and the steps that lead to it.
///
/// A state is remembered by its hash. That two of six million have the same one is as likely as 1 in a million.
pub(crate) fn explore(start: State, fault: Fault) -> Result<usize, (Invariant, String)> {
    // For each state that was seen, the one before it.
    let mut origins = Origins::from_iter([(fingerprint(&start), None)]);
    let mut pending = VecDeque::from([start.clone()]);
    while let Some(state) = pending.pop_front() {
        let number = fingerprint(&state);
        let steps = steps(&state, fault);
        if let Some(invariant) = violated(&state, steps.is_empty()) {
            return Err((invariant, trace(&origins, number, start, fault)));
        }
        for (.., next) in steps.into_iter().chain(events(&state)) {
            if let Entry::Vacant(entry) = origins.entry(fingerprint(&next)) {
                entry.insert(Some(number));
                pending.push_back(next);
            }
        }
    }
    Ok(origins.len())
}

type Origins = FxHashMap<u64, Option<u64>>;

fn fingerprint(state: &State) -> u64 {
    FxBuildHasher.hash_one(state)
}

/// Who takes it, what it is, and the state after it.
type Step = (&'static str, &'static str, State);

const CLIENTS: [&str; 3] = ["client 1", "client 2", "client 3"];
const CONTROLLERS: [&str; 2] = ["controller with lock 1", "controller with lock 2"];
const REMOVALS: [&str; 2] = ["removes the command queue", "removes the reply queue"];

/// What the processes can do. None can if all sleep, until something happens to them.
fn steps(state: &State, fault: Fault) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut add = |actor, action: fn(&mut State, usize, Fault) -> Option<&'static str>, me| {
        let mut next = state.clone();
        if let Some(action) = action(&mut next, me, fault) {
            steps.push((actor, action, next));
        }
    };
    for me in (0..state.clients.len()).filter(|&me| !state.clients[me].next.is_end()) {
        add(CLIENTS[me], client::step, me);
    }
    for me in (0..2).filter(|&me| state.controllers[me].main != Main::Absent) {
        add(CONTROLLERS[me], controller::serve, me);
        add(CONTROLLERS[me], controller::clean_up, me);
    }
    steps
}

/// What can happen to the processes.
fn events(state: &State) -> Vec<Step> {
    let mut events = Vec::new();
    let mut add = |actor, action, change: &dyn Fn(&mut State)| {
        let mut next = state.clone();
        change(&mut next);
        events.push((actor, action, next));
    };
    for (me, it) in state.controllers.iter().enumerate() {
        if it.main == Main::Absent {
            // A controller that finds the lock held ends at once, and changes nothing.
            if state.to_start.first() == Some(&me) {
                add(CONTROLLERS[me], "starts", &|next| {
                    next.to_start = &state.to_start[1..];
                    next.controllers[me].main = Main::FindCommands;
                });
            }
            continue;
        }
        if !state.was_killed {
            add(CONTROLLERS[me], "is killed", &|next| {
                next.was_killed = true;
                next.kill_controller(me);
            });
        }
        if !state.was_terminated && !it.must_end {
            add(CONTROLLERS[me], "gets SIGTERM", &|next| {
                next.was_terminated = true;
                next.controllers[me].must_end = true;
            });
        }
    }
    for (key, queue) in state.queues.iter().enumerate() {
        if queue.is_some() && !state.was_removed {
            add("another process", REMOVALS[key], &|next| {
                next.was_removed = true;
                next.remove(key);
            });
        }
    }
    events
}

/// The invariant that a state violates.
fn violated(state: &State, all_sleep: bool) -> Option<Invariant> {
    let is_served = state.controllers.iter().any(Controller::serves);
    for client in &state.clients {
        // If all sleep and no controller serves, the timeout of a client ends: it reports that there was no reply.
        let is_over = client.next.is_end() || all_sleep && !is_served;
        let is_lost = client.next == ClientStep::Unconfirmed
            || is_over && client.next != ClientStep::Confirmed && client.applied > 0;
        match client.verb {
            Verb::Toggle if client.applied > 1 => return Some(Invariant::ToggleIsAppliedOnce),
            Verb::Exit if client.applied > 1 => return Some(Invariant::ExitEndsOneController),
            _ if is_lost && !state.was_killed && !state.was_removed => {
                return Some(Invariant::RestartLosesNothing);
            }
            _ if all_sleep && !is_over => return Some(Invariant::NoProcessHangs),
            _ => {}
        }
    }
    let is_stuck = |it: &Controller| it.main != Main::Absent && !it.serves();
    match all_sleep && state.controllers.iter().any(is_stuck) {
        true => state.violated.or(Some(Invariant::NoProcessHangs)),
        false => state.violated,
    }
}

/// The steps that lead to the state with this number, one on a line.
fn trace(origins: &Origins, number: u64, start: State, fault: Fault) -> String {
    let mut numbers: Vec<u64> = iter::successors(Some(number), |it| origins[it]).collect();
    numbers.pop();
    let (mut state, mut text) = (start, String::new());
    for number in numbers.into_iter().rev() {
        let mut all = steps(&state, fault).into_iter().chain(events(&state));
        let step = all.find(|(.., next)| fingerprint(next) == number);
        let (actor, action, next) = step.expect("a step leads to each state");
        text += &format!("{actor} {action}{}\n", whose(&state, &next));
        state = next;
    }
    text
}

/// Whose message a controller takes in this step.
fn whose(before: &State, after: &State) -> String {
    let taken = |it: &Controller| it.message.or(it.refused);
    let controllers = iter::zip(&before.controllers, &after.controllers);
    let mut new = controllers.filter_map(|(old, new)| taken(new).filter(|_| taken(old).is_none()));
    new.next()
        .map_or(String::new(), |it| format!(" of client {}", it.client + 1))
}
